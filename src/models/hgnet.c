/* SPDX-License-Identifier: Apache-2.0 */
/* timm's hgnet.py: PP-HGNet and PP-HGNetV2. */
#include <stdio.h>

#include "layers/classifier.h"
#include "layers/conv_bn_act.h"
#include "layers/taps.h"
#include "models/model.h"

enum { MAX_LAYERS = 7 };

typedef struct hgnet_stage {
    int middle, out, blocks;
} hgnet_stage;

typedef struct hgnet_variant {
    const char *name;
    int stem[3]; /* V1: of three convolutions; V2: between and out */
    hgnet_stage stages[4];
    int layers;         /* of a block */
    bool v2;            /* the stem of V2, light blocks in the last two stages */
    bool affine_blocks; /* a learned scale and bias after every activation */
} hgnet_variant;

/* clang-format off */
static const hgnet_variant variants[] = {
    {.name = "hgnet_base", .stem = {96, 96, 160}, .layers = 7,
     .stages = {{192, 320, 1}, {224, 640, 2}, {256, 960, 3}, {288, 1280, 2}}},
    {.name = "hgnet_small", .stem = {64, 64, 128}, .layers = 6,
     .stages = {{128, 256, 1}, {160, 512, 1}, {192, 768, 2}, {224, 1024, 1}}},
    {.name = "hgnet_tiny", .stem = {48, 48, 96}, .layers = 5,
     .stages = {{96, 224, 1}, {128, 448, 1}, {160, 512, 2}, {192, 768, 1}}},
    {.name = "hgnetv2_b0", .stem = {16, 16}, .layers = 3, .v2 = true, .affine_blocks = true,
     .stages = {{16, 64, 1}, {32, 256, 1}, {64, 512, 2}, {128, 1024, 1}}},
    {.name = "hgnetv2_b1", .stem = {24, 32}, .layers = 3, .v2 = true, .affine_blocks = true,
     .stages = {{32, 64, 1}, {48, 256, 1}, {96, 512, 2}, {192, 1024, 1}}},
    {.name = "hgnetv2_b2", .stem = {24, 32}, .layers = 4, .v2 = true, .affine_blocks = true,
     .stages = {{32, 96, 1}, {64, 384, 1}, {128, 768, 3}, {256, 1536, 1}}},
    {.name = "hgnetv2_b3", .stem = {24, 32}, .layers = 5, .v2 = true, .affine_blocks = true,
     .stages = {{32, 128, 1}, {64, 512, 1}, {128, 1024, 3}, {256, 2048, 1}}},
    {.name = "hgnetv2_b4", .stem = {32, 48}, .layers = 6, .v2 = true,
     .stages = {{48, 128, 1}, {96, 512, 1}, {192, 1024, 3}, {384, 2048, 1}}},
    {.name = "hgnetv2_b5", .stem = {32, 64}, .layers = 6, .v2 = true,
     .stages = {{64, 128, 1}, {128, 512, 2}, {256, 1024, 5}, {512, 2048, 2}}},
    {.name = "hgnetv2_b6", .stem = {48, 96}, .layers = 6, .v2 = true,
     .stages = {{96, 192, 2}, {192, 512, 3}, {384, 1024, 6}, {768, 2048, 3}}},
};
/* clang-format on */

typedef struct hgnet {
    tm_builder *b;
    const hgnet_variant *v;
} hgnet;

/* timm's LearnableAffineBlock, where the variant has them */
static tm_node *affine_block(const hgnet *m, const char *name, tm_node *x)
{
    if (!m->v->affine_blocks)
        return x;
    tm_push(m->b, "%s", name);
    tm_node *scale = tm_param1(m->b, "scale", 1), *bias = tm_param1(m->b, "bias", 1);
    tm_pop(m->b);
    x = tm_mul(m->b, x, tm_const_repeat(m->b, scale, x->shape.c));
    return tm_add(m->b, x, tm_const_repeat(m->b, bias, x->shape.c));
}

static tm_node *conv_norm(const hgnet *m, const char *name, tm_node *x, tm_conv conv)
{
    return tm_conv_norm_act(m->b, name, x, conv, (tm_conv_tail){0});
}

static tm_node *conv_act(const hgnet *m, const char *name, tm_node *x, tm_conv conv)
{
    x = tm_activate(m->b, conv_norm(m, name, x, conv), TM_ACT_RELU);
    tm_push(m->b, "%s", name);
    x = affine_block(m, "lab", x);
    tm_pop(m->b);
    return x;
}

/* ---- stems ---- */

static tm_node *stem_v1(const hgnet *m, tm_node *x)
{
    tm_push(m->b, "stem.stem");
    for (int i = 0; i < 3; i++) {
        char name[32];
        snprintf(name, sizeof name, "%d", i);
        x = conv_act(m, name, x,
                     (tm_conv){.out = m->v->stem[i], .kernel = 3, .stride = i == 0 ? 2 : 1});
    }
    tm_pop(m->b);
    return tm_pool2d(m->b, x, (tm_pool){.max = true, .kernel = 3, .stride = 2, .pad = 1});
}

