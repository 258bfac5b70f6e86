/* SPDX-License-Identifier: Apache-2.0 */
/* timm's efficientformer_v2.py: EfficientFormer V2 (2212.08059). */
#include "layers/attention_biases.h"
#include "layers/classifier.h"
#include "layers/conv_bn_act.h"
#include "layers/distilled_head.h"
#include "layers/layer_scale.h"
#include "layers/patch_embed.h"
#include "layers/talking_heads.h"
#include "layers/taps.h"
#include "layers/upsample.h"
#include "models/model.h"

enum { STAGES = 4, HEADS = 8, KEY = 32, DOWN_KEY = 16, RATIO = 4 };

typedef struct efficientformer_variant {
    const char *name;
    int depths[STAGES], dims[STAGES];
    int attention; /* blocks at the end of the last two stages that have it */
    struct {
        int first, count;
    } narrow[2]; /* blocks of these stages whose MLP is three times as wide as x, not four times */
} efficientformer_variant;

static const efficientformer_variant variants[] = {
    {"efficientformerv2_s0", {2, 2, 6, 4}, {32, 48, 96, 176}, 2, {{1, 3}, {1, 2}}},
    {"efficientformerv2_s1", {3, 3, 9, 6}, {32, 48, 120, 224}, 2, {{2, 4}, {2, 2}}},
    {"efficientformerv2_s2", {4, 4, 12, 8}, {32, 64, 144, 288}, 4, {{2, 6}, {2, 4}}},
    {"efficientformerv2_l", {5, 5, 15, 10}, {40, 80, 192, 384}, 6, {{4, 7}, {3, 4}}},
};

static const tm_norm norm = {.kind = TM_NORM_BATCH};
static const tm_conv_tail plain = {0}, gelu = {.act = TM_ACT_GELU};

static tm_node *pointwise(tm_builder *b, const char *name, tm_node *x, int out)
{
    return tm_conv_norm_act(b, name, x, (tm_conv){.out = out, .kernel = 1, .bias = true}, plain);
}

static tm_node *depthwise(tm_builder *b, const char *name, tm_node *x, int stride,
                          tm_conv_tail tail)
{
    tm_conv conv = {
        .out = x->shape.c, .kernel = 3, .stride = stride, .groups = TM_DEPTHWISE, .bias = true};
    return tm_conv_norm_act(b, name, x, conv, tail);
}

/* proj(act(tokens, as the map that `local` is, + local)), at another size where `scale` is not 1 */
static tm_node *project(tm_builder *b, tm_node *tokens, tm_node *local, int scale, int out)
{
    tm_shape s = local->shape;
    tm_node *x = tm_add(b, tm_reshape(b, tokens, s.h, s.w, s.c), local);
    x = tm_resize_bilinear(b, x, scale * s.h, scale * s.w, false);
    return pointwise(b, "proj", tm_activate(b, x, TM_ACT_GELU), out);
}

/* stride 2: on a map of half the sides */
static tm_node *attend(tm_builder *b, tm_node *x, int stride)
{
    int c = x->shape.c, h = x->shape.h, w = x->shape.w;
    if (h % stride || w % stride)
        tm_refuse(b, "a map of %dx%d: attention at half the size fits even sides only", h, w);
    tm_push(b, "token_mixer");
    if (stride > 1)
        x = depthwise(b, "stride_conv", x, stride, plain);
    tm_node *biases = tm_attention_biases(b, HEADS, x->shape.h, x->shape.w, 1);
    tm_node *q = tm_map_tokens(b, pointwise(b, "q", x, HEADS * KEY));
    tm_node *k = tm_map_tokens(b, pointwise(b, "k", x, HEADS * KEY));
    tm_node *v = pointwise(b, "v", x, RATIO * HEADS * KEY);
    tm_node *local = depthwise(b, "v_local", v, 1, plain);
    tm_node *y = tm_attend_talking(b, q, k, tm_map_tokens(b, v),
                                   (tm_talking){.heads = HEADS,
                                                .before = "talking_head1",
                                                .after = "talking_head2",
                                                .conv = true,
                                                .bias = biases});
    y = project(b, y, local, stride, c);
    tm_pop(b);
    return y;
}

