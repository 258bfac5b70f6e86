/* SPDX-License-Identifier: Apache-2.0 */
/* timm's dpn.py: dual path networks (1707.01629), a residual and a dense path side by side. */
#include <stdio.h>

#include "layers/classifier.h"
#include "layers/conv_bn_act.h"
#include "layers/taps.h"
#include "models/model.h"

enum { STAGES = 4 };

typedef struct dpn_variant {
    const char *name;
    bool small; /* a 3x3 stem and a residual path of a quarter of the channels */
    bool split; /* "b": a norm before, and a convolution for each path at a block's end */
    int stem, groups /* 32 */;
    int width; /* of a block's middle in the first stage */
    int depths[STAGES], dense[STAGES] /* channels that a block adds */;
    tm_act_kind act; /* of stem and end; NONE: ReLU */
} dpn_variant;

/* clang-format off */
static const dpn_variant variants[] = {
    {.name = "dpn48b", .small = true, .split = true, .stem = 10, .width = 128,
     .depths = {3, 4, 6, 3}, .dense = {16, 32, 32, 64}, .act = TM_ACT_SILU},
    {.name = "dpn68", .small = true, .stem = 10, .width = 128, .depths = {3, 4, 12, 3},
     .dense = {16, 32, 32, 64}},
    {.name = "dpn68b", .small = true, .split = true, .stem = 10, .width = 128,
     .depths = {3, 4, 12, 3}, .dense = {16, 32, 32, 64}},
    {.name = "dpn92", .stem = 64, .width = 96, .depths = {3, 4, 20, 3},
     .dense = {16, 32, 24, 128}},
    {.name = "dpn98", .stem = 96, .width = 160, .groups = 40, .depths = {3, 6, 20, 3},
     .dense = {16, 32, 32, 128}},
    {.name = "dpn107", .stem = 128, .width = 200, .groups = 50, .depths = {4, 8, 20, 3},
     .dense = {20, 64, 64, 128}},
    {.name = "dpn131", .stem = 128, .width = 160, .groups = 40, .depths = {4, 8, 28, 3},
     .dense = {16, 32, 32, 128}},
};
/* clang-format on */

static const tm_norm batch_norm = {.kind = TM_NORM_BATCH, .eps = 1e-3f};

/* name.bn, activation */
static tm_node *norm_act(tm_builder *b, const char *name, tm_node *x, tm_act_kind act)
{
    tm_push(b, "%s", name);
    x = tm_activate(b, tm_normalize(b, "bn", x, batch_norm), act);
    tm_pop(b);
    return x;
}

/* name.bn, ReLU, name.conv */
static tm_node *norm_act_conv(tm_builder *b, const char *name, tm_node *x, tm_conv conv)
{
    x = norm_act(b, name, x, TM_ACT_RELU);
    tm_push(b, "%s", name);
    x = tm_conv2d(b, "conv", x, conv);
    tm_pop(b);
    return x;
}

typedef struct dual_path {
    int middle, residual, dense, groups, stride;
    bool project;
} dual_path;

/* The block's new channels: those to add to the residual path, then those to append. */
static tm_node *new_channels(tm_builder *b, const dpn_variant *v, tm_node *x, dual_path k)
{
    tm_conv conv = {.out = k.middle, .kernel = 3, .stride = k.stride, .groups = k.groups};
    x = norm_act_conv(b, "c1x1_a", x, (tm_conv){.out = k.middle, .kernel = 1});
    x = norm_act_conv(b, "c3x3_b", x, conv);
    if (!v->split)
        return norm_act_conv(b, "c1x1_c", x, (tm_conv){.out = k.residual + k.dense, .kernel = 1});
    x = norm_act(b, "c1x1_c", x, TM_ACT_RELU);
    tm_node *paths[] = {tm_conv2d(b, "c1x1_c1", x, (tm_conv){.out = k.residual, .kernel = 1}),
                        tm_conv2d(b, "c1x1_c2", x, (tm_conv){.out = k.dense, .kernel = 1})};
    return tm_concat_c(b, 2, paths);
}

/* A map holds the residual path's channels first, then the dense path's. */
static tm_node *block(tm_builder *b, const dpn_variant *v, tm_node *x, dual_path k)
{
    tm_node *shortcut = x;
    if (k.project)
        shortcut = norm_act_conv(
            b, k.stride == 2 ? "c1x1_w_s2" : "c1x1_w_s1", x,
            (tm_conv){.out = k.residual + 2 * k.dense, .kernel = 1, .stride = k.stride});
    tm_node *added = new_channels(b, v, x, k);
    tm_node *paths[] = {
        tm_add(b, tm_slice_c(b, shortcut, 0, k.residual), tm_slice_c(b, added, 0, k.residual)),
        tm_slice_c(b, shortcut, k.residual, shortcut->shape.c - k.residual),
        tm_slice_c(b, added, k.residual, k.dense)};
    return tm_concat_c(b, 3, paths);
}

static tm_node *stage(tm_builder *b, const dpn_variant *v, tm_node *x, int index)
{
    dual_path k = {.middle = v->width << index,
                   .residual = (v->small ? 64 : 256) << index,
                   .dense = v->dense[index],
                   .groups = v->groups ? v->groups : 32,
                   .stride = index ? 2 : 1,
                   .project = true};
    for (int i = 0; i < v->depths[index]; i++) {
        tm_push(b, "conv%d_%d", index + 2, i + 1);
        x = block(b, v, x, k);
        tm_pop(b);
        k.stride = 1;
        k.project = false;
    }
    return x;
}

static void build(tm_builder *b, const void *variant)
{
    const dpn_variant *v = variant;
    tm_act_kind act = v->act ? v->act : TM_ACT_RELU;
    tm_conv conv = {.out = v->stem, .kernel = v->small ? 3 : 7, .stride = 2};
    tm_push(b, "features");
    tm_node *x = tm_conv_norm_act(b, "conv1_1", b->graph->input, conv,
                                  (tm_conv_tail){.norm = batch_norm, .act = act});
    tm_node *end = x;
    tm_tap_stage(b, "features.conv1_1", x, 2);
    x = tm_pool2d(b, x, (tm_pool){.max = true, .kernel = 3, .stride = 2, .pad = 1});
    for (int i = 0; i < STAGES; i++) {
        char module[40];
        x = stage(b, v, x, i);
        snprintf(module, sizeof module, "features.conv%d_%d", i + 2, v->depths[i]);
        tm_tap_feature(b, module, x, 4 << i);
        if (i == STAGES - 1)
            end = norm_act(b, "conv5_bn_ac", x, act);
        bool normed = i == STAGES - 1 && tm_option_norm_intermediates(b);
        tm_tap_intermediate(b, normed ? end : x, TM_LAYOUT_MAP);
    }
    tm_pop(b);
    tm_tap_final(b, end);
    tm_conv_classifier_head(b, end, "avg", "classifier");
}

static const tm_argument arguments[] = {
    TM_TAKES(dpn_variant, "num_init_features", INTEGER, stem, TM_WIDTHS),
    TM_TAKES(dpn_variant, "k_r", INTEGER, width, TM_WIDTHS),
    TM_TAKES(dpn_variant, "groups", INTEGER, groups, 1, 1024),
    TM_TAKES(dpn_variant, "k_sec", LIST, depths, TM_DEPTHS),
    TM_TAKES(dpn_variant, "inc_sec", LIST, dense, 1, 4096),
};

const tm_family tm_family_dpn = {
    .module = "dpn", TM_VARIANTS(variants), TM_ARGUMENTS(arguments), .build = build};
