/* SPDX-License-Identifier: Apache-2.0 */
/* timm's sknet.py: ResNets of selective kernels (1903.06586). */
#include <stdio.h>

#include "layers/conv_bn_act.h"
#include "layers/make_divisible.h"
#include "layers/split_attn.h"
#include "models/model.h"
#include "models/resnet.h"

typedef struct sknet_variant {
    const char *name;
    bool bottleneck, whole_input; /* both paths see all channels, not half of them each */
    int layers[4], deep_stem;
    int cardinality, base_width; /* 1, 64 */
    int reduction, divisor;      /* of the attention's channels: 16, 8 */
} sknet_variant;

/* clang-format off */
static const sknet_variant variants[] = {
    {.name = "skresnet18", .layers = {2, 2, 2, 2}, .reduction = 8, .divisor = 16},
    {.name = "skresnet34", .layers = {3, 4, 6, 3}, .reduction = 8, .divisor = 16},
    {.name = "skresnet50", .bottleneck = true, .layers = {3, 4, 6, 3}},
    {.name = "skresnet50d", .bottleneck = true, .layers = {3, 4, 6, 3}, .deep_stem = 32},
    {.name = "skresnext50_32x4d", .bottleneck = true, .layers = {3, 4, 6, 3}, .cardinality = 32,
     .base_width = 4, .divisor = 32, .whole_input = true},
};
/* clang-format on */

enum { PATHS = 2 };

static int or_default(int value, int fallback)
{
    return value ? value : fallback;
}

static tm_node *attend_paths(tm_builder *b, const sknet_variant *v, tm_node *const paths[PATHS])
{
    int channels = paths[0]->shape.c;
    int reduced = tm_divisible((double)channels / or_default(v->reduction, 16),
                               or_default(v->divisor, 8), 0.9);
    tm_push(b, "attn");
    tm_node *gate = tm_reduce_hw(b, tm_add(b, paths[0], paths[1]), TM_REDUCE_AVG);
    gate = tm_conv2d(b, "fc_reduce", gate, (tm_conv){.out = reduced, .kernel = 1});
    gate = tm_normalize(b, "bn", gate, (tm_norm){.kind = TM_NORM_BATCH});
    gate = tm_activate(b, gate, TM_ACT_RELU);
    tm_node *y = tm_weigh_parts(b, PATHS, paths, gate, (tm_part_gate){.name = "fc_select"});
    tm_pop(b);
    return y;
}

/* A 3x3 convolution and one of twice its dilation, weighted per channel. */
static tm_node *selective_kernel(tm_builder *b, const sknet_variant *v, const char *name,
                                 tm_node *x, int out, tm_resnet_place place)
{
    tm_node *paths[PATHS];
    tm_push(b, "%s", name);
    for (int i = 0; i < PATHS; i++) {
        char path[16];
        tm_conv conv = {.out = out,
                        .kernel = 3,
                        .stride = place.stride,
                        .dilation = place.first_dilation * (i + 1),
                        .groups = or_default(v->cardinality, 1)};
        int part = x->shape.c / PATHS;
        tm_node *input = v->whole_input ? x : tm_slice_c(b, x, i * part, part);
        snprintf(path, sizeof path, "paths.%d", i);
        paths[i] = tm_conv_norm_act(b, path, input, conv, (tm_conv_tail){.act = TM_ACT_RELU});
    }
    x = attend_paths(b, v, paths);
    tm_pop(b);
    return x;
}

static tm_node *branch(tm_builder *b, const void *variant, tm_node *x, tm_resnet_place place)
{
    const sknet_variant *v = variant;
    tm_conv_tail norm = {0}, norm_relu = {.act = TM_ACT_RELU};
    if (!v->bottleneck) {
        tm_conv second = {.out = place.planes, .kernel = 3, .dilation = place.dilation};
        x = selective_kernel(b, v, "conv1", x, place.planes, place);
        return tm_conv_norm_act(b, "conv2", x, second, norm);
    }
    int width = place.planes * or_default(v->base_width, 64) / 64 * or_default(v->cardinality, 1);
    x = tm_conv_norm_act(b, "conv1", x, (tm_conv){.out = width, .kernel = 1}, norm_relu);
    x = selective_kernel(b, v, "conv2", x, width, place);
    return tm_conv_norm_act(b, "conv3", x, (tm_conv){.out = place.planes * 4, .kernel = 1}, norm);
}

static void build(tm_builder *b, const void *variant)
{
    const sknet_variant *v = variant;
    tm_resnet_design design = {.bottleneck = v->bottleneck,
                               .layers = v->layers,
                               .deep_stem = v->deep_stem,
                               .branch = branch};
    tm_build_resnet(b, &design, v);
}

static const tm_argument arguments[] = {
    TM_TAKES(sknet_variant, "layers", LIST, layers, TM_DEPTHS),
    TM_TAKES(sknet_variant, "base_width", INTEGER, base_width, TM_WIDTHS),
    TM_TAKES(sknet_variant, "cardinality", INTEGER, cardinality, 1, 1024),
};

const tm_family tm_family_sknet = {
    .module = "sknet", TM_VARIANTS(variants), TM_ARGUMENTS(arguments), .build = build};
