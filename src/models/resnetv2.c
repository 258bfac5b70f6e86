/* SPDX-License-Identifier: Apache-2.0 */
/* timm's resnetv2.py: pre-activation ResNets (1603.05027), BiT (1912.11370) and others of the kind
 * with batch norm, group norm, EvoNorm (2004.02967) or filter response norm. */
#include "models/resnetv2.h"

#include <stdio.h>

#include "layers/classifier.h"
#include "layers/downsample.h"
#include "layers/evo_norm.h"
#include "layers/make_divisible.h"
#include "layers/stages.h"
#include "layers/taps.h"
#include "models/filters.h"
#include "models/model.h"

/* clang-format off */
static const tm_resnetv2 variants[] = {
    {.name = "resnetv2_18", .layers = {2, 2, 2, 2}, .basic = true, .norm = TM_RESNETV2_BATCH},
    {.name = "resnetv2_18d", .layers = {2, 2, 2, 2}, .basic = true, .stem = TM_RESNETV2_DEEP,
     .norm = TM_RESNETV2_BATCH, .avg_down = true},
    {.name = "resnetv2_34", .layers = {3, 4, 6, 3}, .basic = true, .norm = TM_RESNETV2_BATCH},
    {.name = "resnetv2_34d", .layers = {3, 4, 6, 3}, .basic = true, .stem = TM_RESNETV2_DEEP,
     .norm = TM_RESNETV2_BATCH, .avg_down = true},
    {.name = "resnetv2_50", .layers = {3, 4, 6, 3}, .norm = TM_RESNETV2_BATCH},
    {.name = "resnetv2_50d", .layers = {3, 4, 6, 3}, .stem = TM_RESNETV2_DEEP,
     .norm = TM_RESNETV2_BATCH, .avg_down = true},
    {.name = "resnetv2_50d_evos", .layers = {3, 4, 6, 3}, .stem = TM_RESNETV2_DEEP,
     .norm = TM_RESNETV2_EVO, .avg_down = true},
    {.name = "resnetv2_50d_frn", .layers = {3, 4, 6, 3}, .stem = TM_RESNETV2_DEEP,
     .norm = TM_RESNETV2_FRN, .avg_down = true},
    {.name = "resnetv2_50d_gn", .layers = {3, 4, 6, 3}, .stem = TM_RESNETV2_DEEP, .avg_down = true},
    {.name = "resnetv2_50t", .layers = {3, 4, 6, 3}, .stem = TM_RESNETV2_TIERED,
     .norm = TM_RESNETV2_BATCH, .avg_down = true},
    {.name = "resnetv2_50x1_bit", .layers = {3, 4, 6, 3}, .pool = TM_RESNETV2_POOL_FIXED,
     .standardize = true},
    {.name = "resnetv2_50x3_bit", .layers = {3, 4, 6, 3}, .width = 3,
     .pool = TM_RESNETV2_POOL_FIXED, .standardize = true},
    {.name = "resnetv2_101", .layers = {3, 4, 23, 3}, .norm = TM_RESNETV2_BATCH},
    {.name = "resnetv2_101d", .layers = {3, 4, 23, 3}, .stem = TM_RESNETV2_DEEP,
     .norm = TM_RESNETV2_BATCH, .avg_down = true},
    {.name = "resnetv2_101x1_bit", .layers = {3, 4, 23, 3}, .pool = TM_RESNETV2_POOL_FIXED,
     .standardize = true},
    {.name = "resnetv2_101x3_bit", .layers = {3, 4, 23, 3}, .width = 3,
     .pool = TM_RESNETV2_POOL_FIXED, .standardize = true},
    {.name = "resnetv2_152", .layers = {3, 8, 36, 3}, .norm = TM_RESNETV2_BATCH},
    {.name = "resnetv2_152d", .layers = {3, 8, 36, 3}, .stem = TM_RESNETV2_DEEP,
     .norm = TM_RESNETV2_BATCH, .avg_down = true},
    {.name = "resnetv2_152x2_bit", .layers = {3, 8, 36, 3}, .width = 2,
     .pool = TM_RESNETV2_POOL_FIXED, .standardize = true},
    {.name = "resnetv2_152x4_bit", .layers = {3, 8, 36, 3}, .width = 4,
     .pool = TM_RESNETV2_POOL_FIXED, .standardize = true},
};
/* clang-format on */