static tm_node *pad_below(const hgnet *m, tm_node *x)
{
    return tm_pad2d(m->b, x, 0, 1, 0, 1, TM_PAD_ZERO);
}

static tm_node *stem_v2(const hgnet *m, tm_node *x)
{
    int middle = m->v->stem[0];
    tm_conv strided = {.out = middle, .kernel = 3, .stride = 2};
    tm_push(m->b, "stem");
    x = pad_below(m, conv_act(m, "stem1", x, strided));
    tm_node *deep = conv_act(m, "stem2a", x, (tm_conv){.out = middle / 2, .kernel = 2});
    deep = conv_act(m, "stem2b", pad_below(m, deep), (tm_conv){.out = middle, .kernel = 2});
    tm_pool pool = {.max = true, .kernel = 2, .stride = 1, .ceil_mode = true};
    tm_node *parts[] = {tm_pool2d(m->b, x, pool), deep};
    x = conv_act(m, "stem3", tm_concat_c(m->b, 2, parts), strided);
    x = conv_act(m, "stem4", x, (tm_conv){.out = m->v->stem[1], .kernel = 1});
    tm_pop(m->b);
    return x;
}

/* ---- blocks ---- */

/* light: a pointwise convolution, then a depthwise one of 5x5 */
static tm_node *layer(const hgnet *m, int index, tm_node *x, int out, bool light)
{
    char name[32];
    snprintf(name, sizeof name, "layers.%d", index);
    if (!light)
        return conv_act(m, name, x, (tm_conv){.out = out, .kernel = 3});
    tm_push(m->b, "%s", name);
    x = conv_norm(m, "conv1", x, (tm_conv){.out = out, .kernel = 1});
    x = conv_act(m, "conv2", x, (tm_conv){.out = out, .kernel = 5, .groups = TM_DEPTHWISE});
    tm_pop(m->b);
    return x;
}

static tm_node *aggregate(const hgnet *m, tm_node *x, int out)
{
    tm_builder *b = m->b;
    tm_conv point = {.out = m->v->v2 ? out / 2 : out, .kernel = 1};
    tm_push(b, "aggregation");
    x = conv_act(m, "0", x, point);
    point.out = out;
    if (m->v->v2) {
        x = conv_act(m, "1", x, point);
    } else { /* timm's EseModule */
        point.bias = true;
        tm_node *gate = tm_conv2d(b, "1.conv", tm_reduce_hw(b, x, TM_REDUCE_AVG), point);
        x = tm_mul(b, x, tm_activate(b, gate, TM_ACT_SIGMOID));
    }
    tm_pop(b);
    return x;
}

static tm_node *block(const hgnet *m, tm_node *x, hgnet_stage stage, bool light, bool residual)
{
    tm_node *outputs[MAX_LAYERS + 1] = {x};
    for (int i = 0; i < m->v->layers; i++)
        outputs[i + 1] = layer(m, i, outputs[i], stage.middle, light);
    tm_node *y = aggregate(m, tm_concat_c(m->b, m->v->layers + 1, outputs), stage.out);
    return residual ? tm_add(m->b, y, x) : y;
}

static tm_node *stage(const hgnet *m, tm_node *x, int index)
{
    hgnet_stage stage = m->v->stages[index];
    tm_conv down = {.out = x->shape.c, .kernel = 3, .stride = 2, .groups = TM_DEPTHWISE};
    tm_push(m->b, "stages.%d", index);
    if (index > 0)
        x = conv_norm(m, "downsample", x, down);
    for (int i = 0; i < stage.blocks; i++) {
        tm_push(m->b, "blocks.%d", i);
        x = block(m, x, stage, m->v->v2 && index >= 2, i > 0);
        tm_pop(m->b);
    }
    tm_pop(m->b);
    return x;
}

static void head(const hgnet *m, tm_node *x)
{
    tm_layout layout;
    x = tm_head_pool(m->b, x, "avg", &layout);
    x = tm_conv2d(m->b, "head.last_conv.0", x, (tm_conv){.out = 2048, .kernel = 1});
    x = affine_block(m, "head.last_conv.2", tm_activate(m->b, x, TM_ACT_RELU));
    tm_classifier(m->b, x, layout, "head.fc");
}

static void build(tm_builder *b, const void *variant)
{
    hgnet m = {.b = b, .v = variant};
    tm_node *x = m.v->v2 ? stem_v2(&m, b->graph->input) : stem_v1(&m, b->graph->input);
    for (int i = 0; i < 4; i++) {
        x = stage(&m, x, i);
        tm_tap_stage_of(b, "stages", i, x, 4 << i);
    }
    tm_tap_final(b, x);
    head(&m, x);
}

const tm_family tm_family_hgnet = {.module = "hgnet", TM_VARIANTS(variants), .build = build};
