/* SPDX-License-Identifier: Apache-2.0 */
/* timm's regnet.py: RegNet X and Y (2003.13678), Z (2103.06877), pre-activation V. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "layers/classifier.h"
#include "layers/conv_bn_act.h"
#include "layers/downsample.h"
#include "layers/squeeze_excite.h"
#include "layers/stages.h"
#include "layers/taps.h"
#include "models/filters.h"
#include "models/model.h"

/* Where the shapes differ: a 1x1 convolution, an average pool before it, or nothing to add. */
typedef enum shortcut_kind { CONV, AVG, NO_SHORTCUT } shortcut_kind;

typedef struct regnet_variant {
    const char *name;
    int depths[4], widths[4];
    int group_size;   /* at most the bottleneck's width */
    int bottle_ratio; /* 1 */
    bool se;
    shortcut_kind shortcut;
    bool linear_out; /* no activation after a block */
    bool preact;
    int features;        /* of a convolution at the end; 0: none */
    tm_act_kind act;     /* ReLU */
    int norm_group_size; /* group norm; 0: batch norm */
} regnet_variant;

/* clang-format off */
static const regnet_variant variants[] = {
    {.name = "regnetv_040", .depths = {2, 6, 12, 2}, .widths = {128, 192, 512, 1088},
     .group_size = 64, .se = true, .preact = true, .act = TM_ACT_SILU},
    {.name = "regnetv_064", .depths = {2, 7, 14, 2}, .widths = {144, 288, 576, 1296},
     .group_size = 72, .se = true, .shortcut = AVG, .preact = true, .act = TM_ACT_SILU},
    {.name = "regnetx_002", .depths = {1, 1, 4, 7}, .widths = {24, 56, 152, 368}, .group_size = 8},
    {.name = "regnetx_004", .depths = {1, 2, 7, 12}, .widths = {32, 64, 160, 384}, .group_size = 16},
    {.name = "regnetx_004_tv", .depths = {1, 2, 7, 12}, .widths = {32, 64, 160, 400},
     .group_size = 16},
    {.name = "regnetx_006", .depths = {1, 3, 5, 7}, .widths = {48, 96, 240, 528}, .group_size = 24},
    {.name = "regnetx_008", .depths = {1, 3, 7, 5}, .widths = {64, 128, 288, 672}, .group_size = 16},
    {.name = "regnetx_016", .depths = {2, 4, 10, 2}, .widths = {72, 168, 408, 912},
     .group_size = 24},
    {.name = "regnetx_032", .depths = {2, 6, 15, 2}, .widths = {96, 192, 432, 1008},
     .group_size = 48},
    {.name = "regnetx_040", .depths = {2, 5, 14, 2}, .widths = {80, 240, 560, 1360},
     .group_size = 40},
    {.name = "regnetx_064", .depths = {2, 4, 10, 1}, .widths = {168, 392, 784, 1624},
     .group_size = 56},
    {.name = "regnetx_080", .depths = {2, 5, 15, 1}, .widths = {80, 240, 720, 1920},
     .group_size = 120},
    {.name = "regnetx_120", .depths = {2, 5, 11, 1}, .widths = {224, 448, 896, 2240},
     .group_size = 112},
    {.name = "regnetx_160", .depths = {2, 6, 13, 1}, .widths = {256, 512, 896, 2048},
     .group_size = 128},
    {.name = "regnetx_320", .depths = {2, 7, 13, 1}, .widths = {336, 672, 1344, 2520},
     .group_size = 168},
    {.name = "regnety_002", .depths = {1, 1, 4, 7}, .widths = {24, 56, 152, 368}, .group_size = 8,
     .se = true},
    {.name = "regnety_004", .depths = {1, 3, 6, 6}, .widths = {48, 104, 208, 440}, .group_size = 8,
     .se = true},
    {.name = "regnety_006", .depths = {1, 3, 7, 4}, .widths = {48, 112, 256, 608}, .group_size = 16,
     .se = true},
    {.name = "regnety_008", .depths = {1, 3, 8, 2}, .widths = {64, 128, 320, 768}, .group_size = 16,
     .se = true},
    {.name = "regnety_008_tv", .depths = {1, 3, 8, 2}, .widths = {64, 144, 320, 784},
     .group_size = 16, .se = true},
    {.name = "regnety_016", .depths = {2, 6, 17, 2}, .widths = {48, 120, 336, 888},
     .group_size = 24, .se = true},
    {.name = "regnety_032", .depths = {2, 5, 13, 1}, .widths = {72, 216, 576, 1512},
     .group_size = 24, .se = true},
    {.name = "regnety_040", .depths = {2, 6, 12, 2}, .widths = {128, 192, 512, 1088},
     .group_size = 64, .se = true},
    {.name = "regnety_040_sgn", .depths = {2, 6, 12, 2}, .widths = {128, 192, 512, 1088},
     .group_size = 64, .se = true, .act = TM_ACT_SILU, .norm_group_size = 16},
    {.name = "regnety_064", .depths = {2, 7, 14, 2}, .widths = {144, 288, 576, 1296},
     .group_size = 72, .se = true},
    {.name = "regnety_080", .depths = {2, 4, 10, 1}, .widths = {168, 448, 896, 2016},
     .group_size = 56, .se = true},
    {.name = "regnety_080_tv", .depths = {2, 4, 10, 1}, .widths = {224, 448, 896, 2016},
     .group_size = 56, .se = true},
    {.name = "regnety_120", .depths = {2, 5, 11, 1}, .widths = {224, 448, 896, 2240},
     .group_size = 112, .se = true},
    {.name = "regnety_1280", .depths = {2, 7, 17, 1}, .widths = {528, 1056, 2904, 7392},
     .group_size = 264, .se = true},
    {.name = "regnety_160", .depths = {2, 4, 11, 1}, .widths = {224, 448, 1232, 3024},
     .group_size = 112, .se = true},
    {.name = "regnety_2560", .depths = {2, 7, 17, 1}, .widths = {746, 1492, 4103, 10444},
     .group_size = 373, .se = true},
    {.name = "regnety_320", .depths = {2, 5, 12, 1}, .widths = {232, 696, 1392, 3712},
     .group_size = 232, .se = true},
    {.name = "regnety_640", .depths = {2, 5, 12, 1}, .widths = {328, 984, 1968, 4920},
     .group_size = 328, .se = true},
    {.name = "regnetz_005", .depths = {1, 4, 9, 7}, .widths = {16, 40, 104, 256}, .group_size = 4,
     .bottle_ratio = 4, .se = true, .shortcut = NO_SHORTCUT, .linear_out = true, .features = 1024,
     .act = TM_ACT_SILU},
    {.name = "regnetz_040", .depths = {2, 6, 14, 6}, .widths = {48, 104, 240, 528}, .group_size = 8,
     .bottle_ratio = 4, .se = true, .shortcut = NO_SHORTCUT, .linear_out = true, .act = TM_ACT_SILU},
    {.name = "regnetz_040_h", .depths = {2, 6, 14, 6}, .widths = {48, 104, 240, 528},
     .group_size = 8, .bottle_ratio = 4, .se = true, .shortcut = NO_SHORTCUT, .linear_out = true,
     .features = 1536, .act = TM_ACT_SILU},
};
/* clang-format on */

