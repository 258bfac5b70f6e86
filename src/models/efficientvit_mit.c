/* SPDX-License-Identifier: Apache-2.0 */
/* timm's efficientvit_mit.py: EfficientViT with multi-scale linear attention (2205.14756). */
#include <string.h>

#include "layers/classifier.h"
#include "layers/swap_hw.h"
#include "layers/taps.h"
#include "models/model.h"

enum { STAGES = 4 };

typedef struct efficientvit_variant {
    const char *name;
    int widths[STAGES + 1], depths[STAGES + 1]; /* of the stem, then of the stages */
    int head_dim, head_widths[2];
    bool large; /* dense 3x3 convolutions in the first stages, GELU, norms of eps 1e-7 */
} efficientvit_variant;

/* clang-format off */
static const efficientvit_variant variants[] = {
    {"efficientvit_b0", {8, 16, 32, 64, 128}, {1, 2, 2, 2, 2}, 16, {1024, 1280}, false},
    {"efficientvit_b1", {16, 32, 64, 128, 256}, {1, 2, 3, 3, 4}, 16, {1536, 1600}, false},
    {"efficientvit_b2", {24, 48, 96, 192, 384}, {1, 3, 4, 4, 6}, 32, {2304, 2560}, false},
    {"efficientvit_b3", {32, 64, 128, 256, 512}, {1, 4, 6, 6, 9}, 32, {2304, 2560}, false},
    {"efficientvit_l1", {32, 64, 128, 256, 512}, {1, 1, 1, 6, 6}, 32, {3072, 3200}, true},
    {"efficientvit_l2", {32, 64, 128, 256, 512}, {1, 2, 2, 8, 8}, 32, {3072, 3200}, true},
    {"efficientvit_l3", {64, 128, 256, 512, 1024}, {1, 2, 2, 8, 8}, 32, {6144, 6400}, true},
};
/* clang-format on */

static tm_act_kind act_of(const efficientvit_variant *v)
{
    return v->large ? TM_ACT_GELU_TANH : TM_ACT_HARD_SWISH;
}

static float eps_of(const efficientvit_variant *v)
{
    return v->large ? 1e-7f : 1e-5f;
}

/* timm's ConvNormAct of this file: name.conv, name.norm; a convolution with a bias has no norm. */
static tm_node *conv_norm_act(tm_builder *b, const char *name, tm_node *x, tm_conv conv, float eps,
                              tm_act_kind act)
{
    tm_push(b, "%s", name);
    x = tm_conv2d(b, "conv", x, conv);
    if (!conv.bias)
        x = tm_normalize(b, "norm", x, (tm_norm){.kind = TM_NORM_BATCH, .eps = eps});
    tm_pop(b);
    return tm_activate(b, x, act);
}

typedef struct local_block {
    int out, stride;
    int expand; /* 0: no wider in the middle, with two convolutions */
    bool dense; /* the first two convolutions of a wide block, or the depthwise and the 1x1 one of
                   another, are 3x3 convolutions */
    bool fewer_norms;
} local_block;

/* Two convolutions of the same width. */
static tm_node *narrow(tm_builder *b, const efficientvit_variant *v, tm_node *x, local_block block)
{
    tm_conv first = {.out = x->shape.c,
                     .kernel = 3,
                     .stride = block.stride,
                     .groups = block.dense ? 1 : TM_DEPTHWISE};
    tm_conv second = {.out = block.out, .kernel = block.dense ? 3 : 1};
    x = conv_norm_act(b, block.dense ? "conv1" : "depth_conv", x, first, eps_of(v), act_of(v));
    return conv_norm_act(b, block.dense ? "conv2" : "point_conv", x, second, eps_of(v),
                         TM_ACT_NONE);
}

/* timm's MBConv and FusedMBConv */
static tm_node *wide(tm_builder *b, const efficientvit_variant *v, tm_node *x, local_block block)
{
    tm_conv spatial = {.out = block.expand * x->shape.c,
                       .kernel = 3,
                       .stride = block.stride,
                       .groups = block.dense ? 1 : TM_DEPTHWISE,
                       .bias = block.fewer_norms};
    tm_conv expand = {.out = spatial.out, .kernel = 1, .bias = block.fewer_norms};
    if (!block.dense)
        x = conv_norm_act(b, "inverted_conv", x, expand, eps_of(v), act_of(v));
    x = conv_norm_act(b, block.dense ? "spatial_conv" : "depth_conv", x, spatial, eps_of(v),
                      act_of(v));
    return conv_norm_act(b, "point_conv", x, (tm_conv){.out = block.out, .kernel = 1}, eps_of(v),
                         TM_ACT_NONE);
}

/* timm's ResidualBlock of a local block, in the scope */
static tm_node *local(tm_builder *b, const efficientvit_variant *v, tm_node *x, local_block block,
                      bool shortcut)
{
    tm_push(b, "main");
    tm_node *y = block.expand ? wide(b, v, x, block) : narrow(b, v, x, block);
    tm_pop(b);
    return shortcut ? tm_add(b, x, y) : y;
}

/* relu(q) (relu(k)^T v) for each head, divided by relu(q) relu(k)^T 1. Channels of x: q, k and v of
 * `dim` for one head after the other. */
