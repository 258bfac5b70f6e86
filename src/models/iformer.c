/* SPDX-License-Identifier: Apache-2.0 */
/* timm's iformer.py: iFormer (2501.15369). */
#include <stdio.h>
#include <string.h>

#include "layers/classifier.h"
#include "layers/conv_bn_act.h"
#include "layers/distilled_head.h"
#include "layers/patch_embed.h"
#include "layers/taps.h"
#include "models/filters.h"
#include "models/model.h"

enum { STAGES = 4 };

typedef struct iformer_variant {
    const char *name;
    int depths[STAGES], dims[STAGES];
    int groups[STAGES];     /* of attention: position, attention, MLP */
    int reductions[STAGES]; /* of q and k against the width */
    int conv_ratio, mlp_ratio;
    bool scale; /* of the branches */
    bool distilled;
} iformer_variant;

#define ATTENTION                                                                                  \
    {                                                                                              \
        0, 0, 2, 4                                                                                 \
    }

/* clang-format off */
static const iformer_variant variants[] = {
    {"iformer_h", {5, 5, 60, 18}, {96, 192, 384, 768}, {0, 0, 15, 6}, {0, 0, 1, 1}, 4, 4, true,
     false},
    {"iformer_l", {2, 2, 33, 6}, {48, 96, 256, 384}, {0, 0, 8, 2}, ATTENTION, 4, 3, false, false},
    {"iformer_l2", {3, 3, 46, 9}, {64, 128, 256, 512}, {0, 0, 11, 3}, ATTENTION, 4, 3, false,
     false},
    {"iformer_l2_distilled", {3, 3, 46, 9}, {64, 128, 256, 512}, {0, 0, 11, 3}, ATTENTION, 4, 3,
     false, true},
    {"iformer_l_distilled", {2, 2, 33, 6}, {48, 96, 256, 384}, {0, 0, 8, 2}, ATTENTION, 4, 3, false,
     true},
    {"iformer_m", {2, 2, 22, 6}, {48, 96, 192, 384}, {0, 0, 4, 2}, ATTENTION, 4, 3, false, false},
    {"iformer_m_distilled", {2, 2, 22, 6}, {48, 96, 192, 384}, {0, 0, 4, 2}, ATTENTION, 4, 3, false,
     true},
    {"iformer_s", {2, 2, 19, 6}, {32, 64, 176, 320}, {0, 0, 3, 2}, ATTENTION, 4, 3, false, false},
    {"iformer_t", {2, 2, 16, 6}, {32, 64, 128, 256}, {0, 0, 3, 2}, ATTENTION, 3, 2, false, false},
};
/* clang-format on */

static tm_node *pointwise(tm_builder *b, const char *name, tm_node *x, int out)
{
    return tm_conv_norm_pair(b, name, x, (tm_conv){.out = out, .kernel = 1});
}

static tm_node *depthwise(tm_builder *b, const char *name, tm_node *x, int kernel)
{
    return tm_conv_norm_pair(
        b, name, x, (tm_conv){.out = x->shape.c, .kernel = kernel, .groups = TM_DEPTHWISE});
}

/* The sum of x and its branch, named mixer.module, whose scale is mixer.gamma [1, c, 1, 1]. */
static tm_node *sum(tm_builder *b, const iformer_variant *v, tm_node *x, tm_node *branch)
{
    int c = x->shape.c;
    if (v->scale) {
        tm_node *gamma = tm_param4(b, "mixer.gamma", 1, c, 1, 1);
        branch = tm_mul(b, branch, tm_const_reshape(b, gamma, 1, (int64_t[]){c}));
    }
    return tm_add(b, x, branch);
}

/* One head; a sigmoid is on its values and on the gate of its answer. */
static tm_node *attend(tm_builder *b, tm_node *x, int reduction)
{
    tm_shape s = x->shape;
    tm_push(b, "mixer.module");
    tm_node *q = tm_map_tokens(b, pointwise(b, "q", x, s.c / reduction));
    tm_node *k = tm_map_tokens(b, pointwise(b, "k", x, s.c / reduction));
    tm_node *v = tm_activate(b, pointwise(b, "v_gate", x, 2 * s.c), TM_ACT_SIGMOID);
    v = tm_map_tokens(b, v);
    tm_node *y = tm_attend(b, q, k, tm_slice_c(b, v, 0, s.c), (tm_attention){.heads = 1});
    y = tm_mul(b, y, tm_slice_c(b, v, s.c, s.c));
    y = pointwise(b, "proj", tm_reshape(b, y, s.h, s.w, s.c), s.c);
    tm_pop(b);
    return y;
}

static tm_node *feed_forward(tm_builder *b, tm_node *x, int ratio)
{
    int c = x->shape.c;
    tm_push(b, "mixer.module");
    x = tm_activate(b, pointwise(b, "0", x, ratio * c), TM_ACT_GELU);
    x = pointwise(b, "2", x, c);
    tm_pop(b);
    return x;
}