typedef struct regnet {
    tm_builder *b;
    const regnet_variant *v;
    tm_act_kind act;
} regnet;

typedef struct block {
    int width, stride;
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
    if (!m->v->se)
        return x;
    return tm_squeeze_excite_with(m->b, "se", x,
                                  (tm_squeeze){.reduced = (int)rint(in * 0.25), .act = m->act});
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

/* The bottleneck's two convolutions before the one that leaves it. */
static void bottleneck_convs(const regnet *m, block k, tm_conv *first, tm_conv *second)
{
    int width = k.width * (m->v->bottle_ratio ? m->v->bottle_ratio : 1);
    int group_size = m->v->group_size < width ? m->v->group_size : width;
    *first = (tm_conv){.out = width, .kernel = 1};
    *second = (tm_conv){.out = width,
                        .kernel = 3,
                        .stride = k.stride,
                        .dilation = k.dilation,
                        .groups = width / group_size};
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
    int width = m->v->widths[index];
    int block_dilation = s.first_dilation;
    tm_push(m->b, "s%d", index + 1);
    for (int i = 0; i < m->v->depths[index]; i++) {
        block k = {.width = width,
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

static void build(tm_builder *b, const void *variant)
{
    static const char *const names[] = {"s1", "s2", "s3", "s4"};
    const regnet_variant *v = variant;
    regnet m = {.b = b, .v = v, .act = v->act ? v->act : TM_ACT_RELU};
    tm_conv stem = {.out = 32, .kernel = 3, .stride = 2};
    tm_node *x = v->preact ? tm_conv2d(b, "stem", b->graph->input, stem)
                           : conv_norm(&m, "stem", b->graph->input, stem, m.act);
    tm_stages walk = tm_stages_begin(b, 2, 8);
    tm_tap_stage(b, "stem", x, walk.reduction);
    for (int i = 0; i < 4; i++) {
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

const tm_family tm_family_regnet = {
    .module = "regnet", TM_VARIANTS(variants), .build = build, .filter = filter};