typedef struct resnetv2 {
    tm_builder *b;
    const tm_resnetv2 *v;
} resnetv2;

static tm_node *conv(const resnetv2 *m, const char *name, tm_node *x, tm_conv c)
{
    tm_builder *b = m->b;
    c.padding = m->v->padding;
    if (!m->v->standardize)
        return tm_conv2d(b, name, x, c);
    tm_push(b, "%s", name);
    tm_node *weight = tm_param4(b, "weight", c.out, x->shape.c, c.kernel, c.kernel);
    tm_pop(b);
    return tm_conv2d_with(b, name, x, tm_const_standardize(b, weight, 1e-8f, NULL, 1.0f), NULL, c);
}

/* x / sqrt(mean of squares of its channel) * weight + bias, at least tau */
static tm_node *filter_response_norm(tm_builder *b, const char *name, tm_node *x)
{
    tm_push(b, "%s", name);
    int c = x->shape.c;
    tm_node *weight = tm_param1(b, "weight", c), *bias = tm_param1(b, "bias", c);
    tm_node *tau = tm_param1(b, "tau", c);
    tm_node *squares = tm_reduce_hw(b, tm_mul(b, x, x), TM_REDUCE_AVG);
    tm_node *scale = tm_activate(b, tm_affine(b, squares, 1.0f, 1e-5f), TM_ACT_RSQRT);
    x = tm_mul(b, x, tm_mul(b, scale, weight));
    x = tm_add(b, x, tm_const_add(b, bias, tm_const_affine(b, tau, -1.0f, 0.0f)));
    x = tm_add(b, tm_activate(b, x, TM_ACT_RELU), tau);
    tm_pop(b);
    return x;
}

static tm_node *norm_act(const resnetv2 *m, const char *name, tm_node *x)
{
    switch (m->v->norm) {
    case TM_RESNETV2_EVO:
        return tm_evo_norm_s0(m->b, name, x, 32, true, 0);
    case TM_RESNETV2_FRN:
        return filter_response_norm(m->b, name, x);
    case TM_RESNETV2_GROUP:
    case TM_RESNETV2_BATCH:
        break;
    }
    bool batch = m->v->norm == TM_RESNETV2_BATCH;
    x = tm_normalize(m->b, name, x, (tm_norm){.kind = batch ? TM_NORM_BATCH : TM_NORM_GROUP});
    return tm_activate(m->b, x, TM_ACT_RELU);
}

/* ---- stem ---- */

/* The convolutions; pre-activation leaves the last one without norm. */
static tm_node *stem_convs(const resnetv2 *m, tm_node *x)
{
    const tm_resnetv2 *v = m->v;
    int width = 64 * (v->width ? v->width : 1);
    if (v->stem == TM_RESNETV2_SEVEN) {
        x = conv(m, "conv", x, (tm_conv){.out = width, .kernel = 7, .stride = 2});
        return v->post_act ? norm_act(m, "norm", x) : x;
    }
    int first = v->stem == TM_RESNETV2_TIERED ? 3 * width / 8 : width / 2;
    x = conv(m, "conv1", x, (tm_conv){.out = first, .kernel = 3, .stride = 2});
    x = conv(m, "conv2", norm_act(m, "norm1", x), (tm_conv){.out = width / 2, .kernel = 3});
    x = conv(m, "conv3", norm_act(m, "norm2", x), (tm_conv){.out = width, .kernel = 3});
    return v->post_act ? norm_act(m, "norm3", x) : x;
}

static tm_node *stem_pool(const resnetv2 *m, tm_node *x)
{
    tm_pool pool = {.max = true, .kernel = 3, .stride = 2};
    switch (m->v->pool) {
    case TM_RESNETV2_POOL_DEFAULT:
        pool.pad = 1;
        break;
    case TM_RESNETV2_POOL_FIXED:
        x = tm_pad2d(m->b, x, 1, 1, 1, 1, TM_PAD_ZERO);
        break;
    case TM_RESNETV2_POOL_SAME:
        pool.same = true;
        break;
    }
    return tm_pool2d(m->b, x, pool);
}

