/* SPDX-License-Identifier: Apache-2.0 */
/* timm's tnt.py: Transformer in Transformer (2103.00112). */
#include <stdlib.h>
#include <string.h>

#include "layers/classifier.h"
#include "layers/mlp.h"
#include "layers/patch_embed.h"
#include "layers/taps.h"
#include "models/filters.h"
#include "models/model.h"

enum { PATCH = 16, STRIDE = 4, SIDE = PATCH / STRIDE /* pixels of a patch */, BORDER = 3 };

typedef struct tnt_variant {
    const char *name;
    int width, inner_width, heads, depth;
    bool legacy; /* pixels see those of other patches; a patch's pixels are normalized one by one */
} tnt_variant;

static const tnt_variant variants[] = {
    {"tnt_s_legacy_patch16_224", 384, 24, 6, 12, true},
    {"tnt_s_patch16_224", 384, 24, 6, 12, false},
    {"tnt_b_patch16_224", 640, 40, 10, 12, false},
};

static const tm_norm norm = {.kind = TM_NORM_LAYER, .eps = 1e-5f};

/* Patches of a map, `w` to a row, that begin at multiples of `pitch`. */
typedef struct patch_layout {
    int w, pitch, map_width;
} patch_layout;

/* The pixel of x at (row, column) of a patch. */
static int source(const patch_layout *l, int patch, int row, int column)
{
    int y = patch / l->w * l->pitch + row, x = patch % l->w * l->pitch + column;
    return y * l->map_width + x;
}

static int *allocate(tm_builder *b, int h, int w)
{
    int *from = malloc((size_t)h * (size_t)w * sizeof *from);
    if (!from)
        tm_fail(&b->graph->error, TM_NO_MEMORY, "no memory for %dx%d pixels of patches", h, w);
    return from;
}

/* The picture's patches, each behind zeros that keep the others out of a convolution's sight. */
static tm_node *spread(tm_builder *b, tm_node *x, int h, int w)
{
    enum { PITCH = PATCH + STRIDE };
    patch_layout l = {.w = w, .pitch = PATCH, .map_width = x->shape.w};
    int rows = h * PITCH, columns = w * PITCH, *from = allocate(b, rows, columns);
    if (!from)
        return x;
    for (int i = 0; i < rows * columns; i++) {
        int y = i / columns, at = i % columns, row = y % PITCH - BORDER,
            column = at % PITCH - BORDER;
        bool inside = row >= 0 && row < PATCH && column >= 0 && column < PATCH;
        from[i] = inside ? source(&l, y / PITCH * w + at / PITCH, row, column) : -1;
    }
    x = tm_gather_pixels(b, x, rows, columns, from);
    free(from);
    return x;
}

/* A row of pixels for each patch. */
static tm_node *patch_rows(tm_builder *b, tm_node *x, int h, int w, int pitch)
{
    patch_layout l = {.w = w, .pitch = pitch, .map_width = x->shape.w};
    int *from = allocate(b, h * w, SIDE * SIDE);
    if (!from)
        return x;
    for (int i = 0; i < h * w * SIDE * SIDE; i++)
        from[i] = source(&l, i / (SIDE * SIDE), i / SIDE % SIDE, i % SIDE);
    x = tm_gather_pixels(b, x, h * w, SIDE * SIDE, from);
    free(from);
    return x;
}

/* patches x pixels x inner width, with positions */
static tm_node *embed_pixels(tm_builder *b, const tnt_variant *v, int h, int w)
{
    tm_conv conv = {.out = v->inner_width,
                    .kernel = 7,
                    .stride = STRIDE,
                    .padding = TM_PAD_EXPLICIT,
                    .pad = v->legacy ? BORDER : 0,
                    .bias = true};
    tm_node *x = v->legacy ? b->graph->input : spread(b, b->graph->input, h, w);
    x = tm_conv2d(b, "pixel_embed.proj", x, conv);
    x = patch_rows(b, x, h, w, v->legacy ? SIDE : SIDE + 1);
    tm_node *positions = tm_param4(b, "pixel_pos", 1, v->inner_width, SIDE, SIDE);
    positions = tm_const_permute(b, positions, (int[]){0, 2, 3, 1});
    positions = tm_const_reshape(b, positions, 2, (int64_t[]){SIDE * SIDE, v->inner_width});
    return tm_add(b, x, positions);
}

/* Each patch's pixels one after another. */
static tm_node *joined(tm_builder *b, tm_node *pixels)
{
    return tm_reshape(b, pixels, 1, pixels->shape.h, pixels->shape.w * pixels->shape.c);
}

static tm_node *attend(tm_builder *b, const char *name, tm_node *x, int heads)
{
    int dim = x->shape.c;
    tm_push(b, "%s", name);
    tm_node *qk = tm_linear(b, "qk", x, 2 * dim, false);
    x = tm_attend(b, tm_slice_c(b, qk, 0, dim), tm_slice_c(b, qk, dim, dim),
                  tm_linear(b, "v", x, dim, false), (tm_attention){.heads = heads});
    x = tm_linear(b, "proj", x, dim, true);
    tm_pop(b);
    return x;
}

