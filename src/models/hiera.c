/* SPDX-License-Identifier: Apache-2.0 */
/* timm's hiera.py: Hiera (2306.00989). Pixels stay in the order of the picture, where timm brings
 * those of a window together; max pools of its order are max pools of 2x2 pixels. */
#include "models/hiera.h"

#include "layers/classifier.h"
#include "layers/layer_scale.h"
#include "layers/mlp.h"
#include "layers/patch_embed.h"
#include "layers/taps.h"
#include "layers/window.h"
#include "models/filters.h"

enum { STAGES = TM_HIERA_STAGES, PATCH = 4, WINDOW = 8 };

typedef struct hiera_variant {
    const char *name;
    tm_hiera hiera;
    int positions; /* side of the positions of the whole map, which has others in each window; 0:
                      one for every patch */
} hiera_variant;

#define WINDOWS .windows = {WINDOW, WINDOW / 2}

/* clang-format off */
static const hiera_variant variants[] = {
    {"hiera_tiny_224", {.width = 96, .heads = 1, .depths = {1, 2, 7, 2}, WINDOWS}, 0},
    {"hiera_small_224", {.width = 96, .heads = 1, .depths = {1, 2, 11, 2}, WINDOWS}, 0},
    {"hiera_base_224", {.width = 96, .heads = 1, .depths = {2, 3, 16, 3}, WINDOWS}, 0},
    {"hiera_base_plus_224", {.width = 112, .heads = 2, .depths = {2, 3, 16, 3}, WINDOWS}, 0},
    {"hiera_large_224", {.width = 144, .heads = 2, .depths = {2, 6, 36, 4}, WINDOWS}, 0},
    {"hiera_huge_224", {.width = 256, .heads = 4, .depths = {2, 6, 36, 4}, WINDOWS}, 0},
    {"hiera_small_abswin_256", {.width = 96, .heads = 1, .depths = {1, 2, 11, 2}, WINDOWS,
                                .layer_scale = true, .concat = true}, 16},
    {"hiera_base_abswin_256", {.width = 96, .heads = 1, .depths = {2, 3, 16, 3}, WINDOWS,
                               .layer_scale = true}, 14},
};
/* clang-format on */

const tm_norm tm_hiera_norm = {.kind = TM_NORM_LAYER, .eps = 1e-6f};

tm_node *tm_hiera_patches(tm_builder *b, int width)
{
    tm_conv conv = {.out = width,
                    .kernel = 7,
                    .stride = PATCH,
                    .padding = TM_PAD_EXPLICIT,
                    .pad = 3,
                    .bias = true};
    return tm_conv2d(b, "patch_embed.proj", b->graph->input, conv);
}

/* Parameter [1, c, h, w] as [h * w, c] */
static tm_node *pixel_rows(tm_builder *b, const char *name, int c, int side)
{
    tm_node *x = tm_param4(b, name, 1, c, side, side);
    x = tm_const_permute(b, x, (int[]){0, 2, 3, 1});
    return tm_const_reshape(b, x, 2, (int64_t[]){(int64_t)side * side, c});
}

/* Every pixel's row of the window that it is in: [h * w, c] */
static tm_node *tile(tm_builder *b, tm_node *window, int h, int w)
{
    int *rows = tm_arena_alloc(&b->graph->arena, (size_t)h * (size_t)w * sizeof *rows);
    if (!rows) {
        tm_fail(&b->graph->error, TM_NO_MEMORY, "no memory for %d positions", h * w);
        return window;
    }
    for (int i = 0; i < h * w; i++)
        rows[i] = i / w % WINDOW * WINDOW + i % w % WINDOW;
    return tm_const_gather(b, window, (int64_t)h * w, rows);
}

static tm_node *add_rows(tm_builder *b, tm_node *x, tm_node *rows)
{
    return tm_reshape(b, tm_add(b, tm_map_tokens(b, x), rows), x->shape.h, x->shape.w, x->shape.c);
}

tm_node *tm_hiera_add_positions(tm_builder *b, tm_node *x, tm_hiera_positions positions)
{
    tm_shape s = x->shape;
    int side = positions.side;
    tm_node *whole = pixel_rows(b, "pos_embed", s.c, side);
    whole = tm_const_reshape(b, whole, 3, (int64_t[]){1, (int64_t)side * side, s.c});
    whole =
        tm_const_resample_grid(b, whole, 0, (int[]){side, side}, (int[]){s.h, s.w}, positions.how);
    tm_node *window = tile(b, pixel_rows(b, positions.window, s.c, WINDOW), s.h, s.w);
    return add_rows(b, x, tm_const_add(b, whole, window));
}

/* ---- blocks ---- */

typedef struct hiera_block {
    int out, heads;
    int window;
    bool layer_scale, concat;
} hiera_block;

/* Rows of tokens, h x w each: every square of 2x2 becomes its maximum. */
static tm_node *pool_rows(tm_builder *b, tm_node *x, int h, int w)
{
    int rows = x->shape.h;
    x = tm_reshape(b, x, rows * h, w, x->shape.c);
    x = tm_pool2d(b, x, (tm_pool){.max = true, .kernel = 2});
    return tm_reshape(b, x, rows, (h / 2) * (w / 2), x->shape.c);
}