static tm_node *convolve(tm_builder *b, tm_node *x, int ratio)
{
    int c = x->shape.c;
    tm_push(b, "mixer.module");
    x = pointwise(b, "1", depthwise(b, "0", x, 7), ratio * c);
    x = pointwise(b, "3", tm_activate(b, x, TM_ACT_GELU), c);
    tm_pop(b);
    return x;
}

static tm_node *block(tm_builder *b, const iformer_variant *v, tm_node *x, int index, int part)
{
    switch (part) {
    case 0:
        return tm_add(b, x, depthwise(b, "cpe.module", x, 3));
    case 1:
        return sum(b, v, x, attend(b, x, v->reductions[index]));
    case 2:
        return sum(b, v, x, feed_forward(b, x, v->mlp_ratio));
    default:
        return sum(b, v, x, convolve(b, x, v->conv_ratio));
    }
}

/* Convolutions, then the groups of attention, then one convolution where there was any. */
static tm_node *stage(tm_builder *b, const iformer_variant *v, tm_node *x, int index)
{
    int attention = 3 * v->groups[index], convs = v->depths[index] - attention;
    int first = attention == 0 || convs == 0 ? convs : convs - 1;
    if (index)
        x = tm_conv_norm_pair(b, "downsample", x,
                              (tm_conv){.out = v->dims[index], .kernel = 3, .stride = 2});
    for (int i = 0; i < v->depths[index]; i++) {
        bool conv = i < first || i >= first + attention;
        tm_push(b, "blocks.%d", i);
        x = block(b, v, x, index, conv ? -1 : (i - first) % 3);
        tm_pop(b);
    }
    return x;
}

static tm_node *stem(tm_builder *b, tm_node *x, int width)
{
    tm_conv first = {.out = width / 2, .kernel = 5, .stride = 2};
    tm_conv second = {.out = width / 2 * 4, .kernel = 5, .stride = 2};
    x = tm_activate(b, tm_conv_norm_pair(b, "stem.conv1", x, first), TM_ACT_GELU);
    x = tm_activate(b, tm_conv_norm_pair(b, "stem.conv2", x, second), TM_ACT_GELU);
    return pointwise(b, "stem.conv3", x, width);
}

static void build(tm_builder *b, const void *variant)
{
    const iformer_variant *v = variant;
    tm_node *x = stem(b, b->graph->input, v->dims[0]);
    for (int i = 0; i < STAGES; i++) {
        tm_push(b, "stages.%d", i);
        x = stage(b, v, x, i);
        tm_pop(b);
        tm_tap_stage_of(b, "stages", i, x, 4 << i);
    }
    tm_tap_final(b, x);
    const char *pool = tm_average_or_none(b);
    tm_distilled_head(b, tm_global_pool(b, x, pool), pool[0] ? TM_LAYOUT_VECTOR : TM_LAYOUT_MAP,
                      (tm_distilled){.head = "head.head",
                                     .dist = v->distilled ? "head.head_dist" : NULL,
                                     .linear = "l"});
}

/* ---- checkpoints ---- */

static void rename_view(tm_state_dict *dict, tm_tensor_view *view)
{
    int stage, part, end = 0;
    sscanf(view->name, "downsample_layers.%4d.%n", &stage, &end);
    if (end) {
        const char *rest = view->name + end;
        tm_state_rename(dict, view, "stages.%d.downsample.%s", stage,
                        strncmp(rest, "0.", 2) == 0 ? rest + 2 : rest);
        return;
    }
    sscanf(view->name, "stages.%4d.%4d.%n", &stage, &part, &end);
    if (end) {
        const char *rest = view->name + end;
        tm_state_rename(dict, view, "stages.%d.blocks.%d.%s", stage, part,
                        strncmp(rest, "block.", 6) == 0 ? rest + 6 : rest);
    }
}

static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    static const tm_replacement starts[] = {{"classifier.classifier_dist.", "head.head_dist."},
                                            {"classifier.classifier.", "head.head."},
                                            {"classifier.", "head.head."},
                                            {"downsample_layers.0.0.", "stem.conv1."},
                                            {"downsample_layers.0.2.conv_exp_bn1.", "stem.conv2."},
                                            {"downsample_layers.0.2.conv_pwl_bn2.", "stem.conv3."}};
    static const tm_replacement table[] = {
        {"token_channel_mixer", "mixer"}, {"channel_mixer", "mixer"}, {".m.", ".module."}};
    (void)graph, (void)variant;
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        tm_state_replace_prefix(dict, starts[i].from, starts[i].to);
    for (size_t i = 0; i < dict->count; i++)
        rename_view(dict, &dict->tensors[i]);
    tm_replace_all(dict, table, sizeof table / sizeof *table);
}

static const tm_argument arguments[] = {
    TM_TAKES(iformer_variant, "dims", LIST, dims, TM_WIDTHS),
};

const tm_family tm_family_iformer = {.module = "iformer",
                                     TM_VARIANTS(variants),
                                     TM_ARGUMENTS(arguments),
                                     .build = build,
                                     .filter = filter};
