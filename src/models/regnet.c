/* SPDX-License-Identifier: Apache-2.0 */
/* timm's regnet.py: RegNet X and Y (2003.13678), Z (2103.06877), pre-activation V. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "layers/classifier.h"
#include "layers/conv_bn_act.h"
#include "layers/downsample.h"
#include "layers/make_divisible.h"
#include "layers/squeeze_excite.h"
#include "layers/stages.h"
#include "layers/taps.h"
#include "models/filters.h"
#include "models/model.h"

/* Where the shapes differ: a 1x1 convolution, an average pool before it, or nothing to add. */
typedef enum shortcut_kind { CONV, AVG, NO_SHORTCUT } shortcut_kind;

typedef struct regnet_variant {
    const char *name;
    int depth;            /* blocks of all stages */
    int initial;          /* the first block's width */
    double slope, factor; /* widths grow by the slope, in steps that are powers of the factor */
    int group_size;       /* at most the bottleneck's width */
    double least_ratio;   /* of a bottleneck's width after it was rounded to whole groups; 0: any */
    double bottle_ratio;  /* 1 */
    double se_ratio;      /* 0: no squeeze-and-excitation */
    int stem_width;       /* 32 */
    shortcut_kind shortcut;
    bool linear_out; /* no activation after a block */
    bool preact;
    int features;        /* of a convolution at the end; 0: none */
    tm_act_kind act;     /* ReLU */
    int norm_group_size; /* group norm; 0: batch norm */
} regnet_variant;

