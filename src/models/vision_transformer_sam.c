/* SPDX-License-Identifier: Apache-2.0 */
/* timm's vision_transformer_sam.py: the image encoder of Segment Anything (2304.02643). */
#include "layers/classifier.h"
#include "layers/decomposed_attention.h"
#include "layers/mlp.h"
#include "layers/patch_embed.h"
#include "layers/taps.h"
#include "layers/window.h"
#include "models/filters.h"
#include "models/model.h"

enum { PATCH = 16, WINDOW = 14, NECK = 256 };

typedef struct sam_variant {
    const char *name;
    int width, depth, heads;
    int step;   /* every so many blocks, four times, one sees the whole map */
    bool plain; /* no positions but those of attention, no convolutions behind the blocks */
} sam_variant;

static const sam_variant variants[] = {
    {"samvit_base_patch16", 768, 12, 12, 3, false},
    {"samvit_large_patch16", 1024, 24, 16, 6, false},
    {"samvit_huge_patch16", 1280, 32, 16, 8, false},
    {"samvit_base_patch16_224", 768, 12, 12, 3, true},
};

static const tm_norm norm = {.kind = TM_NORM_LAYER, .eps = 1e-5f};
static const tm_norm neck_norm = {.kind = TM_NORM_LAYER, .eps = 1e-6f};

/* Position embedding [1, h, w, c] */
static tm_node *add_positions(tm_builder *b, tm_node *x)
{
    tm_shape s = x->shape;
    tm_node *positions = tm_param4(b, "pos_embed", 1, s.h, s.w, s.c);
    positions = tm_const_reshape(b, positions, 2, (int64_t[]){(int64_t)s.h * s.w, s.c});
    return tm_reshape(b, tm_add(b, tm_map_tokens(b, x), positions), s.h, s.w, s.c);
}

/* Rows of h x w tokens. */
static tm_node *attend(tm_builder *b, tm_node *x, int heads, int h, int w)
{
    int dim = x->shape.c;
    tm_push(b, "attn");
    tm_node *qkv = tm_linear(b, "qkv", x, 3 * dim, true);
    tm_decomposed by = {.heads = heads, .h = h, .w = w};
    by.down = tm_param2(b, "rel_pos_h", 2 * (int64_t)h - 1, dim / heads);
    by.down = tm_offset_vectors(b, by.down, h, h, tm_offset_from_key);
    by.across = tm_param2(b, "rel_pos_w", 2 * (int64_t)w - 1, dim / heads);
    by.across = tm_offset_vectors(b, by.across, w, w, tm_offset_from_key);
    x = tm_attend_decomposed(b, tm_slice_c(b, qkv, 0, dim), tm_slice_c(b, qkv, dim, dim),
                             tm_slice_c(b, qkv, 2 * dim, dim), by);
    x = tm_linear(b, "proj", x, dim, true);
    tm_pop(b);
    return x;
}

static tm_node *block(tm_builder *b, tm_node *x, int heads, bool windows)
{
    tm_shape s = x->shape;
    tm_window window = {.h = WINDOW, .w = WINDOW};
    tm_ffn ffn = {.hidden = 4 * s.c, .act = TM_ACT_GELU};
    tm_node *y = tm_normalize(b, "norm1", x, norm);
    if (windows) { /* whose padding takes part */
        y = attend(b, tm_window_partition(b, y, window), heads, WINDOW, WINDOW);
        y = tm_window_reverse(b, y, s.h, s.w, window);
    } else {
        y = tm_reshape(b, attend(b, tm_map_tokens(b, y), heads, s.h, s.w), s.h, s.w, s.c);
    }
    x = tm_add(b, x, y);
    return tm_add(b, x, tm_feed_forward(b, "mlp", tm_normalize(b, "norm2", x, norm), ffn));
}

static tm_node *neck(tm_builder *b, const sam_variant *v, tm_node *x)
{
    if (v->plain)
        return tm_normalize(b, "neck", x, neck_norm);
    x = tm_conv2d(b, "neck.0", x, (tm_conv){.out = NECK, .kernel = 1});
    x = tm_normalize(b, "neck.1", x, neck_norm);
    x = tm_conv2d(b, "neck.2", x, (tm_conv){.out = NECK, .kernel = 3});
    return tm_normalize(b, "neck.3", x, neck_norm);
}

static void build(tm_builder *b, const void *variant)
{
    const sam_variant *v = variant;
    tm_node *x = b->graph->input;
    bool norms = tm_option_norm_intermediates(b);
    if (x->shape.h % PATCH || x->shape.w % PATCH)
        tm_refuse(b, "picture %dx%d: sides must divide by %d", x->shape.h, x->shape.w, PATCH);
    x = tm_patch_embed(b, "patch_embed", x, v->width, PATCH, true);
    if (!v->plain)
        x = add_positions(b, x);
    for (int i = 0; i < v->depth; i++) {
        tm_push(b, "blocks.%d", i);
        x = block(b, x, v->heads, (i + 1) % v->step != 0 || i >= 4 * v->step);
        tm_pop(b);
        tm_tap_block(b, i, x, norms ? neck(b, v, x) : x, 0, x->shape.h, x->shape.w, PATCH);
    }
    b->graph->default_features = 3;
    b->graph->token_blocks = false;
    b->graph->pruning = TM_PRUNING_KEPT;
    x = neck(b, v, x);
    tm_tap_final(b, x);
    tm_classifier_head(b, x, "avg", "head.fc");
}

/* Segment Anything's own checkpoints hold the whole model. */
static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    (void)graph, (void)variant;
    if (!tm_state_find(dict, "image_encoder.patch_embed.proj.weight"))
        return;
    tm_state_keep_prefix(dict, "image_encoder.");
    tm_state_replace(dict, "mlp.lin", "mlp.fc");
}

static const tm_argument arguments[] = {
    TM_TAKES(sam_variant, "embed_dim", INTEGER, width, TM_WIDTHS),
    TM_TAKES(sam_variant, "depth", INTEGER, depth, TM_DEPTHS),
    TM_TAKES(sam_variant, "num_heads", INTEGER, heads, TM_HEADS),
};

const tm_family tm_family_vision_transformer_sam = {.module = "vision_transformer_sam",
                                                    TM_VARIANTS(variants),
                                                    TM_ARGUMENTS(arguments),
                                                    .build = build,
                                                    .filter = filter};