/* In windows, padded with zeros on the right and below; queries of wider blocks are pooled. */
static tm_node *attend(tm_builder *b, tm_node *x, const hiera_block *block)
{
    int h = x->shape.h, w = x->shape.w, out = block->out, shrink = x->shape.c != out ? 2 : 1;
    tm_window window = {.h = h, .w = w};
    if (block->window)
        window.h = window.w = block->window;
    tm_push(b, "attn");
    x = block->window ? tm_window_partition(b, x, window) : tm_map_tokens(b, x);
    tm_node *qkv = tm_linear(b, "qkv", x, 3 * out, true), *q = tm_slice_c(b, qkv, 0, out);
    if (shrink > 1)
        q = pool_rows(b, q, window.h, window.w);
    x = tm_attend(b, q, tm_slice_c(b, qkv, out, out), tm_slice_c(b, qkv, 2 * out, out),
                  (tm_attention){.heads = block->heads});
    x = tm_linear(b, "proj", x, out, true);
    tm_pop(b);
    h /= shrink, w /= shrink, window.h /= shrink, window.w /= shrink;
    return block->window ? tm_window_reverse(b, x, h, w, window) : tm_reshape(b, x, h, w, out);
}

static tm_node *shortcut_of(tm_builder *b, tm_node *x, tm_node *normed, const hiera_block *block)
{
    const tm_pool max = {.max = true, .kernel = 2}, mean = {.kernel = 2};
    if (x->shape.c == block->out)
        return x;
    if (block->concat)
        return tm_concat_c(b, 2, (tm_node *[]){tm_pool2d(b, x, max), tm_pool2d(b, x, mean)});
    return tm_pool2d(b, tm_linear(b, "proj", normed, block->out, true), max);
}

static tm_node *scaled(tm_builder *b, const char *name, tm_node *x, const hiera_block *block)
{
    return block->layer_scale ? tm_layer_scale(b, name, x) : x;
}

static tm_node *add_block(tm_builder *b, tm_node *x, const hiera_block *block)
{
    tm_ffn ffn = {.hidden = 4 * block->out, .act = TM_ACT_GELU};
    tm_node *y = tm_normalize(b, "norm1", x, tm_hiera_norm);
    x = tm_add(b, shortcut_of(b, x, y, block), scaled(b, "ls1", attend(b, y, block), block));
    y = tm_feed_forward(b, "mlp", tm_normalize(b, "norm2", x, tm_hiera_norm), ffn);
    return tm_add(b, x, scaled(b, "ls2", y, block));
}

/* The window of block `index`, the first of its stage or not. */
static int window_of(const tm_hiera *hiera, int stage, int index, bool first)
{
    for (int i = 0; i < 3; i++)
        if (hiera->global_blocks[i] && hiera->global_blocks[i] == index)
            return 0;
    return hiera->windows[first && stage ? stage - 1 : stage];
}

tm_node *tm_hiera_blocks(tm_builder *b, tm_node *x, const tm_hiera *hiera)
{
    int index = 0;
    for (int s = 0; s < STAGES; s++) {
        for (int i = 0; i < hiera->depths[s]; i++, index++) {
            hiera_block block = {.out = hiera->width << s,
                                 .heads = hiera->heads << s,
                                 .window = window_of(hiera, s, index, i == 0),
                                 .layer_scale = hiera->layer_scale,
                                 .concat = hiera->concat};
            tm_push(b, "blocks.%d", index);
            x = add_block(b, x, &block);
            tm_pop(b);
        }
        tm_tap_stage_of(b, "blocks", index - 1, x, PATCH << s);
    }
    return x;
}

/* ---- Hiera ---- */

static void build(tm_builder *b, const void *variant)
{
    const hiera_variant *v = variant;
    tm_shape picture = b->graph->input->shape;
    int step = PATCH << (STAGES - 1);
    if (picture.h % step || picture.w % step) {
        tm_refuse(b, "picture %dx%d: sides must divide by %d", picture.h, picture.w, step);
        return;
    }
    tm_node *x = tm_hiera_patches(b, v->hiera.width);
    if (v->positions)
        x = tm_hiera_add_positions(
            b, x, (tm_hiera_positions){.window = "pos_embed_win", .side = v->positions});
    else
        x = add_rows(
            b, x, tm_param3(b, "pos_embed", 1, (int64_t)x->shape.h * x->shape.w, v->hiera.width));
    x = tm_map_tokens(b, tm_hiera_blocks(b, x, &v->hiera));
    b->graph->pruning = TM_PRUNING_CUT;
    tm_tap_final_tokens(b, x);
    tm_channels_last_head(b, "head", x, TM_LAYOUT_TOKENS, tm_hiera_norm);
}

static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    tm_tensor_view *positions;
    (void)graph, (void)variant;
    tm_state_open(dict, "model_state");
    tm_state_replace(dict, "head.projection.", "head.fc.");
    tm_state_replace_prefix(dict, "encoder_norm.", "head.norm.");
    tm_state_replace_prefix(dict, "norm.", "head.norm.");
    if ((positions = tm_state_find(dict, "pos_embed_abs")))
        tm_state_rename(dict, positions, "pos_embed");
}

static const tm_argument arguments[] = {
    TM_TAKES(hiera_variant, "embed_dim", INTEGER, hiera.width, TM_WIDTHS),
    TM_TAKES(hiera_variant, "num_heads", INTEGER, hiera.heads, TM_HEADS),
    TM_TAKES(hiera_variant, "stages", LIST, hiera.depths, TM_DEPTHS),
    TM_TAKES(hiera_variant, "init_values", GIVEN, hiera.layer_scale, TM_ANY),
};

const tm_family tm_family_hiera = {.module = "hiera",
                                   TM_VARIANTS(variants),
                                   TM_ARGUMENTS(arguments),
                                   .build = build,
                                   .filter = filter};