/* clang-format off */
static const regnet_variant variants[] = {
    {.name = "regnetv_040", .depth = 22, .initial = 96, .slope = 31.41, .factor = 2.24,
     .group_size = 64, .se_ratio = 0.25, .preact = true, .act = TM_ACT_SILU},
    {.name = "regnetv_064", .depth = 25, .initial = 112, .slope = 33.22, .factor = 2.27,
     .group_size = 72, .se_ratio = 0.25, .shortcut = AVG, .preact = true, .act = TM_ACT_SILU},
    {.name = "regnetx_002", .depth = 13, .initial = 24, .slope = 36.44, .factor = 2.49,
     .group_size = 8},
    {.name = "regnetx_004", .depth = 22, .initial = 24, .slope = 24.48, .factor = 2.54,
     .group_size = 16},
    {.name = "regnetx_004_tv", .depth = 22, .initial = 24, .slope = 24.48, .factor = 2.54,
     .group_size = 16, .least_ratio = 0.9},
    {.name = "regnetx_006", .depth = 16, .initial = 48, .slope = 36.97, .factor = 2.24,
     .group_size = 24},
    {.name = "regnetx_008", .depth = 16, .initial = 56, .slope = 35.73, .factor = 2.28,
     .group_size = 16},
    {.name = "regnetx_016", .depth = 18, .initial = 80, .slope = 34.01, .factor = 2.25,
     .group_size = 24},
    {.name = "regnetx_032", .depth = 25, .initial = 88, .slope = 26.31, .factor = 2.25,
     .group_size = 48},
    {.name = "regnetx_040", .depth = 23, .initial = 96, .slope = 38.65, .factor = 2.43,
     .group_size = 40},
    {.name = "regnetx_064", .depth = 17, .initial = 184, .slope = 60.83, .factor = 2.07,
     .group_size = 56},
    {.name = "regnetx_080", .depth = 23, .initial = 80, .slope = 49.56, .factor = 2.88,
     .group_size = 120},
    {.name = "regnetx_120", .depth = 19, .initial = 168, .slope = 73.36, .factor = 2.37,
     .group_size = 112},
    {.name = "regnetx_160", .depth = 22, .initial = 216, .slope = 55.59, .factor = 2.1,
     .group_size = 128},
    {.name = "regnetx_320", .depth = 23, .initial = 320, .slope = 69.86, .factor = 2,
     .group_size = 168},
    {.name = "regnety_002", .depth = 13, .initial = 24, .slope = 36.44, .factor = 2.49,
     .group_size = 8, .se_ratio = 0.25},
    {.name = "regnety_004", .depth = 16, .initial = 48, .slope = 27.89, .factor = 2.09,
     .group_size = 8, .se_ratio = 0.25},
    {.name = "regnety_006", .depth = 15, .initial = 48, .slope = 32.54, .factor = 2.32,
     .group_size = 16, .se_ratio = 0.25},
    {.name = "regnety_008", .depth = 14, .initial = 56, .slope = 38.84, .factor = 2.4,
     .group_size = 16, .se_ratio = 0.25},
    {.name = "regnety_008_tv", .depth = 14, .initial = 56, .slope = 38.84, .factor = 2.4,
     .group_size = 16, .least_ratio = 0.9, .se_ratio = 0.25},
    {.name = "regnety_016", .depth = 27, .initial = 48, .slope = 20.71, .factor = 2.65,
     .group_size = 24, .se_ratio = 0.25},
    {.name = "regnety_032", .depth = 21, .initial = 80, .slope = 42.63, .factor = 2.66,
     .group_size = 24, .se_ratio = 0.25},
    {.name = "regnety_040", .depth = 22, .initial = 96, .slope = 31.41, .factor = 2.24,
     .group_size = 64, .se_ratio = 0.25},
    {.name = "regnety_040_sgn", .depth = 22, .initial = 96, .slope = 31.41, .factor = 2.24,
     .group_size = 64, .se_ratio = 0.25, .act = TM_ACT_SILU, .norm_group_size = 16},
    {.name = "regnety_064", .depth = 25, .initial = 112, .slope = 33.22, .factor = 2.27,
     .group_size = 72, .se_ratio = 0.25},
    {.name = "regnety_080", .depth = 17, .initial = 192, .slope = 76.82, .factor = 2.19,
     .group_size = 56, .se_ratio = 0.25},
    {.name = "regnety_080_tv", .depth = 17, .initial = 192, .slope = 76.82, .factor = 2.19,
     .group_size = 56, .least_ratio = 0.9, .se_ratio = 0.25},
    {.name = "regnety_120", .depth = 19, .initial = 168, .slope = 73.36, .factor = 2.37,
     .group_size = 112, .se_ratio = 0.25},
    {.name = "regnety_1280", .depth = 27, .initial = 456, .slope = 160.83, .factor = 2.52,
     .group_size = 264, .se_ratio = 0.25},
    {.name = "regnety_160", .depth = 18, .initial = 200, .slope = 106.23, .factor = 2.48,
     .group_size = 112, .se_ratio = 0.25},
    {.name = "regnety_2560", .depth = 27, .initial = 640, .slope = 230.83, .factor = 2.53,
     .group_size = 373, .se_ratio = 0.25},
    {.name = "regnety_320", .depth = 20, .initial = 232, .slope = 115.89, .factor = 2.53,
     .group_size = 232, .se_ratio = 0.25},
    {.name = "regnety_640", .depth = 20, .initial = 352, .slope = 147.48, .factor = 2.4,
     .group_size = 328, .se_ratio = 0.25},
    {.name = "regnetz_005", .depth = 21, .initial = 16, .slope = 10.7, .factor = 2.51,
     .group_size = 4, .bottle_ratio = 4, .se_ratio = 0.25, .shortcut = NO_SHORTCUT,
     .linear_out = true, .features = 1024, .act = TM_ACT_SILU},
    {.name = "regnetz_040", .depth = 28, .initial = 48, .slope = 14.5, .factor = 2.226,
     .group_size = 8, .bottle_ratio = 4, .se_ratio = 0.25, .shortcut = NO_SHORTCUT,
     .linear_out = true, .act = TM_ACT_SILU},
    {.name = "regnetz_040_h", .depth = 28, .initial = 48, .slope = 14.5, .factor = 2.226,
     .group_size = 8, .bottle_ratio = 4, .se_ratio = 0.25, .shortcut = NO_SHORTCUT,
     .linear_out = true, .features = 1536, .act = TM_ACT_SILU},
};
/* clang-format on */

#define STAGES 4

typedef struct regnet {
    tm_builder *b;
    const regnet_variant *v;
    tm_act_kind act;
    int depths[STAGES], widths[STAGES], group_sizes[STAGES];
} regnet;

