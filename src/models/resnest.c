/* SPDX-License-Identifier: Apache-2.0 */
/* timm's resnest.py: ResNets of split attention (2004.08955). */
#include "layers/make_divisible.h"
#include "layers/split_attn.h"
#include "models/model.h"
#include "models/resnet.h"

enum { MAX_RADIX = 4 };

typedef struct resnest_variant {
    const char *name;
    int layers[4];
    int deep_stem, base_width, cardinality, radix;
    bool pool_first; /* a block's average pool, which has its stride, before the convolution */
} resnest_variant;

/* clang-format off */
static const resnest_variant variants[] = {
    {.name = "resnest14d", .layers = {1, 1, 1, 1}, .deep_stem = 32, .base_width = 64,
     .cardinality = 1, .radix = 2},
    {.name = "resnest26d", .layers = {2, 2, 2, 2}, .deep_stem = 32, .base_width = 64,
     .cardinality = 1, .radix = 2},
    {.name = "resnest50d", .layers = {3, 4, 6, 3}, .deep_stem = 32, .base_width = 64,
     .cardinality = 1, .radix = 2},
    {.name = "resnest50d_1s4x24d", .layers = {3, 4, 6, 3}, .deep_stem = 32, .base_width = 24,
     .cardinality = 4, .radix = 1, .pool_first = true},
    {.name = "resnest50d_4s2x40d", .layers = {3, 4, 6, 3}, .deep_stem = 32, .base_width = 40,
     .cardinality = 2, .radix = 4, .pool_first = true},
    {.name = "resnest101e", .layers = {3, 4, 23, 3}, .deep_stem = 64, .base_width = 64,
     .cardinality = 1, .radix = 2},
    {.name = "resnest200e", .layers = {3, 24, 36, 3}, .deep_stem = 64, .base_width = 64,
     .cardinality = 1, .radix = 2},
    {.name = "resnest269e", .layers = {3, 30, 48, 8}, .deep_stem = 64, .base_width = 64,
     .cardinality = 1, .radix = 2},
};
/* clang-format on */

static tm_node *norm(tm_builder *b, const char *name, tm_node *x)
{
    return tm_normalize(b, name, x, (tm_norm){.kind = TM_NORM_BATCH});
}

static tm_node *norm_relu(tm_builder *b, const char *name, tm_node *x)
{
    return tm_activate(b, norm(b, name, x), TM_ACT_RELU);
}

/* The weights' hidden layer, from the mean of the sum of all splits. */
static tm_node *attention(tm_builder *b, const resnest_variant *v, int in, tm_node *const *splits)
{
    int hidden = tm_divisible(in * v->radix * 0.25, 8, 0.9);
    tm_node *sum = splits[0];
    for (int i = 1; i < v->radix; i++)
        sum = tm_add(b, sum, splits[i]);
    tm_conv fc1 = {
        .out = hidden < 32 ? 32 : hidden, .kernel = 1, .groups = v->cardinality, .bias = true};
    return norm_relu(b, "bn1", tm_conv2d(b, "fc1", tm_reduce_hw(b, sum, TM_REDUCE_AVG), fc1));
}

/* timm's SplitAttn: radix times the channels, then a weighted sum of the radix splits */
static tm_node *split_attention(tm_builder *b, const resnest_variant *v, const char *name,
                                tm_node *x, int dilation)
{
    int channels = x->shape.c;
    tm_node *splits[MAX_RADIX];
    TM_ASSERT(v->radix <= MAX_RADIX);
    tm_push(b, "%s", name);
    x = tm_conv2d(b, "conv", x,
                  (tm_conv){.out = channels * v->radix,
                            .kernel = 3,
                            .dilation = dilation,
                            .groups = v->cardinality * v->radix});
    x = norm_relu(b, "bn0", x);
    for (int i = 0; i < v->radix; i++)
        splits[i] = v->radix == 1 ? x : tm_slice_c(b, x, i * channels, channels);
    tm_node *gate = attention(b, v, channels, splits);
    if (v->radix == 1) {
        tm_conv fc2 = {.out = channels, .kernel = 1, .groups = v->cardinality, .bias = true};
        gate = tm_activate(b, tm_conv2d(b, "fc2", gate, fc2), TM_ACT_SIGMOID);
        x = tm_mul(b, x, gate);
    } else {
        x = tm_weigh_parts(b, v->radix, splits, gate,
                           (tm_part_gate){.name = "fc2", .bias = true, .groups = v->cardinality});
    }
    tm_pop(b);
    return x;
}

static tm_node *branch(tm_builder *b, const void *variant, tm_node *x, tm_resnet_place place)
{
    const resnest_variant *v = variant;
    int width = place.planes * v->base_width / 64 * v->cardinality;
    tm_pool pool = {.kernel = 3, .stride = place.stride, .pad = 1, .count_pad = true};
    x = norm_relu(b, "bn1", tm_conv2d(b, "conv1", x, (tm_conv){.out = width, .kernel = 1}));
    if (place.stride > 1 && v->pool_first)
        x = tm_pool2d(b, x, pool);
    x = split_attention(b, v, "conv2", x, place.first_dilation);
    if (place.stride > 1 && !v->pool_first)
        x = tm_pool2d(b, x, pool);
    x = tm_conv2d(b, "conv3", x, (tm_conv){.out = place.planes * 4, .kernel = 1});
    return norm(b, "bn3", x);
}

static void build(tm_builder *b, const void *variant)
{
    const resnest_variant *v = variant;
    tm_resnet_design design = {
        .bottleneck = true, .layers = v->layers, .deep_stem = v->deep_stem, .branch = branch};
    tm_build_resnet(b, &design, v);
}

static const tm_argument arguments[] = {
    TM_TAKES(resnest_variant, "layers", LIST, layers, TM_DEPTHS),
    TM_TAKES(resnest_variant, "base_width", INTEGER, base_width, TM_WIDTHS),
    TM_TAKES(resnest_variant, "cardinality", INTEGER, cardinality, 1, 1024),
};

const tm_family tm_family_resnest = {
    .module = "resnest", TM_VARIANTS(variants), TM_ARGUMENTS(arguments), .build = build};