static tm_node *linear_attention(tm_builder *b, tm_node *x, int dim)
{
    int h = x->shape.h, w = x->shape.w, pixels = h * w, heads = x->shape.c / (3 * dim);
    x = tm_swap_hw(b, tm_reshape(b, x, pixels, heads, 3 * dim));
    tm_node *qk = tm_activate(b, tm_slice_c(b, x, 0, 2 * dim), TM_ACT_RELU);
    tm_node *one = tm_literal(b, 1, (int64_t[]){1}, (float[]){1.0f});
    one = tm_const_repeat(b, one, (int64_t)heads * pixels);
    tm_node *v[] = {tm_slice_c(b, x, 2 * dim, dim),
                    tm_constant_activation(b, one, heads, pixels, 1)};
    tm_node *k = tm_transpose(b, tm_slice_c(b, qk, dim, dim));
    tm_node *sums = tm_matmul(b, k, tm_concat_c(b, 2, v));
    x = tm_matmul(b, tm_slice_c(b, qk, 0, dim), sums);
    tm_node *weight = tm_affine(b, tm_slice_c(b, x, dim, 1), 1.0f, 1e-5f);
    tm_node *root = tm_activate(b, weight, TM_ACT_RSQRT);
    x = tm_mul(b, tm_slice_c(b, x, 0, dim), tm_mul(b, root, root));
    return tm_reshape(b, tm_swap_hw(b, x), h, w, heads * dim);
}

/* timm's LiteMLA, with one more scale of q, k and v */
static tm_node *lite_mla(tm_builder *b, const efficientvit_variant *v, tm_node *x)
{
    int dim = v->head_dim, out = x->shape.c, heads = out / dim, total = 3 * heads * dim;
    tm_node *scales[2];
    scales[0] = tm_conv2d(b, "qkv.conv", x, (tm_conv){.out = total, .kernel = 1});
    tm_conv depthwise = {.out = total, .kernel = 5, .groups = TM_DEPTHWISE};
    scales[1] = tm_conv2d(b, "aggreg.0.0", scales[0], depthwise);
    tm_conv grouped = {.out = total, .kernel = 1, .groups = 3 * heads};
    scales[1] = tm_conv2d(b, "aggreg.0.1", scales[1], grouped);
    x = linear_attention(b, tm_concat_c(b, 2, scales), dim);
    return conv_norm_act(b, "proj", x, (tm_conv){.out = out, .kernel = 1}, eps_of(v), TM_ACT_NONE);
}

static tm_node *attention_block(tm_builder *b, const efficientvit_variant *v, tm_node *x)
{
    tm_push(b, "context_module.main");
    tm_node *y = lite_mla(b, v, x);
    tm_pop(b);
    x = tm_add(b, x, y);
    local_block block = {
        .out = x->shape.c, .stride = 1, .expand = v->large ? 6 : 4, .fewer_norms = true};
    tm_push(b, "local_module");
    x = local(b, v, x, block, true);
    tm_pop(b);
    return x;
}

static tm_node *stem(tm_builder *b, const efficientvit_variant *v)
{
    int width = v->widths[0];
    tm_push(b, "stem");
    tm_node *x =
        conv_norm_act(b, "in_conv", b->graph->input,
                      (tm_conv){.out = width, .kernel = 3, .stride = 2}, eps_of(v), act_of(v));
    for (int i = 0; i < v->depths[0]; i++) {
        tm_push(b, "res%d", i);
        x = local(b, v, x, (local_block){.out = width, .stride = 1, .dense = v->large}, true);
        tm_pop(b);
    }
    tm_pop(b);
    return x;
}

static tm_node *stage(tm_builder *b, const efficientvit_variant *v, tm_node *x, int index)
{
    bool attends = index >= (v->large ? 3 : 2), fewer = index >= 2;
    int depth = v->depths[index + 1] + (v->large || attends); /* with the strided block */
    local_block block = {.out = v->widths[index + 1],
                         .stride = 2,
                         .expand = !v->large ? 4
                                   : attends ? 24
                                             : 16,
                         .dense = v->large && !fewer,
                         .fewer_norms = fewer};
    tm_push(b, "stages.%d", index);
    for (int i = 0; i < depth; i++) {
        tm_push(b, "blocks.%d", i);
        x = i > 0 && attends ? attention_block(b, v, x) : local(b, v, x, block, i > 0);
        block.stride = 1;
        block.expand = 4;
        tm_pop(b);
    }
    tm_pop(b);
    return x;
}

static void head(tm_builder *b, const efficientvit_variant *v, tm_node *x)
{
    const char *pool = tm_pool_kind(b, "avg");
    if (!pool[0] || strcmp(pool, "catavgmax") == 0)
        tm_refuse(b, "global pool '%s': the head needs one that keeps the number of channels",
                  pool);
    tm_push(b, "head");
    x = conv_norm_act(b, "in_conv", x, (tm_conv){.out = v->head_widths[0], .kernel = 1}, 1e-5f,
                      act_of(v));
    x = tm_linear(b, "classifier.0", tm_global_pool(b, x, pool), v->head_widths[1], false);
    x = tm_normalize(b, "classifier.1", x, (tm_norm){.kind = TM_NORM_LAYER, .eps = eps_of(v)});
    tm_classifier(b, tm_activate(b, x, act_of(v)), TM_LAYOUT_VECTOR, "classifier.4");
    tm_pop(b);
}

static void build(tm_builder *b, const void *variant)
{
    const efficientvit_variant *v = variant;
    tm_node *x = stem(b, v);
    for (int i = 0; i < STAGES; i++) {
        x = stage(b, v, x, i);
        tm_tap_stage_of(b, "stages", i, x, 4 << i);
    }
    tm_tap_final(b, x);
    head(b, v, x);
}

static const tm_argument arguments[] = {
    TM_TAKES(efficientvit_variant, "widths", LIST, widths, TM_WIDTHS),
    TM_TAKES(efficientvit_variant, "depths", LIST, depths, TM_DEPTHS),
    TM_TAKES(efficientvit_variant, "head_dim", INTEGER, head_dim, 1, 4096),
};

const tm_family tm_family_efficientvit_mit = {
    .module = "efficientvit_mit", TM_VARIANTS(variants), TM_ARGUMENTS(arguments), .build = build};