typedef struct block {
    int width, group_size, stride;
    int dilation;    /* of this block's convolutions */
    bool same_shape; /* the input can be added as it is */
} block;

static tm_norm norm_of(const regnet *m, int channels)
{
    if (m->v->norm_group_size)
        return (tm_norm){.kind = TM_NORM_GROUP, .groups = channels / m->v->norm_group_size};
    return (tm_norm){.kind = TM_NORM_BATCH};
}

static tm_node *conv_norm(const regnet *m, const char *name, tm_node *x, tm_conv conv,
                          tm_act_kind act)
{
    return tm_conv_norm_act(m->b, name, x, conv,
                            (tm_conv_tail){.norm = norm_of(m, conv.out), .act = act});
}

static tm_node *norm_act(const regnet *m, const char *name, tm_node *x)
{
    return tm_activate(m->b, tm_normalize(m->b, name, x, norm_of(m, x->shape.c)), m->act);
}

static tm_node *squeeze_excite(const regnet *m, tm_node *x, int in)
{
    int reduced = (int)rint(in * m->v->se_ratio);
    if (m->v->se_ratio == 0)
        return x;
    return tm_squeeze_excite_with(m->b, "se", x, (tm_squeeze){.reduced = reduced, .act = m->act});
}

static tm_node *add_shortcut(const regnet *m, tm_node *y, tm_node *x, block k)
{
    if (k.same_shape)
        return tm_add(m->b, y, x);
    tm_conv conv = {.out = k.width, .kernel = 1, .stride = k.stride};
    const char *name = "downsample";
    switch (m->v->shortcut) {
    case NO_SHORTCUT:
        return y;
    case AVG:
        x = tm_shortcut_pool(m->b, x, k.stride, k.dilation);
        conv.stride = 1;
        name = "downsample.1";
        break;
    case CONV:
        break;
    }
    x = m->v->preact ? tm_conv2d(m->b, name, x, conv) : conv_norm(m, name, x, conv, TM_ACT_NONE);
    return tm_add(m->b, y, x);
}

static double bottle_ratio(const regnet *m)
{
    return m->v->bottle_ratio > 0 ? m->v->bottle_ratio : 1;
}

/* The bottleneck's two convolutions before the one that leaves it. */
static void bottleneck_convs(const regnet *m, block k, tm_conv *first, tm_conv *second)
{
    int width = (int)rint(k.width * bottle_ratio(m));
    *first = (tm_conv){.out = width, .kernel = 1};
    *second = (tm_conv){.out = width,
                        .kernel = 3,
                        .stride = k.stride,
                        .dilation = k.dilation,
                        .groups = width / k.group_size};
}

static tm_node *bottleneck(const regnet *m, tm_node *x, block k)
{
    tm_conv first, second;
    bottleneck_convs(m, k, &first, &second);
    tm_node *y = conv_norm(m, "conv1", x, first, m->act);
    y = conv_norm(m, "conv2", y, second, m->act);
    y = squeeze_excite(m, y, x->shape.c);
    y = conv_norm(m, "conv3", y, (tm_conv){.out = k.width, .kernel = 1}, TM_ACT_NONE);
    y = add_shortcut(m, y, x, k);
    return m->v->linear_out ? y : tm_activate(m->b, y, m->act);
}

static tm_node *preact_bottleneck(const regnet *m, tm_node *x, block k)
{
    tm_conv first, second;
    bottleneck_convs(m, k, &first, &second);
    x = norm_act(m, "norm1", x);
    tm_node *y = norm_act(m, "norm2", tm_conv2d(m->b, "conv1", x, first));
    y = squeeze_excite(m, tm_conv2d(m->b, "conv2", y, second), x->shape.c);
    y = norm_act(m, "norm3", y);
    y = tm_conv2d(m->b, "conv3", y, (tm_conv){.out = k.width, .kernel = 1});
    return add_shortcut(m, y, x, k);
}

