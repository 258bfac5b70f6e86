/* SPDX-License-Identifier: Apache-2.0 */
/* timm's swin_transformer_v2.py: Swin Transformer V2 (2111.09883). */
#include <math.h>
#include <stdlib.h>

#include "layers/mlp.h"
#include "layers/window.h"
#include "models/filters.h"
#include "models/model.h"
#include "models/swin.h"

enum { STAGES = TM_SWIN_STAGES, HIDDEN = 512 /* of the positions' MLP */ };

typedef struct swin_variant {
    const char *name;
    int width, heads[STAGES], depths[STAGES], windows[STAGES];
    bool resized; /* the windows that it was first trained with were of 12 */
    tm_swin_any any;
} swin_variant;

/* clang-format off */
static const swin_variant variants[] = {
    {.name = "swinv2_tiny_window16_256", .width = 96, .heads = {3, 6, 12, 24}, .depths = {2, 2, 6, 2},
     .windows = {16, 16, 16, 16}},
    {.name = "swinv2_tiny_window8_256", .width = 96, .heads = {3, 6, 12, 24}, .depths = {2, 2, 6, 2},
     .windows = {8, 8, 8, 8}},
    {.name = "swinv2_small_window16_256", .width = 96, .heads = {3, 6, 12, 24}, .depths = {2, 2, 18, 2},
     .windows = {16, 16, 16, 16}},
    {.name = "swinv2_small_window8_256", .width = 96, .heads = {3, 6, 12, 24}, .depths = {2, 2, 18, 2},
     .windows = {8, 8, 8, 8}},
    {.name = "swinv2_base_window16_256", .width = 128, .heads = {4, 8, 16, 32}, .depths = {2, 2, 18, 2},
     .windows = {16, 16, 16, 16}},
    {.name = "swinv2_base_window8_256", .width = 128, .heads = {4, 8, 16, 32}, .depths = {2, 2, 18, 2},
     .windows = {8, 8, 8, 8}},
    {.name = "swinv2_base_window12_192", .width = 128, .heads = {4, 8, 16, 32}, .depths = {2, 2, 18, 2},
     .windows = {12, 12, 12, 12}},
    {.name = "swinv2_base_window12to16_192to256", .width = 128, .heads = {4, 8, 16, 32}, .depths = {2, 2, 18, 2},
     .windows = {16, 16, 16, 16}, .resized = true},
    {.name = "swinv2_base_window12to24_192to384", .width = 128, .heads = {4, 8, 16, 32}, .depths = {2, 2, 18, 2},
     .windows = {24, 24, 24, 24}, .resized = true},
    {.name = "swinv2_large_window12_192", .width = 192, .heads = {6, 12, 24, 48}, .depths = {2, 2, 18, 2},
     .windows = {12, 12, 12, 12}},
    {.name = "swinv2_large_window12to16_192to256", .width = 192, .heads = {6, 12, 24, 48}, .depths = {2, 2, 18, 2},
     .windows = {16, 16, 16, 16}, .resized = true},
    {.name = "swinv2_large_window12to24_192to384", .width = 192, .heads = {6, 12, 24, 48}, .depths = {2, 2, 18, 2},
     .windows = {24, 24, 24, 24}, .resized = true},
};
/* clang-format on */

static const tm_norm norm = {.kind = TM_NORM_LAYER, .eps = 1e-5f};

/* What a stage's blocks share. */
typedef struct stage_config {
    int heads, window;
    int trained; /* side of the windows of the first training; 0: as they are */
} stage_config;

/* An offset between pixels, on a scale of logarithms on which a window of `side` ends at 1. */
static float coordinate(int offset, int side)
{
    float at = (float)offset / (float)(side > 1 ? side - 1 : 1) * 8;
    return copysignf((float)(log2(fabs((double)at) + 1) / 3), at);
}

/* Every offset between two pixels of the window: constant [(2h - 1) * (2w - 1), 2] */
static tm_node *coordinates(tm_builder *b, tm_window window, int trained)
{
    int rows = 2 * window.h - 1, columns = 2 * window.w - 1;
    float *table = malloc((size_t)rows * (size_t)columns * 2 * sizeof *table);
    if (!table) {
        tm_fail(&b->graph->error, TM_NO_MEMORY, "no memory for the offsets of a window");
        return tm_literal(b, 2, (int64_t[]){1, 1}, (float[]){0.0f});
    }
    for (int i = 0; i < rows * columns; i++) {
        table[2 * i] = coordinate(i / columns - window.h + 1, trained ? trained : window.h);
        table[2 * i + 1] = coordinate(i % columns - window.w + 1, trained ? trained : window.w);
    }
    tm_node *literal = tm_literal(b, 2, (int64_t[]){(int64_t)rows * columns, 2}, table);
    free(table);
    return literal;
}

/* The bias of attention, continuous in the offset. */
static tm_node *position_bias(tm_builder *b, tm_window window, const stage_config *stage)
{
    tm_push(b, "cpb_mlp");
    tm_node *x = coordinates(b, window, stage->trained);
    x = tm_const_linear(b, x, tm_param2(b, "0.weight", HIDDEN, 2), tm_param1(b, "0.bias", HIDDEN));
    x = tm_const_clamp(b, x, 0.0f, INFINITY);
    x = tm_const_linear(b, x, tm_param2(b, "2.weight", stage->heads, HIDDEN), NULL);
    x = tm_const_affine(b, tm_const_sigmoid(b, x), 16.0f, 0.0f);
    tm_pop(b);
    return tm_relative_position_bias(b, x, window.h, window.w);
}

