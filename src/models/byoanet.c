/* SPDX-License-Identifier: Apache-2.0 */
/* timm's byoanet.py: Bottleneck Transformers (2101.11605), HaloNets (2103.12731) and Lambda ResNets
 * (2102.08602); of timm 0.4.12 also ResNets with Swin's windows (2103.14030) and RedNets
 * (2103.06255). */
#include <stdlib.h>

#include "layers/attention_biases.h"
#include "layers/conv_bn_act.h"
#include "layers/decomposed_attention.h"
#include "layers/make_divisible.h"
#include "layers/patch_embed.h"
#include "layers/window.h"
#include "models/byobnet.h"
#include "models/model.h"

typedef enum attn_kind { AS_FIRST_STAGE, BOTTLENECK, HALO, LAMBDA, SWIN, INVOLUTION } attn_kind;

enum { SWIN_SIDE = 8, SWIN_HEADS = 8, INVOLUTION_GROUP = 16 };

typedef struct self_attn {
    attn_kind kind;
    int heads;       /* 4; of HALO 8 */
    int dim_head;    /* channels of q and k in a head; 0: as many as v, of LAMBDA 16 */
    int block, halo; /* HALO: sides of a block, 8, and of what is around it, 3 */
    float qk_ratio;  /* of q and k to v; 1 */
    int radius;      /* LAMBDA: of a convolution; 0: positions relative to all pixels */
    bool scrambled;  /* LAMBDA of timm 0.4.12: [v, pixel, head] is taken for [channel, pixel] */
} self_attn;

typedef struct byoanet_variant {
    tm_byob net;
    self_attn attn[4]; /* of the stages */
} byoanet_variant;

/* clang-format off */
#define STAGE(depth, channels, stride, group, ratio)                                               \
    {TM_BYOB_BOTTLE, depth, channels, stride, group, ratio}
#define TIERED(d0, d1, d2, d3, group)                                                              \
    .stem = TM_BYOB_STEM_TIERED, .stem_width = 64,                                                 \
    .stages = {STAGE(d0, 256, 1, group, 0.25f), STAGE(d1, 512, 2, group, 0.25f),                   \
               STAGE(d2, 1024, 2, group, 0.25f), STAGE(d3, 2048, 2, group, 0.25f)}
#define POOLED(d0, d1, d2, d3, group)                                                              \
    TIERED(d0, d1, d2, d3, group), .stem_pool = TM_BYOB_MAX_POOL
#define NET26(group) POOLED(2, 2, 2, 2, group), .own = {0, 0, 2, 1}
#define NET33                                                                                      \
    .stem = TM_BYOB_STEM_TIERED, .stem_width = 64,                                                 \
    .stages = {STAGE(2, 256, 1, 0, 0.25f), STAGE(3, 512, 2, 0, 0.25f),                             \
               STAGE(3, 1024, 2, 0, 0.25f), STAGE(2, 1536, 2, 0, 0.333f)},                         \
    .act = TM_ACT_SILU, .features = 1280, .attn = TM_BYOB_SE, .own = {0, 3, 3, 1}
#define NET50(second) TIERED(3, 4, 6, 3, 0), .act = TM_ACT_SILU, .own = {0, second, 2, 2}

