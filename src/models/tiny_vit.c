/* SPDX-License-Identifier: Apache-2.0 */
/* timm's tiny_vit.py: TinyViT (2207.10666). */
#include "layers/attention_biases.h"
#include "layers/classifier.h"
#include "layers/conv_bn_act.h"
#include "layers/mlp.h"
#include "layers/taps.h"
#include "layers/window.h"
#include "models/filters.h"
#include "models/model.h"

enum { STAGES = 4 };

typedef struct tiny_vit_variant {
    const char *name;
    int dims[STAGES], heads[STAGES];
    int depths[STAGES]; /* 2, 2, 6, 2 */
    int window;         /* a side, of the last stage but one twice as large */
} tiny_vit_variant;

static const tiny_vit_variant variants[] = {
    {"tiny_vit_5m_224", {64, 128, 160, 320}, {2, 4, 5, 10}, .window = 7},
    {"tiny_vit_11m_224", {64, 128, 256, 448}, {2, 4, 8, 14}, .window = 7},
    {"tiny_vit_21m_224", {96, 192, 384, 576}, {3, 6, 12, 18}, .window = 7},
    {"tiny_vit_21m_384", {96, 192, 384, 576}, {3, 6, 12, 18}, .window = 12},
    {"tiny_vit_21m_512", {96, 192, 384, 576}, {3, 6, 12, 18}, .window = 16},
};

static const int usual_depths[STAGES] = {2, 2, 6, 2};
static const tm_norm norm = {.kind = TM_NORM_LAYER, .eps = 1e-5f};
static const tm_conv_tail plain = {0}, gelu = {.act = TM_ACT_GELU};

/* 1x1, a depthwise 3x3 of the stride, 1x1 */
static tm_node *inverted(tm_builder *b, tm_node *x, int hidden, int out, int stride)
{
    tm_conv middle = {.out = hidden, .kernel = 3, .stride = stride, .groups = TM_DEPTHWISE};
    x = tm_conv_norm_act(b, "conv1", x, (tm_conv){.out = hidden, .kernel = 1}, gelu);
    x = tm_conv_norm_act(b, "conv2", x, middle, gelu);
    return tm_conv_norm_act(b, "conv3", x, (tm_conv){.out = out, .kernel = 1}, plain);
}

static tm_node *conv_block(tm_builder *b, tm_node *x)
{
    tm_node *y = inverted(b, x, 4 * x->shape.c, x->shape.c, 1);
    return tm_activate(b, tm_add(b, x, y), TM_ACT_GELU);
}

/* Of windows; what pads them goes through the norm like every pixel, and counts. */
static tm_node *attend(tm_builder *b, tm_node *x, int heads, int side)
{
    int c = x->shape.c, d = c / heads;
    tm_head_parts parts = {heads, 3, {d, d, d}};
    tm_conv conv = {.out = 3 * c, .kernel = 1, .linear = true};
    tm_push(b, "attn");
    tm_distance_biases(b, "attention_biases", heads, side);
    tm_attention attention = {.heads = heads, .bias = tm_attention_biases(b, heads, side, side, 1)};
    x = tm_normalize(b, "norm", x, norm);
    x = tm_conv2d_with(b, "qkv", x, tm_parts_first(b, tm_param2(b, "qkv.weight", 3 * c, c), parts),
                       tm_parts_first(b, tm_param1(b, "qkv.bias", 3 * c), parts), conv);
    x = tm_attend(b, tm_slice_c(b, x, 0, c), tm_slice_c(b, x, c, c), tm_slice_c(b, x, 2 * c, c),
                  attention);
    x = tm_linear(b, "proj", x, c, true);
    tm_pop(b);
    return x;
}

static tm_node *block(tm_builder *b, tm_node *x, int heads, int side)
{
    int h = x->shape.h, w = x->shape.w, c = x->shape.c;
    tm_window window = {.h = side, .w = side};
    tm_node *y = attend(b, tm_window_partition(b, x, window), heads, side);
    x = tm_add(b, x, tm_window_reverse(b, y, h, w, window));
    x = tm_conv_norm_act(b, "local_conv", x,
                         (tm_conv){.out = c, .kernel = 3, .groups = TM_DEPTHWISE}, plain);
    y = tm_normalize(b, "mlp.norm", x, norm);
    y = tm_feed_forward(b, "mlp", y, (tm_ffn){.hidden = 4 * c, .act = TM_ACT_GELU});
    return tm_add(b, x, y);
}

static tm_node *stage(tm_builder *b, const tiny_vit_variant *v, tm_node *x, int index)
{
    tm_push(b, "stages.%d", index);
    if (index) {
        tm_push(b, "downsample");
        x = inverted(b, x, v->dims[index], v->dims[index], 2);
        tm_pop(b);
    }
    int depth = v->depths[index] ? v->depths[index] : usual_depths[index];
    for (int i = 0; i < depth; i++) {
        tm_push(b, "blocks.%d", i);
        x = index ? block(b, x, v->heads[index], index == 2 ? 2 * v->window : v->window)
                  : conv_block(b, x);
        tm_pop(b);
    }
    tm_pop(b);
    tm_tap_stage_of(b, "stages", index, x, 4 << index);
    return x;
}

static void build(tm_builder *b, const void *variant)
{
    const tiny_vit_variant *v = variant;
    tm_conv first = {.out = v->dims[0] / 2, .kernel = 3, .stride = 2}, second = first;
    second.out = v->dims[0];
    tm_push(b, "patch_embed");
    tm_node *x = tm_conv_norm_act(b, "conv1", b->graph->input, first, gelu);
    x = tm_conv_norm_act(b, "conv2", x, second, plain);
    tm_pop(b);
    for (int i = 0; i < STAGES; i++)
        x = stage(b, v, x, i);
    tm_tap_final(b, x);
    tm_norm_mlp_head(b, "head", x, (tm_mlp_head){.pool = "avg", .norm = norm});
}

static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    (void)graph, (void)variant;
    tm_drop_containing(dict, "attention_bias_idxs");
}

static const tm_argument arguments[] = {
    TM_TAKES(tiny_vit_variant, "embed_dims", LIST, dims, TM_WIDTHS),
    TM_TAKES(tiny_vit_variant, "depths", LIST, depths, TM_DEPTHS),
    TM_TAKES(tiny_vit_variant, "num_heads", LIST, heads, TM_HEADS),
};

const tm_family tm_family_tiny_vit = {.module = "tiny_vit",
                                      TM_VARIANTS(variants),
                                      TM_ARGUMENTS(arguments),
                                      .build = build,
                                      .filter = filter};
