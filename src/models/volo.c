/* SPDX-License-Identifier: Apache-2.0 */
/* timm's volo.py: Vision Outlooker (2106.13112). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "layers/classifier.h"
#include "layers/conv_bn_act.h"
#include "layers/patch_embed.h"
#include "layers/pool1d.h"
#include "layers/taps.h"
#include "layers/vit_block.h"
#include "models/model.h"

enum { STAGES = 4, PATCH = 8, KERNEL = 3, TAPS = KERNEL * KERNEL, POOL = 2, CLASS_BLOCKS = 2 };

typedef struct volo_variant {
    const char *name, *same_as;
    int depths[STAGES];
    int width, heads; /* of all stages but the first, whose width is half of it */
    int first_heads;
    int ratio; /* of MLPs; 0: 3 */
    int stem;  /* channels; 0: 64 */
} volo_variant;

/* clang-format off */
#define D4 .width = 768, .heads = 16, .first_heads = 12

static const volo_variant variants[] = {
    {.name = "volo_d1_224", .depths = {4, 4, 8, 2}, .width = 384, .heads = 12, .first_heads = 6},
    {.name = "volo_d1_384", .same_as = "volo_d1_224"},
    {.name = "volo_d2_224", .depths = {6, 4, 10, 4}, .width = 512, .heads = 16, .first_heads = 8},
    {.name = "volo_d2_384", .same_as = "volo_d2_224"},
    {.name = "volo_d3_224", .depths = {8, 8, 16, 4}, .width = 512, .heads = 16, .first_heads = 8},
    {.name = "volo_d3_448", .same_as = "volo_d3_224"},
    {.name = "volo_d4_224", .depths = {8, 8, 16, 4}, D4},
    {.name = "volo_d4_448", .same_as = "volo_d4_224"},
    {.name = "volo_d5_224", .depths = {12, 12, 20, 4}, D4, .ratio = 4, .stem = 128},
    {.name = "volo_d5_448", .same_as = "volo_d5_224"},
    {.name = "volo_d5_512", .same_as = "volo_d5_224"},
};
/* clang-format on */

static const tm_norm norm = {.kind = TM_NORM_LAYER, .eps = 1e-5f};

static tm_vit_block block_of(int heads, int hidden)
{
    return (tm_vit_block){.qkv = {.heads = heads, .no_qkv_bias = true},
                          .ffn = {.hidden = hidden, .act = TM_ACT_GELU},
                          .norm = norm};
}

/* ---- outlook attention ---- */

/* Pixels of a map in which every head of a pixel is a pixel of its own; NULL: no memory. */
static int *new_indices(tm_builder *b, int count)
{
    int *from = malloc((size_t)count * sizeof *from);
    if (!from)
        tm_fail(&b->graph->error, TM_NO_MEMORY, "no memory for %d pixels of windows", count);
    return from;
}

/* 3x3 windows around every second pixel of both sides, zeros outside of the map: for each and each
 * head 9 pixels of d channels. x: h x w x (heads * d). */
static tm_node *unfold(tm_builder *b, tm_node *x, int heads)
{
    int h = x->shape.h, w = x->shape.w, across = (w + 1) / 2, rows = (h + 1) / 2 * across * heads;
    int *from = new_indices(b, rows * TAPS);
    if (!from)
        return x;
    for (int i = 0; i < rows * TAPS; i++) {
        int window = i / TAPS / heads, head = i / TAPS % heads, tap = i % TAPS;
        int row = window / across * 2 + tap / KERNEL - 1;
        int column = window % across * 2 + tap % KERNEL - 1;
        bool inside = row >= 0 && row < h && column >= 0 && column < w;
        from[i] = inside ? (row * w + column) * heads + head : -1;
    }
    x = tm_reshape(b, x, 1, h * w * heads, x->shape.c / heads);
    x = tm_gather_pixels(b, x, rows, TAPS, from);
    free(from);
    return x;
}

/* The window that a coordinate lies in, and where in it: an even one is in the middle of one
 * window, an odd one at the end of the first and at the beginning of the second. -1: there is none.
 */
static int window_of(int at, int windows, int second, int *tap)
{
    int window = second ? (at + 1) / 2 : at / 2;
    *tap = at + 1 - 2 * window;
    return (second && at % 2 == 0) || window >= windows ? -1 : window;
}

