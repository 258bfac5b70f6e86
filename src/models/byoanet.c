/* SPDX-License-Identifier: Apache-2.0 */
/* timm's byoanet.py: Bottleneck Transformers (2101.11605), HaloNets (2103.12731) and Lambda ResNets
 * (2102.08602). */
#include <math.h>
#include <stdlib.h>

#include "layers/attention_biases.h"
#include "layers/make_divisible.h"
#include "layers/patch_embed.h"
#include "models/byobnet.h"
#include "models/model.h"

typedef enum attn_kind { AS_FIRST_STAGE, BOTTLENECK, HALO, LAMBDA } attn_kind;

typedef struct self_attn {
    attn_kind kind;
    int heads;       /* 4; of HALO 8 */
    int dim_head;    /* channels of q and k in a head; 0: as many as v, of LAMBDA 16 */
    int block, halo; /* HALO: sides of a block, 8, and of what is around it, 3 */
    float qk_ratio;  /* of q and k to v; 1 */
    int radius;      /* LAMBDA: of a convolution; 0: positions relative to all pixels */
} self_attn;

typedef struct byoanet_variant {
    tm_byob net;
    self_attn attn[4]; /* of the stages */
} byoanet_variant;

/* clang-format off */
#define STAGE(depth, channels, stride, group, ratio)                                               \
    {TM_BYOB_BOTTLE, depth, channels, stride, group, ratio}
#define NET26(group)                                                                               \
    .stem = TM_BYOB_STEM_TIERED, .stem_width = 64, .stem_pool = TM_BYOB_MAX_POOL,                  \
    .stages = {STAGE(2, 256, 1, group, 0.25f), STAGE(2, 512, 2, group, 0.25f),                     \
               STAGE(2, 1024, 2, group, 0.25f), STAGE(2, 2048, 2, group, 0.25f)},                  \
    .own = {0, 0, 2, 1}
#define NET33                                                                                      \
    .stem = TM_BYOB_STEM_TIERED, .stem_width = 64,                                                 \
    .stages = {STAGE(2, 256, 1, 0, 0.25f), STAGE(3, 512, 2, 0, 0.25f),                             \
               STAGE(3, 1024, 2, 0, 0.25f), STAGE(2, 1536, 2, 0, 0.333f)},                         \
    .act = TM_ACT_SILU, .features = 1280, .attn = TM_BYOB_SE, .own = {0, 3, 3, 1}
#define NET50(second)                                                                              \
    .stem = TM_BYOB_STEM_TIERED, .stem_width = 64,                                                 \
    .stages = {STAGE(3, 256, 1, 0, 0.25f), STAGE(4, 512, 2, 0, 0.25f),                             \
               STAGE(6, 1024, 2, 0, 0.25f), STAGE(3, 2048, 2, 0, 0.25f)},                          \
    .act = TM_ACT_SILU, .own = {0, second, 2, 2}