static tm_node *stage(const regnet *m, tm_node *x, int index, tm_stage s)
{
    int width = m->widths[index];
    int block_dilation = s.first_dilation;
    tm_push(m->b, "s%d", index + 1);
    for (int i = 0; i < m->depths[index]; i++) {
        block k = {.width = width,
                   .group_size = m->group_sizes[index],
                   .stride = i ? 1 : s.stride,
                   .dilation = block_dilation,
                   .same_shape =
                       x->shape.c == width && (i || s.stride == 1) && block_dilation == s.dilation};
        tm_push(m->b, "b%d", i + 1);
        x = m->v->preact ? preact_bottleneck(m, x, k) : bottleneck(m, x, k);
        tm_pop(m->b);
        block_dilation = s.dilation;
    }
    tm_pop(m->b);
    return x;
}

static tm_node *final_conv(const regnet *m, tm_node *x)
{
    if (m->v->features)
        return conv_norm(m, "final_conv", x, (tm_conv){.out = m->v->features, .kernel = 1}, m->act);
    return m->v->linear_out || m->v->preact ? tm_activate(m->b, x, m->act) : x;
}

/* ---- widths ---- */

/* Of a block, in float32 as timm has it. */
static int designed_width(const regnet_variant *v, int index)
{
    float width = (float)index * (float)v->slope + (float)v->initial;
    float steps = rintf(logf(width / (float)v->initial) / (float)log(v->factor));
    return (int)rintf((float)v->initial * powf((float)v->factor, steps) / 8) * 8;
}

/* Blocks of one width are a stage. False: there are not as many as stages. */
static bool divide_blocks(regnet *m)
{
    int stage = -1;
    for (int i = 0, last = 0; i < m->v->depth; i++) {
        int width = designed_width(m->v, i);
        if (width != last && ++stage == STAGES)
            return false;
        m->widths[stage] = last = width;
        m->depths[stage]++;
    }
    return stage == STAGES - 1;
}

/* Makes a stage's bottleneck a whole number of groups. False: it has no channels. */
static bool fit_groups(regnet *m, int stage)
{
    double ratio = bottle_ratio(m);
    int width = (int)(m->widths[stage] * ratio);
    int group = m->v->group_size < width ? m->v->group_size : width;
    if (!group)
        return false;
    width = m->v->least_ratio > 0 ? tm_divisible(width, group, m->v->least_ratio)
                                  : (int)rint((double)width / group) * group;
    m->widths[stage] = (int)(width / ratio);
    m->group_sizes[stage] = group;
    return true;
}

static void design(regnet *m)
{
    if (m->v->initial % 8)
        tm_refuse(m->b, "w0 (%d) should be divisible by 8", m->v->initial);
    if (!divide_blocks(m))
        tm_refuse(m->b, "depth, w0, wa and wm do not make blocks of four widths");
    for (int i = 0; i < STAGES; i++)
        if (!fit_groups(m, i))
            tm_refuse(m->b, "bottle_ratio %g leaves no channels", m->v->bottle_ratio);
}

static void build(tm_builder *b, const void *variant)
{
    static const char *const names[] = {"s1", "s2", "s3", "s4"};
    const regnet_variant *v = variant;
    regnet m = {.b = b, .v = v, .act = v->act ? v->act : TM_ACT_RELU};
    design(&m);
    if (b->graph->error.status)
        return;
    tm_conv stem = {.out = v->stem_width ? v->stem_width : 32, .kernel = 3, .stride = 2};
    tm_node *x = v->preact ? tm_conv2d(b, "stem", b->graph->input, stem)
                           : conv_norm(&m, "stem", b->graph->input, stem, m.act);
    tm_stages walk = tm_stages_begin(b, 2, 8);
    tm_tap_stage(b, "stem", x, walk.reduction);
    for (int i = 0; i < STAGES; i++) {
        tm_stage s = tm_stages_next(&walk, 2);
        x = stage(&m, x, i, s);
        tm_tap_stage(b, names[i], x, s.reduction);
    }
    x = final_conv(&m, x);
    b->graph->pruning = v->features ? TM_PRUNING_TOGETHER : TM_PRUNING_BY_LAYOUT;
    tm_tap_final(b, x);
    tm_classifier_head(b, x, "avg", "head.fc");
}

/* ---- checkpoints ---- */