static const byoanet_variant variants[] = {
    {.net = {.name = "botnet26t_256", NET26(0)}, .attn = {{BOTTLENECK}}},
    {.net = {.name = "botnet50ts_256", NET50(4), .stem_pool = TM_BYOB_MAX_POOL},
     .attn = {{BOTTLENECK}}},
    {.net = {.name = "eca_botnext26ts_256", NET26(16), .act = TM_ACT_SILU, .attn = TM_BYOB_ECA},
     .attn = {{BOTTLENECK, .dim_head = 16}}},
    {.net = {.name = "eca_halonext26ts", NET26(16), .act = TM_ACT_SILU, .attn = TM_BYOB_ECA},
     .attn = {{HALO, .halo = 2, .dim_head = 16}}},
    {.net = {.name = "eca_lambda_resnext26ts", NET26(16), .act = TM_ACT_SILU,
             .attn = TM_BYOB_ECA},
     .attn = {{LAMBDA, .radius = 7, .scrambled = true}}},
    {.net = {.name = "eca_swinnext26ts_256", POOLED(2, 2, 2, 2, 16), .act = TM_ACT_SILU,
             .attn = TM_BYOB_ECA, .own = {0, 2, 2, 1}},
     .attn = {{SWIN}}},
    {.net = {.name = "halo2botnet50ts_256", NET50(2)}, .attn = {{HALO}, [3] = {BOTTLENECK}}},
    {.net = {.name = "halonet26t", NET26(0)}, .attn = {{HALO, .halo = 2}}},
    {.net = {.name = "halonet50ts", NET50(4), .stem_pool = TM_BYOB_MAX_POOL},
     .attn = {{HALO}, {HALO, .heads = 4}}},
    {.net = {.name = "halonet_h1", .stem = TM_BYOB_STEM_7X7, .stem_width = 64,
             .stem_pool = TM_BYOB_MAX_POOL,
             .stages = {STAGE(3, 64, 1, 0, 1), STAGE(3, 128, 2, 0, 1), STAGE(10, 256, 2, 0, 1),
                        STAGE(3, 512, 2, 0, 1)}, .own = {1, 1, 1, 1}},
     .attn = {{HALO}}},
    {.net = {.name = "halonet_h1_c4c5", .stem = TM_BYOB_STEM_TIERED, .stem_width = 64,
             .stem_pool = TM_BYOB_MAX_POOL,
             .stages = {STAGE(3, 64, 1, 0, 1), STAGE(3, 128, 2, 0, 1), STAGE(10, 256, 2, 0, 1),
                        STAGE(3, 512, 2, 0, 1)}, .own = {0, 0, 1, 1}},
     .attn = {{HALO, .dim_head = 16}}},
    {.net = {.name = "haloregnetz_b", .stem_width = 32,
             .stages = {STAGE(2, 48, 2, 16, 3), STAGE(6, 96, 2, 16, 3), STAGE(12, 192, 2, 16, 3),
                        STAGE(2, 288, 2, 16, 3)},
             .features = 1536, .act = TM_ACT_SILU, .shortcut = TM_BYOB_IDENTITY,
             .attn = TM_BYOB_SE, .attn_ratio = 0.25f, .inverted = true, .own = {0, 0, 4, 1}},
     .attn = {{HALO, .block = 7, .halo = 2, .qk_ratio = 0.33f}}},
    {.net = {.name = "lambda_resnet26rpt_256", NET26(0)}, .attn = {{LAMBDA}}},
    {.net = {.name = "lambda_resnet26t", NET26(0)}, .attn = {{LAMBDA, .radius = 9}}},
    {.net = {.name = "lambda_resnet50t", POOLED(3, 4, 6, 3, 0), .own = {0, 0, 4, 1}},
     .attn = {{LAMBDA, .radius = 7, .scrambled = true}}},
    {.net = {.name = "lambda_resnet50ts", NET50(4), .stem_pool = TM_BYOB_MAX_POOL},
     .attn = {{LAMBDA, .radius = 9}}},
    {.net = {.name = "lamhalobotnet50ts_256", NET50(2)},
     .attn = {[1] = {LAMBDA, .radius = 13}, {HALO}, {BOTTLENECK}}},
    {.net = {.name = "rednet26t", POOLED(2, 2, 2, 2, 0), .own = {1, 1, 1, 1}},
     .attn = {{INVOLUTION}}},
    {.net = {.name = "rednet50ts", POOLED(3, 4, 2, 3, 0), .act = TM_ACT_SILU,
             .own = {1, 1, 1, 1}},
     .attn = {{INVOLUTION}}},
    {.net = {.name = "sebotnet33ts_256", NET33}, .attn = {{BOTTLENECK}}},
    {.net = {.name = "sehalonet33ts", NET33}, .attn = {{HALO}}},
    {.net = {.name = "swinnet26t_256", POOLED(2, 2, 2, 2, 0), .own = {0, 2, 2, 1}},
     .attn = {{SWIN}}},
    {.net = {.name = "swinnet50ts_256", POOLED(3, 4, 2, 3, 0), .act = TM_ACT_SILU,
             .own = {0, TM_BYOB_OWN_BUT_FIRST, 2, 1}},
     .attn = {{SWIN}}},
};
/* clang-format on */