/* The way back: the sum of what the windows have for a pixel, of which there are at most four. */
static tm_node *fold(tm_builder *b, tm_node *x, int h, int w, int heads)
{
    int across = (w + 1) / 2, d = x->shape.c, count = h * w * heads;
    int *from = new_indices(b, count);
    tm_node *sum = NULL;
    for (int part = 0; part < 4 && from; part++) {
        for (int i = 0; i < count; i++) {
            int down_tap, across_tap, pixel = i / heads;
            int down = window_of(pixel / w, (h + 1) / 2, part / 2, &down_tap);
            int right = window_of(pixel % w, across, part % 2, &across_tap);
            from[i] = down < 0 || right < 0 ? -1
                                            : ((down * across + right) * heads + i % heads) * TAPS +
                                                  down_tap * KERNEL + across_tap;
        }
        tm_node *y = tm_gather_pixels(b, x, 1, count, from);
        sum = sum ? tm_add(b, sum, y) : y;
    }
    free(from);
    return sum ? tm_reshape(b, sum, h, w, heads * d) : x;
}

/* The weights of a window come from its middle alone. */
static tm_node *outlook(tm_builder *b, tm_node *x, int heads)
{
    int h = x->shape.h, w = x->shape.w, c = x->shape.c;
    float scale = (float)(1 / sqrt((double)c / heads));
    tm_push(b, "attn");
    tm_node *v = unfold(b, tm_linear(b, "v", x, c, false), heads);
    x = tm_pool2d(b, x, (tm_pool){.kernel = 2, .ceil_mode = true});
    x = tm_linear(b, "attn", x, TAPS * TAPS * heads, true);
    x = tm_reshape(b, tm_affine(b, x, scale, 0.0f), v->shape.h, TAPS, TAPS);
    x = fold(b, tm_matmul(b, tm_softmax_c(b, x, 1), v), h, w, heads);
    x = tm_linear(b, "proj", x, c, true);
    tm_pop(b);
    return x;
}

static tm_node *outlooker(tm_builder *b, tm_node *x, const tm_vit_block *block)
{
    x = tm_add(b, x, outlook(b, tm_normalize(b, "norm1", x, norm), block->qkv.heads));
    tm_node *y = tm_feed_forward(b, "mlp", tm_normalize(b, "norm2", x, norm), block->ffn);
    return tm_add(b, x, y);
}

/* ---- the class token ---- */

/* The token's new state; k and v of itself and the patches are one layer. */
static tm_node *class_block(tm_builder *b, tm_node *token, tm_node *x, const tm_vit_block *block)
{
    int c = x->shape.c;
    tm_node *all = tm_concat_w(b, 2, (tm_node *[]){token, x});
    all = tm_normalize(b, "norm1", all, norm);
    tm_push(b, "attn");
    tm_node *kv = tm_linear(b, "kv", all, 2 * c, false);
    tm_node *q = tm_linear(b, "q", tm_slice_w(b, all, 0, 1), c, false);
    tm_node *y = tm_attend(b, q, tm_slice_c(b, kv, 0, c), tm_slice_c(b, kv, c, c),
                           (tm_attention){.heads = block->qkv.heads});
    token = tm_add(b, token, tm_linear(b, "proj", y, c, true));
    tm_pop(b);
    y = tm_feed_forward(b, "mlp", tm_normalize(b, "norm2", token, norm), block->ffn);
    return tm_add(b, token, y);
}

static tm_node *with_token(tm_builder *b, tm_node *x, const tm_vit_block *block)
{
    int c = x->shape.c;
    tm_node *token = tm_constant_activation(b, tm_param3(b, "cls_token", 1, 1, c), 1, 1, c);
    for (int i = 0; i < CLASS_BLOCKS; i++) {
        tm_push(b, "post_network.%d", i);
        token = class_block(b, token, x, block);
        tm_pop(b);
    }
    return tm_concat_w(b, 2, (tm_node *[]){token, x});
}

/* The average is of all tokens; with a pool, the patches have a say by a classifier of their own:
 * the largest of their answers, halved. */