static tm_node *add_mlp(tm_builder *b, const char *norm_name, const char *name, tm_node *x)
{
    tm_ffn ffn = {.hidden = 4 * x->shape.c, .act = TM_ACT_GELU};
    return tm_add(b, x, tm_feed_forward(b, name, tm_normalize(b, norm_name, x, norm), ffn));
}

/* What a block's pixels tell their patches. */
static tm_node *pixels_to_patches(tm_builder *b, const tnt_variant *v, tm_node *pixels)
{
    if (v->legacy) {
        pixels = tm_normalize(b, "norm1_proj", pixels, norm);
        return tm_linear(b, "proj", joined(b, pixels), v->width, true);
    }
    tm_node *x = tm_normalize(b, "norm1_proj", joined(b, pixels), norm);
    return tm_normalize(b, "norm2_proj", tm_linear(b, "proj", x, v->width, false), norm);
}

static tm_node *block(tm_builder *b, const tnt_variant *v, tm_node **pixels, tm_node *x)
{
    tm_node *p = *pixels;
    p = tm_add(b, p, attend(b, "attn_in", tm_normalize(b, "norm_in", p, norm), 4));
    *pixels = p = add_mlp(b, "norm_mlp_in", "mlp_in", p);
    tm_node *patches = tm_slice_w(b, x, 1, x->shape.w - 1);
    patches = tm_add(b, patches, pixels_to_patches(b, v, p));
    x = tm_concat_w(b, 2, (tm_node *[]){tm_slice_w(b, x, 0, 1), patches});
    x = tm_add(b, x, attend(b, "attn_out", tm_normalize(b, "norm_out", x, norm), v->heads));
    return add_mlp(b, "norm_mlp", "mlp", x);
}

static tm_node *embed_patches(tm_builder *b, const tnt_variant *v, tm_node *pixels, int h, int w)
{
    tm_node *x = tm_normalize(b, "norm1_proj", joined(b, pixels), norm);
    x = tm_normalize(b, "norm2_proj", tm_linear(b, "proj", x, v->width, true), norm);
    x = tm_concat_w(b, 2, (tm_node *[]){tm_param3(b, "cls_token", 1, 1, v->width), x});
    return tm_add(b, x, tm_pos_embed(b, "patch_pos", 1, h, w, v->width));
}

static void build(tm_builder *b, const void *variant)
{
    const tnt_variant *v = variant;
    int h = b->graph->input->shape.h / PATCH, w = b->graph->input->shape.w / PATCH;
    bool norms = tm_option_norm_intermediates(b);
    tm_node *pixels = embed_pixels(b, v, h, w), *x = embed_patches(b, v, pixels, h, w);
    for (int i = 0; i < v->depth; i++) {
        tm_push(b, "blocks.%d", i);
        x = block(b, v, &pixels, x);
        tm_pop(b);
        tm_tap_block(b, i, x, norms ? tm_normalize(b, "norm", x, norm) : x, 1, h, w, PATCH);
    }
    b->graph->default_features = 3;
    x = tm_normalize(b, "norm", x, norm);
    tm_tap_final_tokens(b, x);
    tm_token_head(b, x, "token", 1, "head");
}

/* The authors' names, and a position for each pixel that stands [1, pixels, channels]. */
static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    static const tm_replacement names[] = {{"outer_pos", "patch_pos"},
                                           {"inner_pos", "pixel_pos"},
                                           {"patch_embed", "pixel_embed"},
                                           {"proj_norm1", "norm1_proj"},
                                           {"proj_norm2", "norm2_proj"},
                                           {"inner_norm1", "norm_in"},
                                           {"inner_attn", "attn_in"},
                                           {"inner_norm2", "norm_mlp_in"},
                                           {"inner_mlp", "mlp_in"},
                                           {"outer_norm1", "norm_out"},
                                           {"outer_attn", "attn_out"},
                                           {"outer_norm2", "norm_mlp"},
                                           {"outer_mlp", "mlp"}};
    const tnt_variant *v = variant;
    tm_tensor_view *tokens = tm_state_find(dict, "outer_tokens");
    if (tokens)
        tm_state_drop(dict, tokens);
    if (tm_state_find(dict, "patch_pos"))
        return;
    tm_replace_all(dict, names, sizeof names / sizeof *names);
    tm_tensor_view *positions = tm_state_find(dict, "pixel_pos");
    if (v->legacy || !positions || positions->rank != 3)
        return;
    tm_state_permute(dict, positions, (int[]){0, 2, 1});
    tm_reshape_to_param(dict, positions, graph);
}

static const tm_argument arguments[] = {
    TM_TAKES(tnt_variant, "embed_dim", INTEGER, width, TM_WIDTHS),
    TM_TAKES(tnt_variant, "inner_dim", INTEGER, inner_width, TM_WIDTHS),
    TM_TAKES(tnt_variant, "depth", INTEGER, depth, TM_DEPTHS),
    TM_TAKES(tnt_variant, "num_heads_outer", INTEGER, heads, TM_HEADS),
};

const tm_family tm_family_tnt = {.module = "tnt",
                                 TM_VARIANTS(variants),
                                 TM_ARGUMENTS(arguments),
                                 .build = build,
                                 .filter = filter};