/* ---- pixels of blocks, for each head, as rows of tokens ---- */

typedef struct cutting {
    int heads, blocks_h, blocks_w;
    int h, w;         /* of a row's tokens */
    int step, margin; /* from block to block; what rows have around their block */
} cutting;

/* Of the map (h x w x heads * d): heads, then blocks, as rows of tokens of d channels, zeros
 * outside of the map; or, where each pixel is in one row, back. */
static tm_node *cut(tm_builder *b, tm_node *x, cutting c, int h, int w, bool back)
{
    int tokens = c.h * c.w, blocks = c.blocks_h * c.blocks_w, rows = c.heads * blocks;
    int *from = malloc((size_t)rows * (size_t)tokens * sizeof *from);
    if (!from) {
        tm_fail(&b->graph->error, TM_NO_MEMORY, "no memory for %d rows of %d tokens", rows, tokens);
        return x;
    }
    for (int i = 0; i < rows * tokens; i++) {
        int block = i / tokens % blocks, token = i % tokens;
        int py = block / c.blocks_w * c.step + token / c.w - c.margin;
        int px = block % c.blocks_w * c.step + token % c.w - c.margin;
        bool inside = py >= 0 && px >= 0 && py < h && px < w;
        int pixel = inside ? (py * w + px) * c.heads + i / tokens / blocks : -1;
        from[back ? pixel : i] = back ? i : pixel;
    }
    if (back) {
        int channels = c.heads * x->shape.c;
        x = tm_reshape(b, tm_gather_pixels(b, x, h, w * c.heads, from), h, w, channels);
    } else {
        x = tm_reshape(b, x, h, w * c.heads, x->shape.c / c.heads);
        x = tm_gather_pixels(b, x, rows, tokens, from);
    }
    free(from);
    return x;
}

/* ---- attention with learned offsets that q is multiplied with, along y and along x ---- */

static int offset_from_query(int query, int queries, int key, int keys)
{
    (void)queries;
    return key - query + keys - 1;
}

/* Of rows of queries.h x queries.w tokens to rows of keys.h x keys.w. */
static tm_node *attend(tm_builder *b, tm_node *q, tm_node *k, tm_node *v, cutting queries,
                       cutting keys)
{
    tm_decomposed by = {.heads = 1, .h = queries.h, .w = queries.w};
    tm_push(b, "pos_embed");
    tm_node *down = tm_param2(b, "height_rel", 2 * keys.h - 1, q->shape.c);
    tm_node *across = tm_param2(b, "width_rel", 2 * keys.w - 1, q->shape.c);
    tm_pop(b);
    by.down = tm_offset_vectors(b, down, queries.h, keys.h, offset_from_query);
    by.across = tm_offset_vectors(b, across, queries.w, keys.w, offset_from_query);
    return tm_attend_decomposed(b, q, k, v, by);
}

/* What is left of the channels when timm has worked out those of q and k in a head. */
static int head_dim(const self_attn *a, int out, int heads)
{
    double ratio = a->qk_ratio > 0 ? a->qk_ratio : 1;
    return a->dim_head ? a->dim_head : tm_divisible(out * ratio, 8, 0.9) / heads;
}

static void require_feature_size(tm_builder *b, const tm_node *x, const tm_byob_at *at)
{
    if (x->shape.h != at->feat_h || x->shape.w != at->feat_w)
        tm_refuse(b, "picture %dx%d: its map of %dx%d pixels is one of %dx%d to timm's attention",
                  b->options.img_h, b->options.img_w, x->shape.h, x->shape.w, at->feat_h,
                  at->feat_w);
}

/* How a stride follows what has none. */
static tm_node *halved(tm_builder *b, tm_node *x, const tm_byob_at *at)
{
    return at->stride == 2 ? tm_pool2d(b, x, (tm_pool){.kernel = 2}) : x;
}