static void head(tm_builder *b, tm_node *x)
{
    const char *pool = tm_pool_kind(b, "token");
    if (pool[0] && strcmp(pool, "avg") != 0 && strcmp(pool, "token") != 0)
        tm_refuse(b, "global pool '%s': this family has token, avg, or none", pool);
    tm_layout layout = pool[0] ? TM_LAYOUT_VECTOR : TM_LAYOUT_TOKENS;
    int classes = b->options.num_classes;
    tm_node *y = tm_pool_tokens(b, x, pool, 0);
    tm_tap_output(b, TM_TAP_PRE_LOGITS, y, layout);
    if (classes > 0) {
        tm_node *patches = tm_slice_w(b, x, 1, x->shape.w - 1);
        patches = tm_linear(b, "aux_head", patches, classes, true);
        patches = tm_affine(b, tm_reduce_hw(b, patches, TM_REDUCE_MAX), 0.5f, 0.0f);
        y = tm_linear(b, "head", y, classes, true);
        y = pool[0] ? tm_add(b, y, patches) : y;
    }
    tm_tap_output(b, TM_TAP_LOGITS, y, layout);
}

/* ---- the network ---- */

static tm_node *stem(tm_builder *b, const volo_variant *v, tm_node *x)
{
    static const char *const names[][2] = {
        {"conv.0", "conv.1"}, {"conv.3", "conv.4"}, {"conv.6", "conv.7"}};
    tm_push(b, "patch_embed");
    for (int i = 0; i < 3; i++) {
        tm_conv conv = {.out = v->stem ? v->stem : 64, .kernel = i ? 3 : 7, .stride = i ? 1 : 2};
        x = tm_activate(b, tm_conv_norm(b, names[i][0], names[i][1], x, conv), TM_ACT_RELU);
    }
    tm_pop(b);
    return tm_patch_embed(b, "patch_embed", x, v->width / 2, PATCH / 2, true);
}

static tm_node *add_positions(tm_builder *b, tm_node *x)
{
    tm_shape s = x->shape, picture = b->graph->input->shape;
    int h = picture.h / PATCH / POOL, w = picture.w / PATCH / POOL;
    if (h != s.h || w != s.w)
        tm_refuse(b, "picture %dx%d: %dx%d patches, positions for %dx%d", picture.h, picture.w, s.h,
                  s.w, h, w);
    tm_node *positions = tm_param4(b, "pos_embed", 1, s.h, s.w, s.c);
    positions = tm_const_reshape(b, positions, 2, (int64_t[]){(int64_t)s.h * s.w, s.c});
    return tm_reshape(b, tm_add(b, tm_map_tokens(b, x), positions), s.h, s.w, s.c);
}

/* The outlookers are network.0, and what makes their map smaller network.1. */
static tm_node *stage(tm_builder *b, const volo_variant *v, tm_node *x, int index,
                      const tm_vit_block *block)
{
    tm_shape s = x->shape;
    x = index ? tm_map_tokens(b, x) : x;
    for (int i = 0; i < v->depths[index]; i++) {
        tm_push(b, "network.%d.%d", index ? index + 1 : 0, i);
        x = index ? tm_block(b, x, block) : outlooker(b, x, block);
        tm_pop(b);
    }
    return tm_reshape(b, x, s.h, s.w, s.c);
}

static void build(tm_builder *b, const void *variant)
{
    const volo_variant *v = variant;
    int ratio = v->ratio ? v->ratio : 3;
    tm_vit_block first = block_of(v->first_heads, ratio * v->width / 2);
    tm_vit_block block = block_of(v->heads, ratio * v->width);
    bool norms = tm_option_norm_intermediates(b);
    tm_node *x = stem(b, v, b->graph->input);
    for (int i = 0; i < STAGES; i++) {
        if (i == 1)
            x = add_positions(b, tm_patch_embed(b, "network.1", x, v->width, POOL, true));
        x = stage(b, v, x, i, i ? &block : &first);
        tm_node *normed = norms && i ? tm_normalize(b, "norm", x, norm) : x;
        tm_tap_stage_normed(b, "network", i ? i + 1 : 0, x, normed, i ? PATCH * POOL : PATCH);
    }
    b->graph->default_features = 3;
    x = tm_normalize(b, "norm", with_token(b, tm_map_tokens(b, x), &block), norm);
    b->graph->pruning = TM_PRUNING_OWN;
    tm_tap_final_tokens(b, x);
    head(b, x);
}

static const tm_argument arguments[] = {
    TM_TAKES(volo_variant, "stem_hidden_dim", INTEGER, stem, TM_WIDTHS, "volo_d5_*"),
};

const tm_family tm_family_volo = {.module = "volo",
                                  TM_VARIANTS(variants),
                                  TM_ARGUMENTS(arguments),
                                  .same_as = offsetof(volo_variant, same_as),
                                  .build = build};