static const tm_replacement block_names[] = {
    {"f.a.0", "conv1.conv"},         {"f.a.1", "conv1.bn"},
    {"f.b.0", "conv2.conv"},         {"f.b.1", "conv2.bn"},
    {"f.final_bn", "conv3.bn"},      {"f.se.excitation.0", "se.fc1"},
    {"f.se.excitation.2", "se.fc2"}, {"f.se", "se"},
    {"f.c.0", "conv3.conv"},         {"f.c.1", "conv3.bn"},
    {"f.c", "conv3.conv"},           {"proj.0", "downsample.conv"},
    {"proj.1", "downsample.bn"},     {"proj", "downsample.conv"}};

/* Both count stages from 1 and blocks from 0. */
static void rename_blocks(tm_state_dict *dict)
{
    for (size_t i = 0; i < dict->count; i++) {
        tm_tensor_view *view = &dict->tensors[i];
        int stage, index, end = 0;
        sscanf(view->name, "trunk_output.block%4d.block%*d-%4d%n", &stage, &index, &end);
        if (!end)
            sscanf(view->name, "_feature_blocks.res%*d.block%4d-%4d%n", &stage, &index, &end);
        if (end)
            tm_state_rename(dict, view, "s%d.b%d%s%s", stage, index + 1,
                            strncmp(view->name + end, ".bn", 3) ? "" : ".downsample",
                            view->name + end);
    }
    tm_replace_all(dict, block_names, sizeof block_names / sizeof *block_names);
}

static void from_torchvision(tm_state_dict *dict)
{
    tm_state_replace(dict, "stem.0", "stem.conv");
    tm_state_replace(dict, "stem.1", "stem.bn");
    rename_blocks(dict);
    tm_state_replace(dict, "fc.", "head.fc.");
}

/* ClassyVision and VISSL (SEER): trunk and heads are dicts of their own. */
static void from_classy(tm_state_dict *dict)
{
    static const tm_replacement table[] = {{"_feature_blocks.conv1.stem.0", "stem.conv"},
                                           {"_feature_blocks.conv1.stem.1", "stem.bn"},
                                           {"0.clf.0", "head.fc"}};
    tm_drop_containing(dict, "projection_head");
    tm_drop_containing(dict, "prototypes");
    tm_replace_all(dict, table, sizeof table / sizeof *table);
    rename_blocks(dict);
}

static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    static const char *const classy[] = {"classy_state_dict/base_model/model/trunk",
                                         "classy_state_dict/base_model/model/heads"};
    (void)graph, (void)variant;
    if (tm_take_groups(dict, classy, 2))
        from_classy(dict);
    else if (tm_state_find(dict, "stem.0.weight"))
        from_torchvision(dict);
}

static const tm_choice shortcuts[] = {
    {"conv1x1", CONV}, {"avg", AVG}, {"", NO_SHORTCUT}, {NULL, 0}};

#define REGNET(name, kind, member, ...) TM_TAKES(regnet_variant, name, kind, member, __VA_ARGS__)
static const tm_argument arguments[] = {
    REGNET("depth", INTEGER, depth, TM_DEPTHS),
    REGNET("w0", INTEGER, initial, TM_WIDTHS),
    REGNET("wa", NUMBER, slope, 0, 65536),
    REGNET("wm", NUMBER, factor, 1.001, 64),
    REGNET("group_size", INTEGER, group_size, TM_WIDTHS),
    REGNET("group_min_ratio", NUMBER, least_ratio, 0, 1),
    REGNET("bottle_ratio", NUMBER, bottle_ratio, TM_RATIOS),
    REGNET("se_ratio", NUMBER, se_ratio, 0, 64),
    REGNET("stem_width", INTEGER, stem_width, TM_WIDTHS),
    REGNET("downsample", CHOICE, shortcut, TM_ANY, .choices = shortcuts),
    REGNET("linear_out", FLAG, linear_out, TM_ANY),
    REGNET("preact", FLAG, preact, TM_ANY),
    REGNET("num_features", INTEGER, features, 0, 65536),
    REGNET("act_layer", ACT, act, TM_ANY),
};

const tm_family tm_family_regnet = {.module = "regnet",
                                    TM_VARIANTS(variants),
                                    TM_ARGUMENTS(arguments),
                                    .build = build,
                                    .filter = filter};