/* exp of the scope's logit_scale, which is at most 100, for each channel of its head */
static tm_node *logit_scale(tm_builder *b, int heads, int head_dim)
{
    tm_node *scale = tm_param3(b, "logit_scale", heads, 1, 1);
    scale = tm_const_exp(b, tm_const_clamp(b, scale, -INFINITY, (float)log(100.0)));
    scale = tm_const_reshape(b, scale, 2, (int64_t[]){heads, 1});
    tm_node *one = tm_literal(b, 2, (int64_t[]){1, 1}, (float[]){1.0f});
    tm_node *ones =
        tm_const_reshape(b, tm_const_repeat(b, one, head_dim), 2, (int64_t[]){1, head_dim});
    return tm_const_reshape(b, tm_const_mul(b, ones, scale), 1,
                            (int64_t[]){(int64_t)heads * head_dim});
}

/* Heads of a root mean square of 1: their length is the root of their width. */
static tm_node *normalized(tm_builder *b, tm_node *x, int heads)
{
    float eps = 1e-24f * (float)heads / (float)x->shape.c;
    return tm_normalize(
        b, "", x, (tm_norm){.kind = TM_NORM_RMS, .eps = eps, .groups = heads, .no_affine = true});
}

static tm_node *project(tm_builder *b, tm_node *x)
{
    int dim = x->shape.c;
    tm_node *zero = tm_literal(b, 1, (int64_t[]){1}, (float[]){0.0f});
    tm_node *bias[] = {tm_param1(b, "q_bias", dim), tm_const_repeat(b, zero, dim),
                       tm_param1(b, "v_bias", dim)};
    return tm_conv2d_with(b, "qkv", x, tm_param2(b, "qkv.weight", 3 * (int64_t)dim, dim),
                          tm_const_concat(b, 3, bias, 0),
                          (tm_conv){.out = 3 * dim, .kernel = 1, .linear = true});
}

static tm_node *attend(tm_builder *b, tm_node *x, const stage_config *stage, tm_window window)
{
    int h = x->shape.h, w = x->shape.w, dim = x->shape.c, heads = stage->heads;
    tm_push(b, "attn");
    x = project(b, tm_window_partition(b, x, window));
    tm_node *q = normalized(b, tm_slice_c(b, x, 0, dim), heads);
    tm_node *k = normalized(b, tm_slice_c(b, x, dim, dim), heads);
    q = tm_mul(b, q, logit_scale(b, heads, dim / heads));
    x = tm_attend(b, q, k, tm_slice_c(b, x, 2 * dim, dim),
                  (tm_attention){.heads = heads,
                                 .scale = (float)heads / (float)dim,
                                 .bias = position_bias(b, window, stage),
                                 .mask = tm_window_mask(b, h, w, window)});
    x = tm_window_reverse(b, tm_linear(b, "proj", x, dim, true), h, w, window);
    tm_pop(b);
    return x;
}

static tm_node *block(tm_builder *b, tm_node *x, const stage_config *stage, tm_window window)
{
    x = tm_add(b, x, tm_normalize(b, "norm1", attend(b, x, stage, window), norm));
    tm_ffn ffn = {.hidden = 4 * x->shape.c, .act = TM_ACT_GELU};
    return tm_add(b, x, tm_normalize(b, "norm2", tm_feed_forward(b, "mlp", x, ffn), norm));
}

static tm_node *stage(tm_builder *b, const void *variant, tm_node *x, int index)
{
    const swin_variant *v = variant;
    stage_config config = {.heads = v->heads[index],
                           .window = v->windows[index],
                           .trained = !v->resized           ? 0
                                      : index == STAGES - 1 ? 6
                                                            : 12};
    tm_push(b, "layers.%d", index);
    if (index)
        x = tm_patch_merging_post_norm(b, "downsample", x, 2 * x->shape.c, norm);
    tm_shape map = tm_swin_map(b, index, v->any);
    for (int i = 0; i < v->depths[index]; i++) {
        tm_push(b, "blocks.%d", i);
        x = block(b, x, &config, tm_fit_window(map, config.window, config.window, i % 2));
        tm_pop(b);
    }
    tm_pop(b);
    return x;
}

static void build(tm_builder *b, const void *variant)
{
    const swin_variant *v = variant;
    tm_swin_check_size(b, v->any);
    if (!b->graph->error.status)
        tm_swin_build(b, v->width, stage, v);
}

static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    (void)graph, (void)variant;
    tm_drop_containing(dict, "relative_position_index");
    tm_drop_containing(dict, "relative_coords_table");
    tm_drop_containing(dict, "attn_mask");
    if (tm_state_find(dict, "layers.0.downsample.reduction.weight"))
        tm_move_downsample(dict);
}

static const tm_argument arguments[] = {
    TM_TAKES(swin_variant, "embed_dim", INTEGER, width, TM_WIDTHS),
    TM_TAKES(swin_variant, "depths", LIST, depths, TM_DEPTHS),
    TM_TAKES(swin_variant, "num_heads", LIST, heads, TM_HEADS),
    TM_TAKES(swin_variant, "window_size", INTEGERS, windows, 1, 64),
    TM_SWIN_TAKES_ANY(swin_variant, any),
};

const tm_family tm_family_swin_transformer_v2 = {.module = "swin_transformer_v2",
                                                 TM_VARIANTS(variants),
                                                 TM_ARGUMENTS(arguments),
                                                 .build = build,
                                                 .filter = filter};