static tm_node *bottleneck(tm_builder *b, tm_node *x, const self_attn *a, const tm_byob_at *at)
{
    int h = x->shape.h, w = x->shape.w, c = x->shape.c, heads = a->heads ? a->heads : 4;
    int qk = heads * head_dim(a, c, heads);
    cutting whole = {.heads = heads, .blocks_h = 1, .blocks_w = 1, .h = h, .w = w};
    require_feature_size(b, x, at);
    x = tm_conv2d(b, "qkv", x, (tm_conv){.out = 2 * qk + c, .kernel = 1});
    tm_node *q = cut(b, tm_slice_c(b, x, 0, qk), whole, h, w, false);
    tm_node *k = cut(b, tm_slice_c(b, x, qk, qk), whole, h, w, false);
    tm_node *v = cut(b, tm_slice_c(b, x, 2 * qk, c), whole, h, w, false);
    x = cut(b, attend(b, q, k, v, whole, whole), whole, h, w, true);
    return halved(b, x, at);
}

/* Blocks attend to themselves and what is around them; at stride 2 with every second pixel of both
 * sides, or where a block has no half, averaged afterwards. */
static tm_node *halo(tm_builder *b, tm_node *x, const self_attn *a, const tm_byob_at *at)
{
    int h = x->shape.h, w = x->shape.w, c = x->shape.c, heads = a->heads ? a->heads : 8;
    int block = a->block ? a->block : 8, margin = a->halo ? a->halo : 3, side = block + 2 * margin;
    int stride = block % at->stride ? 1 : at->stride, d = head_dim(a, c, heads), qk = heads * d;
    cutting keys = {heads, h / block, w / block, side, side, block, margin}, queries = keys;
    queries.h = queries.w = queries.step = block / stride;
    queries.margin = 0;
    if (h % block || w % block) {
        tm_refuse(b, "a map of %dx%d pixels: it does not divide into blocks of %d", h, w, block);
        return x;
    }
    tm_node *q = tm_conv2d(b, "q", x, (tm_conv){.out = qk, .kernel = 1, .stride = stride});
    q = cut(b, q, queries, h / stride, w / stride, false);
    tm_node *weight = tm_param4(b, "kv.weight", qk + c, c, 1, 1);
    weight = tm_parts_first(b, weight, (tm_head_parts){heads, 2, {d, c / heads}});
    x = tm_conv2d_with(b, "kv", x, weight, NULL, (tm_conv){.out = qk + c, .kernel = 1});
    tm_node *k = cut(b, tm_slice_c(b, x, 0, qk), keys, h, w, false);
    tm_node *v = cut(b, tm_slice_c(b, x, qk, c), keys, h, w, false);
    x = cut(b, attend(b, q, k, v, queries, keys), queries, h / stride, w / stride, true);
    return stride < at->stride ? halved(b, x, at) : x;
}

/* ---- lambda layers ---- */

/* For every pixel, d sums of v around it: a kernel for each, the same for all channels. */
static tm_node *local_sums(tm_builder *b, tm_node *v, int d, int radius)
{
    int c = v->shape.c, h = v->shape.h, w = v->shape.w;
    tm_node **sums = calloc((size_t)d, sizeof *sums);
    if (!sums) {
        tm_fail(&b->graph->error, TM_NO_MEMORY, "no memory for %d maps", d);
        return v;
    }
    tm_node *weight = tm_param(b, "conv_lambda.weight", 5, (int64_t[]){d, 1, radius, radius, 1});
    tm_node *bias = tm_param1(b, "conv_lambda.bias", d);
    for (int i = 0; i < d; i++) {
        tm_node *kernel = tm_const_slice(b, weight, 0, i, 1);
        kernel = tm_const_reshape(b, kernel, 4, (int64_t[]){1, 1, radius, radius});
        sums[i] = tm_conv2d_with(b, "conv_lambda", v, tm_const_repeat(b, kernel, c),
                                 tm_const_repeat(b, tm_const_slice(b, bias, 0, i, 1), c),
                                 (tm_conv){.out = c, .kernel = radius, .groups = TM_DEPTHWISE});
    }
    tm_node *all = tm_concat_c(b, d, sums);
    free(sums);
    return tm_reshape(b, all, h * w, d, c);
}