/* Queries are every second pixel of both sides. */
static tm_node *attend_down(tm_builder *b, tm_node *x, int out)
{
    tm_conv dilute = {
        .out = x->shape.c, .kernel = 3, .stride = 2, .groups = TM_DEPTHWISE, .bias = true};
    tm_push(b, "attn");
    tm_attention attention = {.heads = HEADS,
                              .bias = tm_attention_biases(b, HEADS, x->shape.h, x->shape.w, 2)};
    tm_push(b, "q");
    tm_node *q = tm_conv2d(b, "local", x, dilute);
    q = tm_add(b, q, tm_pool2d(b, x, (tm_pool){.kernel = 1, .stride = 2}));
    q = tm_map_tokens(b, pointwise(b, "proj", q, HEADS * DOWN_KEY));
    tm_pop(b);
    tm_node *k = tm_map_tokens(b, pointwise(b, "k", x, HEADS * DOWN_KEY));
    tm_node *v = pointwise(b, "v", x, RATIO * HEADS * DOWN_KEY);
    tm_node *local = depthwise(b, "v_local", v, 2, plain);
    x = project(b, tm_attend(b, q, k, tm_map_tokens(b, v), attention), local, 1, out);
    tm_pop(b);
    return x;
}

static tm_node *downsample(tm_builder *b, tm_node *x, int out, bool attention)
{
    tm_conv conv = {.out = out, .kernel = 3, .stride = 2, .bias = true};
    tm_push(b, "downsample");
    tm_node *y = tm_conv_norm_act(b, "conv", x, conv, plain);
    if (attention)
        y = tm_add(b, attend_down(b, x, out), y);
    tm_pop(b);
    return y;
}

static tm_node *feed_forward(tm_builder *b, tm_node *x, int ratio)
{
    int c = x->shape.c;
    tm_push(b, "mlp");
    x = tm_conv_norm_act(b, "fc1", x, (tm_conv){.out = ratio * c, .kernel = 1, .bias = true}, gelu);
    x = pointwise(b, "fc2", depthwise(b, "mid", x, 1, gelu), c);
    tm_pop(b);
    return x;
}

static int mlp_ratio(const efficientformer_variant *v, int stage, int block)
{
    if (stage < 2)
        return 4;
    int first = v->narrow[stage - 2].first, count = v->narrow[stage - 2].count;
    return block >= first && block < first + count ? 3 : 4;
}

static tm_node *stage(tm_builder *b, const efficientformer_variant *v, tm_node *x, int index)
{
    int depth = v->depths[index];
    tm_push(b, "stages.%d", index);
    if (index)
        x = downsample(b, x, v->dims[index], index == STAGES - 1);
    for (int i = 0; i < depth; i++) {
        tm_push(b, "blocks.%d", i);
        if (index >= 2 && i >= depth - v->attention)
            x = tm_add(b, x, tm_layer_scale(b, "ls1", attend(b, x, index == 2 ? 2 : 1)));
        tm_node *y = feed_forward(b, x, mlp_ratio(v, index, i));
        x = tm_add(b, x, tm_layer_scale(b, "ls2", y));
        tm_pop(b);
    }
    tm_pop(b);
    return x;
}

static void build(tm_builder *b, const void *variant)
{
    const efficientformer_variant *v = variant;
    tm_conv first = {.out = v->dims[0] / 2, .kernel = 3, .stride = 2, .bias = true}, second = first;
    second.out = v->dims[0];
    tm_node *x = tm_conv_norm_act(b, "stem.conv1", b->graph->input, first, gelu);
    x = tm_conv_norm_act(b, "stem.conv2", x, second, gelu);
    for (int i = 0; i < STAGES - 1; i++) {
        x = stage(b, v, x, i);
        tm_tap_stage_of(b, "stages", i, x, 4 << i);
    }
    x = stage(b, v, x, STAGES - 1);
    x = tm_tap_last_stage(b, "stages", STAGES - 1, x, 4 << (STAGES - 1), norm);
    const char *pool = tm_average_or_none(b);
    tm_distilled_head(b, tm_global_pool(b, x, pool), pool[0] ? TM_LAYOUT_VECTOR : TM_LAYOUT_MAP,
                      (tm_distilled){.head = "head", .dist = "head_dist"});
}

static const tm_argument arguments[] = {
    TM_TAKES(efficientformer_variant, "embed_dims", LIST, dims, TM_WIDTHS),
};

const tm_family tm_family_efficientformer_v2 = {
    .module = "efficientformer_v2", TM_VARIANTS(variants), TM_ARGUMENTS(arguments), .build = build};