/* x becomes what goes into the pool; the result is what comes out */
static tm_node *stem(const resnetv2 *m, tm_node **x)
{
    tm_push(m->b, "stem");
    *x = stem_convs(m, *x);
    tm_pop(m->b);
    return stem_pool(m, *x);
}

tm_node *tm_resnetv2_stem_on(tm_builder *b, const tm_resnetv2 *v, tm_node *x)
{
    resnetv2 m = {b, v};
    return stem_pool(&m, stem_convs(&m, x));
}

/* ---- blocks ---- */

/* One block's place in its stage. */
typedef struct block {
    int out, stride, dilation, first_dilation;
    bool first;
} block;

static tm_node *shortcut(const resnetv2 *m, tm_node *x, block k)
{
    if (m->v->avg_down)
        x = tm_shortcut_pool(m->b, x, k.stride, k.dilation);
    return conv(m, "downsample.conv", x,
                (tm_conv){.out = k.out, .kernel = 1, .stride = m->v->avg_down ? 1 : k.stride});
}

static tm_node *basic_block(const resnetv2 *m, tm_node *x, block k)
{
    bool project =
        k.first && (k.stride != 1 || k.first_dilation != k.dilation || x->shape.c != k.out);
    tm_node *y = norm_act(m, "norm1", x);
    if (project)
        x = shortcut(m, y, k);
    y = conv(
        m, "conv1", y,
        (tm_conv){.out = k.out, .kernel = 3, .stride = k.stride, .dilation = k.first_dilation});
    y = conv(m, "conv2", norm_act(m, "norm2", y),
             (tm_conv){.out = k.out, .kernel = 3, .dilation = k.dilation});
    return tm_add(m->b, y, x);
}

static tm_node *bottleneck(const resnetv2 *m, tm_node *x, block k)
{
    int middle = tm_divisible(k.out / 4.0, 8, 0.9);
    tm_conv spatial = {
        .out = middle, .kernel = 3, .stride = k.stride, .dilation = k.first_dilation};
    tm_node *y = norm_act(m, "norm1", x);
    if (k.first)
        x = shortcut(m, y, k);
    y = conv(m, "conv1", y, (tm_conv){.out = middle, .kernel = 1});
    y = conv(m, "conv2", norm_act(m, "norm2", y), spatial);
    y = conv(m, "conv3", norm_act(m, "norm3", y), (tm_conv){.out = k.out, .kernel = 1});
    return tm_add(m->b, y, x);
}

/* The same with norm and activation after each convolution; only ever with group norm. */
static tm_node *post_act_bottleneck(const resnetv2 *m, tm_node *x, block k)
{
    int middle = tm_divisible(k.out / 4.0, 8, 0.9);
    tm_norm group = {.kind = TM_NORM_GROUP};
    tm_conv spatial = {
        .out = middle, .kernel = 3, .stride = k.stride, .dilation = k.first_dilation};
    tm_node *y = norm_act(m, "norm1", conv(m, "conv1", x, (tm_conv){.out = middle, .kernel = 1}));
    y = norm_act(m, "norm2", conv(m, "conv2", y, spatial));
    y = conv(m, "conv3", y, (tm_conv){.out = k.out, .kernel = 1});
    y = tm_normalize(m->b, "norm3", y, group);
    if (k.first)
        x = tm_normalize(m->b, "downsample.norm", shortcut(m, x, k), group);
    return tm_activate(m->b, tm_add(m->b, y, x), TM_ACT_RELU);
}

/* ---- stages ---- */

static tm_node *stage(const resnetv2 *m, tm_node *x, int index, tm_stage s)
{
    tm_builder *b = m->b;
    int width = (m->v->basic ? 64 : 256) * (m->v->width ? m->v->width : 1);
    block k = {.out = width << index, .dilation = s.dilation, .first_dilation = s.first_dilation};
    for (int i = 0; i < m->v->layers[index]; i++) {
        k.first = i == 0;
        k.stride = i ? 1 : s.stride;
        tm_push(b, "stages.%d.blocks.%d", index, i);
        x = m->v->post_act ? post_act_bottleneck(m, x, k)
            : m->v->basic  ? basic_block(m, x, k)
                           : bottleneck(m, x, k);
        tm_pop(b);
        k.first_dilation = s.dilation;
    }
    return x;
}