/* The same over all pixels, weighed by their offsets. */
static tm_node *relative_sums(tm_builder *b, tm_node *v, int d)
{
    int h = v->shape.h, w = v->shape.w, pixels = h * w, across = 2 * w - 1;
    tm_node *table = tm_param3(b, "pos_emb", 2 * h - 1, across, d);
    int *from = malloc((size_t)pixels * (size_t)pixels * sizeof *from);
    if (!from) {
        tm_fail(&b->graph->error, TM_NO_MEMORY, "no memory for offsets of %d pixels", pixels);
        return v;
    }
    for (int i = 0; i < pixels * pixels; i++) {
        int to = i / pixels, at = i % pixels;
        from[i] = (at / w - to / w + h - 1) * across + at % w - to % w + w - 1;
    }
    table = tm_const_reshape(b, table, 2, (int64_t[]){(int64_t)(2 * h - 1) * across, d});
    table = tm_const_gather(b, table, (int64_t)pixels * pixels, from);
    free(from);
    table = tm_const_reshape(b, table, 3, (int64_t[]){pixels, pixels, d});
    table = tm_const_permute(b, table, (int[]){0, 2, 1});
    tm_node *weights = tm_constant_activation(b, table, 1, pixels * d, pixels);
    v = tm_matmul(b, weights, tm_map_tokens(b, v));
    return tm_reshape(b, v, pixels, d, v->shape.c);
}

/* timm's LambdaLayer: q times a matrix of the pixel's own, which is made of v */
static tm_node *lambda(tm_builder *b, tm_node *x, const self_attn *a, const tm_byob_at *at)
{
    int h = x->shape.h, w = x->shape.w, out = x->shape.c, heads = a->heads ? a->heads : 4;
    int d = a->dim_head ? a->dim_head : 16, c = out / heads, all = heads * d;
    tm_norm norm = {.kind = TM_NORM_BATCH};
    if (!a->radius)
        require_feature_size(b, x, at);
    x = tm_conv2d(b, "qkv", x, (tm_conv){.out = all + d + c, .kernel = 1});
    tm_node *q = tm_normalize(b, "norm_q", tm_slice_c(b, x, 0, all), norm);
    tm_node *v = tm_normalize(b, "norm_v", tm_slice_c(b, x, all + d, c), norm);
    tm_node *k = tm_transpose(b, tm_map_tokens(b, tm_slice_c(b, x, all, d)));
    tm_node *content = tm_matmul(b, tm_softmax_c(b, k, 1), tm_map_tokens(b, v));
    tm_node *sums = a->radius ? local_sums(b, v, d, a->radius) : relative_sums(b, v, d);
    x = tm_matmul(b, tm_reshape(b, q, h * w, heads, d), tm_add(b, sums, content));
    if (a->scrambled) {
        x = tm_transpose(b, tm_reshape(b, x, 1, h * w * heads, c));
        x = tm_transpose(b, tm_reshape(b, x, 1, out, h * w));
    }
    x = tm_reshape(b, x, h, w, out);
    return halved(b, x, at);
}

/* ---- windows ---- */

/* timm 0.4.12's WindowAttention: shifted wherever the map is larger than a window, by a mask that
 * is stored with the weights, and without a projection. */
static tm_node *swin(tm_builder *b, tm_node *x, const self_attn *a, const tm_byob_at *at)
{
    (void)a;
    int h = x->shape.h, w = x->shape.w, c = x->shape.c, least = h < w ? h : w;
    int side = least < SWIN_SIDE ? least : SWIN_SIDE, shift = least > SWIN_SIDE ? SWIN_SIDE / 2 : 0;
    int pixels = side * side, offset = 2 * side - 1;
    tm_window window = {.h = side, .w = side, .shift_h = shift, .shift_w = shift};
    require_feature_size(b, x, at);
    if (h % side || w % side) {
        tm_refuse(b, "a map of %dx%d pixels: it does not divide into windows of %d", h, w, side);
        return x;
    }
    tm_node *table = tm_param2(b, "relative_position_bias_table", offset * offset, SWIN_HEADS);
    tm_node *mask = NULL;
    if (shift)
        mask = tm_buffer_param(b, "attn_mask", 3, (int64_t[]){h * w / pixels, pixels, pixels});
    tm_unused_param(b, "relative_position_index", 2, (int64_t[]){pixels, pixels}, false);
    tm_attention attention = {
        .heads = SWIN_HEADS, .bias = tm_relative_position_bias(b, table, side, side), .mask = mask};
    x = tm_linear(b, "qkv", tm_window_partition(b, x, window), 3 * c, true);
    x = tm_attend(b, tm_slice_c(b, x, 0, c), tm_slice_c(b, x, c, c), tm_slice_c(b, x, 2 * c, c),
                  attention);
    return halved(b, tm_window_reverse(b, x, h, w, window), at);
}