static const byoanet_variant variants[] = {
    {.net = {.name = "botnet26t_256", NET26(0)}, .attn = {{BOTTLENECK}}},
    {.net = {.name = "botnet50ts_256", NET50(4), .stem_pool = TM_BYOB_MAX_POOL},
     .attn = {{BOTTLENECK}}},
    {.net = {.name = "eca_botnext26ts_256", NET26(16), .act = TM_ACT_SILU, .attn = TM_BYOB_ECA},
     .attn = {{BOTTLENECK, .dim_head = 16}}},
    {.net = {.name = "eca_halonext26ts", NET26(16), .act = TM_ACT_SILU, .attn = TM_BYOB_ECA},
     .attn = {{HALO, .halo = 2, .dim_head = 16}}},
    {.net = {.name = "halo2botnet50ts_256", NET50(2)}, .attn = {{HALO}, [3] = {BOTTLENECK}}},
    {.net = {.name = "halonet26t", NET26(0)}, .attn = {{HALO, .halo = 2}}},
    {.net = {.name = "halonet50ts", NET50(4), .stem_pool = TM_BYOB_MAX_POOL},
     .attn = {{HALO}, {HALO, .heads = 4}}},
    {.net = {.name = "halonet_h1", .stem = TM_BYOB_STEM_7X7, .stem_width = 64,
             .stem_pool = TM_BYOB_MAX_POOL,
             .stages = {STAGE(3, 64, 1, 0, 1), STAGE(3, 128, 2, 0, 1), STAGE(10, 256, 2, 0, 1),
                        STAGE(3, 512, 2, 0, 1)}, .own = {1, 1, 1, 1}},
     .attn = {{HALO}}},
    {.net = {.name = "haloregnetz_b", .stem_width = 32,
             .stages = {STAGE(2, 48, 2, 16, 3), STAGE(6, 96, 2, 16, 3), STAGE(12, 192, 2, 16, 3),
                        STAGE(2, 288, 2, 16, 3)},
             .features = 1536, .act = TM_ACT_SILU, .shortcut = TM_BYOB_IDENTITY,
             .attn = TM_BYOB_SE, .attn_ratio = 0.25f, .inverted = true, .own = {0, 0, 4, 1}},
     .attn = {{HALO, .block = 7, .halo = 2, .qk_ratio = 0.33f}}},
    {.net = {.name = "lambda_resnet26rpt_256", NET26(0)}, .attn = {{LAMBDA}}},
    {.net = {.name = "lambda_resnet26t", NET26(0)}, .attn = {{LAMBDA, .radius = 9}}},
    {.net = {.name = "lambda_resnet50ts", NET50(4), .stem_pool = TM_BYOB_MAX_POOL},
     .attn = {{LAMBDA, .radius = 9}}},
    {.net = {.name = "lamhalobotnet50ts_256", NET50(2)},
     .attn = {[1] = {LAMBDA, .radius = 13}, {HALO}, {BOTTLENECK}}},
    {.net = {.name = "sebotnet33ts_256", NET33}, .attn = {{BOTTLENECK}}},
    {.net = {.name = "sehalonet33ts", NET33}, .attn = {{HALO}}},
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

/* Every row's h x w pixels column by column, a column a row. */
static tm_node *by_columns(tm_builder *b, tm_node *x, int h, int w)
{
    int count = x->shape.h * x->shape.w, *from = malloc((size_t)count * sizeof *from);
    if (!from) {
        tm_fail(&b->graph->error, TM_NO_MEMORY, "no memory for a map of %d pixels", count);
        return x;
    }
    for (int i = 0; i < count; i++)
        from[i] = i / (h * w) * h * w + i % h * w + i / h % w;
    x = tm_gather_pixels(b, x, count / h, h, from);
    free(from);
    return x;
}

/* ---- attention with learned offsets that q is multiplied with, along y and along x ---- */

/* For each of `queries` places, a table's rows of the offsets to `keys` places, `rows` times. */
static tm_node *offsets(tm_builder *b, const char *name, int rows, int queries, int keys, int d)
{
    tm_node *table = tm_param2(b, name, 2 * keys - 1, d);
    int *from = malloc((size_t)queries * (size_t)keys * sizeof *from);
    if (!from) {
        tm_fail(&b->graph->error, TM_NO_MEMORY, "no memory for %d x %d offsets", queries, keys);
        return b->graph->input;
    }
    for (int i = 0; i < queries * keys; i++)
        from[i] = i % keys - i / keys + keys - 1;
    table = tm_const_gather(b, table, (int64_t)queries * keys, from);
    free(from);
    table = tm_const_reshape(b, table, 3, (int64_t[]){queries, keys, d});
    table = tm_const_repeat(b, tm_const_permute(b, table, (int[]){0, 2, 1}), rows);
    return tm_constant_activation(b, table, rows * queries, d, keys);
}

/* Of rows of queries.h x queries.w tokens to rows of keys.h x keys.w. */
static tm_node *attend(tm_builder *b, tm_node *q, tm_node *k, tm_node *v, cutting queries,
                       cutting keys)
{
    int rows = q->shape.h, count = q->shape.w, d = q->shape.c, all = rows * count;
    tm_push(b, "pos_embed");
    tm_node *by_y = offsets(b, "height_rel", rows, queries.h, keys.h, d);
    tm_node *by_x = offsets(b, "width_rel", rows, queries.w, keys.w, d);
    tm_pop(b);
    by_y = tm_matmul(b, tm_reshape(b, q, rows * queries.h, queries.w, d), by_y);
    by_x = tm_matmul(b, by_columns(b, q, queries.h, queries.w), by_x);
    by_x = tm_reshape(b, by_x, rows, count, keys.w);
    by_x = by_columns(b, by_x, queries.w, queries.h);
    q = tm_affine(b, q, (float)(1 / sqrt((double)d)), 0.0f);
    tm_node *scores = tm_reshape(b, tm_matmul(b, q, tm_transpose(b, k)), all, keys.h, keys.w);
    scores = tm_add(b, scores, tm_reshape(b, by_y, all, keys.h, 1));
    scores = tm_add(b, scores, tm_reshape(b, by_x, all, 1, keys.w));
    scores = tm_softmax_c(b, tm_reshape(b, scores, rows, count, keys.h * keys.w), 1);
    return tm_matmul(b, scores, v);
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
    return at->stride == 2 ? tm_pool2d(b, x, (tm_pool){.kernel = 2}) : x;
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
    return stride < at->stride ? tm_pool2d(b, x, (tm_pool){.kernel = 2}) : x;
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
    x = tm_reshape(b, x, h, w, out);
    return at->stride == 2 ? tm_pool2d(b, x, (tm_pool){.kernel = 2}) : x;
}

/* ---- the block ---- */

static tm_node *own_block(const tm_byob_net *m, tm_node *x, const tm_byob_at *at)
{
    static tm_node *(*const kinds[])(tm_builder *, tm_node *, const self_attn *,
                                     const tm_byob_at *) = {
        [BOTTLENECK] = bottleneck, [HALO] = halo, [LAMBDA] = lambda};
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
