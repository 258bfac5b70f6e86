/* SPDX-License-Identifier: Apache-2.0 */
/* timm's swin_transformer.py: Swin Transformer (2103.14030) and S3 (2111.14725). */

#include "layers/mlp.h"
#include "layers/window.h"
#include "models/filters.h"
#include "models/model.h"
#include "models/swin.h"

enum { STAGES = TM_SWIN_STAGES };

typedef struct swin_variant {
    const char *name;
    int width;
    int depths[STAGES], heads[STAGES], windows[STAGES];
    tm_swin_any any;
} swin_variant;

/* clang-format off */
static const swin_variant variants[] = {
    {.name = "swin_base_patch4_window7_224", .width = 128, .depths = {2, 2, 18, 2},
     .heads = {4, 8, 16, 32}, .windows = {7, 7, 7, 7}},
    {.name = "swin_base_patch4_window12_384", .width = 128, .depths = {2, 2, 18, 2},
     .heads = {4, 8, 16, 32}, .windows = {12, 12, 12, 12}},
    {.name = "swin_large_patch4_window7_224", .width = 192, .depths = {2, 2, 18, 2},
     .heads = {6, 12, 24, 48}, .windows = {7, 7, 7, 7}},
    {.name = "swin_large_patch4_window12_384", .width = 192, .depths = {2, 2, 18, 2},
     .heads = {6, 12, 24, 48}, .windows = {12, 12, 12, 12}},
    {.name = "swin_s3_base_224", .width = 96, .depths = {2, 2, 30, 2},
     .heads = {3, 6, 12, 24}, .windows = {7, 7, 14, 7}},
    {.name = "swin_s3_small_224", .width = 96, .depths = {2, 2, 18, 2},
     .heads = {3, 6, 12, 24}, .windows = {14, 14, 14, 7}},
    {.name = "swin_s3_tiny_224", .width = 96, .depths = {2, 2, 6, 2},
     .heads = {3, 6, 12, 24}, .windows = {7, 7, 14, 7}},
    {.name = "swin_small_patch4_window7_224", .width = 96, .depths = {2, 2, 18, 2},
     .heads = {3, 6, 12, 24}, .windows = {7, 7, 7, 7}},
    {.name = "swin_tiny_patch4_window7_224", .width = 96, .depths = {2, 2, 6, 2},
     .heads = {3, 6, 12, 24}, .windows = {7, 7, 7, 7}},
};
/* clang-format on */

static const tm_argument arguments[] = {
    TM_TAKES(swin_variant, "embed_dim", INTEGER, width, TM_WIDTHS),
    TM_TAKES(swin_variant, "depths", LIST, depths, TM_DEPTHS),
    TM_TAKES(swin_variant, "num_heads", LIST, heads, TM_HEADS),
    TM_TAKES(swin_variant, "window_size", INTEGERS, windows, 1, 64),
    TM_SWIN_TAKES_ANY(swin_variant, any),
};

static const tm_norm norm = {.kind = TM_NORM_LAYER, .eps = 1e-5f};

static tm_node *attend(tm_builder *b, tm_node *x, int heads, tm_window window)
{
    int h = x->shape.h, w = x->shape.w, dim = x->shape.c;
    tm_push(b, "attn");
    tm_node *table = tm_window_table(b, "relative_position_bias_table", window.h, window.w, heads);
    x = tm_linear(b, "qkv", tm_window_partition(b, x, window), 3 * dim, true);
    x = tm_attend(b, tm_slice_c(b, x, 0, dim), tm_slice_c(b, x, dim, dim),
                  tm_slice_c(b, x, 2 * dim, dim),
                  (tm_attention){.heads = heads,
                                 .bias = tm_relative_position_bias(b, table, window.h, window.w),
                                 .mask = tm_window_mask(b, h, w, window)});
    x = tm_window_reverse(b, tm_linear(b, "proj", x, dim, true), h, w, window);
    tm_pop(b);
    return x;
}

static tm_node *block(tm_builder *b, tm_node *x, int heads, tm_window window)
{
    x = tm_add(b, x, attend(b, tm_normalize(b, "norm1", x, norm), heads, window));
    tm_ffn ffn = {.hidden = 4 * x->shape.c, .act = TM_ACT_GELU};
    return tm_add(b, x, tm_feed_forward(b, "mlp", tm_normalize(b, "norm2", x, norm), ffn));
}

static tm_node *stage(tm_builder *b, const void *variant, tm_node *x, int index)
{
    const swin_variant *v = variant;
    tm_push(b, "layers.%d", index);
    if (index)
        x = tm_patch_merging(b, "downsample", x, 2 * x->shape.c, norm);
    int side = v->windows[index];
    tm_shape map = tm_swin_map(b, index, v->any);
    for (int i = 0; i < v->depths[index]; i++) {
        tm_push(b, "blocks.%d", i);
        x = block(b, x, v->heads[index], tm_fit_window(map, side, side, i % 2));
        tm_pop(b);
    }
    tm_pop(b);
    return x;
}

static void build(tm_builder *b, const void *variant)
{
    const swin_variant *v = variant;
    for (int i = 0; i < STAGES; i++)
        if ((v->width << i) % v->heads[i])
            tm_refuse(b, "stage %d: %d channels do not divide by %d heads", i, v->width << i,
                      v->heads[i]);
    tm_swin_check_size(b, v->any);
    if (b->graph->error.status)
        return;
    tm_swin_build(b, v->width, stage, v);
}

static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    (void)graph, (void)variant;
    tm_drop_containing(dict, "relative_position_index");
    tm_drop_containing(dict, "attn_mask");
    if (tm_state_find(dict, "layers.0.downsample.reduction.weight"))
        tm_move_downsample(dict);
}

const tm_family tm_family_swin_transformer = {.module = "swin_transformer",
                                              TM_VARIANTS(variants),
                                              TM_ARGUMENTS(arguments),
                                              .build = build,
                                              .filter = filter};