static void tap_stem(const resnetv2 *m, tm_node *x)
{
    const char *module = m->v->stem == TM_RESNETV2_SEVEN ? "stem.conv" : "stem.conv3";
    tm_tap_stage(m->b, module, x, 2);
}

static void tap_stage(const resnetv2 *m, tm_node *x, int index, int reduction)
{
    char module[16];
    bool norm = index == 3 && tm_option_norm_intermediates(m->b);
    snprintf(module, sizeof module, "stages.%d", index);
    tm_tap_feature(m->b, module, x, reduction);
    tm_tap_intermediate(m->b, norm ? norm_act(m, "norm", x) : x, TM_LAYOUT_MAP);
}

tm_node *tm_resnetv2_stages_on(tm_builder *b, const tm_resnetv2 *v, tm_node *x, bool taps)
{
    resnetv2 m = {b, v};
    tm_stages walk = taps ? tm_stages_begin(b, 4, 2) : tm_stages_backbone(4);
    tm_node *pooled = stem(&m, &x);
    if (taps)
        tap_stem(&m, x);
    x = pooled;
    for (int i = 0; i < 4 && v->layers[i]; i++) {
        tm_stage s = tm_stages_next(&walk, i ? 2 : 1);
        x = stage(&m, x, i, s);
        if (taps)
            tap_stage(&m, x, i, s.reduction);
    }
    return x;
}

static void build(tm_builder *b, const void *variant)
{
    resnetv2 m = {b, variant};
    tm_node *x = tm_resnetv2_stages_on(b, variant, b->graph->input, true);
    x = norm_act(&m, "norm", x);
    tm_tap_final(b, x);
    tm_conv_classifier_head(b, x, "avg", "head.fc");
}

/* ---- BiT's arrays of JAX ---- */

static void jax_unit(tm_jax jax, int stage, int unit)
{
    static const char *const parts[] = {"a", "b", "c"};
    char from[64], to[32];
    snprintf(jax.source, sizeof jax.source, "resnet/block%d/unit%02d/", stage + 1, unit + 1);
    snprintf(jax.target, sizeof jax.target, "stages.%d.blocks.%d.", stage, unit);
    for (int i = 0; i < 3; i++) {
        snprintf(from, sizeof from, "%s/standardized_conv2d", parts[i]);
        snprintf(to, sizeof to, "conv%d", i + 1);
        tm_jax_dense(&jax, from, to);
        snprintf(from, sizeof from, "%s/group_norm", parts[i]);
        snprintf(to, sizeof to, "norm%d", i + 1);
        tm_jax_group_norm(&jax, from, to);
    }
    tm_jax_dense(&jax, "a/proj/standardized_conv2d", "downsample.conv");
}

static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    const tm_resnetv2 *v = variant;
    size_t stored = dict->count;
    tm_jax jax = {.dict = dict, .graph = graph, .source = "resnet/", .layer = -1};
    if (!tm_state_find(dict, "resnet/root_block/standardized_conv2d/kernel"))
        return;
    tm_jax_dense(&jax, "root_block/standardized_conv2d", "stem.conv");
    tm_jax_group_norm(&jax, "group_norm", "norm");
    tm_jax_head(&jax, "head/conv2d", "head.fc");
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < v->layers[i]; j++)
            jax_unit(jax, i, j);
    tm_keep_added(dict, stored);
}

static const tm_argument arguments[] = {
    TM_TAKES(tm_resnetv2, "layers", LIST, layers, TM_DEPTHS, "*_bit"),
    TM_TAKES(tm_resnetv2, "avg_down", FLAG, avg_down, TM_ANY),
};

const tm_family tm_family_resnetv2 = {.module = "resnetv2",
                                      TM_VARIANTS(variants),
                                      TM_ARGUMENTS(arguments),
                                      .build = build,
                                      .filter = filter};