/* ---- involution ---- */

/* timm 0.4.12's Involution: every pixel makes the 3x3 kernels of its own groups of channels. */
static tm_node *involution(tm_builder *b, tm_node *x, const self_attn *a, const tm_byob_at *at)
{
    (void)a;
    int h = x->shape.h, w = x->shape.w, c = x->shape.c, groups = c / INVOLUTION_GROUP;
    cutting around = {groups, h / at->stride, w / at->stride, 3, 3, at->stride, 1}, each = around;
    each.h = each.w = each.step = 1;
    each.margin = 0;
    tm_node *kernels =
        tm_conv_norm_act(b, "conv1", halved(b, x, at), (tm_conv){.out = c / 4, .kernel = 1},
                         (tm_conv_tail){.act = TM_ACT_RELU});
    /* the same layer by its other name, which the one below overrides */
    tm_unused_param(b, "conv2.weight", 4, (int64_t[]){9 * groups, c / 4, 1, 1}, false);
    kernels = tm_conv2d(b, "conv", kernels, (tm_conv){.out = 9 * groups, .kernel = 1});
    kernels = cut(b, kernels, each, each.blocks_h, each.blocks_w, false);
    x = tm_matmul(b, kernels, cut(b, x, around, h, w, false));
    return cut(b, x, each, each.blocks_h, each.blocks_w, true);
}

/* ---- the block ---- */

static tm_node *own_block(const tm_byob_net *m, tm_node *x, const tm_byob_at *at)
{
    static tm_node *(*const kinds[])(tm_builder *, tm_node *, const self_attn *,
                                     const tm_byob_at *) = {[BOTTLENECK] = bottleneck,
                                                            [HALO] = halo,
                                                            [LAMBDA] = lambda,
                                                            [SWIN] = swin,
                                                            [INVOLUTION] = involution};
    const byoanet_variant *v = (const void *)m->v; /* which its net begins */
    const self_attn *attn = &v->attn[at->stage_index];
    if (attn->kind == AS_FIRST_STAGE)
        attn = &v->attn[0];
    /* attention rounds down where a strided shortcut rounds up */
    bool odd = x->shape.h % at->stride || x->shape.w % at->stride;
    if (odd && m->v->shortcut != TM_BYOB_IDENTITY)
        tm_refuse(m->b, "picture %dx%d: a map of %dx%d pixels has no half", m->b->options.img_h,
                  m->b->options.img_w, x->shape.h, x->shape.w);
    tm_node *y = tm_byob_conv(m, "conv1_1x1", x, (tm_conv){.out = at->middle, .kernel = 1}, true);
    tm_push(m->b, "self_attn");
    y = kinds[attn->kind](m->b, y, attn, at);
    tm_pop(m->b);
    y = tm_byob_norm_act(m, "post_attn", y, true);
    y = tm_byob_conv(m, "conv3_1x1", y, (tm_conv){.out = at->out, .kernel = 1}, false);
    y = tm_byob_add_shortcut(m, x, y, at);
    return m->v->inverted ? y : tm_activate(m->b, y, m->act);
}

static void build(tm_builder *b, const void *variant)
{
    const byoanet_variant *v = variant;
    tm_byob_build(b, &v->net, own_block);
}

const tm_family tm_family_byoanet = {.module = "byoanet", TM_VARIANTS(variants), .build = build};
