/* SPDX-License-Identifier: Apache-2.0 */
/* timm's xcit.py: Cross-Covariance Image Transformer (2106.09681). */
#include "layers/channel_attention.h"
#include "layers/class_attention.h"
#include "layers/classifier.h"
#include "layers/mlp.h"
#include "layers/patch_embed.h"
#include "layers/pos_embed_fourier.h"
#include "layers/taps.h"
#include "models/filters.h"
#include "models/model.h"

enum { CLASS_BLOCKS = 2 };

typedef struct xcit_variant {
    const char *name, *same_as;
    int patch, width, depth, heads;
    bool class_norm; /* a class block's second norm is of the class token alone */
} xcit_variant;

static const xcit_variant variants[] = {
    {.name = "xcit_nano_12_p16_224",
     .patch = 16,
     .width = 128,
     .depth = 12,
     .heads = 4,
     .class_norm = true},
    {.name = "xcit_nano_12_p16_384", .same_as = "xcit_nano_12_p16_224"},
    {.name = "xcit_tiny_12_p16_224", .patch = 16, .width = 192, .depth = 12, .heads = 4},
    {.name = "xcit_tiny_12_p16_384", .same_as = "xcit_tiny_12_p16_224"},
    {.name = "xcit_small_12_p16_224", .patch = 16, .width = 384, .depth = 12, .heads = 8},
    {.name = "xcit_small_12_p16_384", .same_as = "xcit_small_12_p16_224"},
    {.name = "xcit_tiny_24_p16_224", .patch = 16, .width = 192, .depth = 24, .heads = 4},
    {.name = "xcit_tiny_24_p16_384", .same_as = "xcit_tiny_24_p16_224"},
    {.name = "xcit_small_24_p16_224", .patch = 16, .width = 384, .depth = 24, .heads = 8},
    {.name = "xcit_small_24_p16_384", .same_as = "xcit_small_24_p16_224"},
    {.name = "xcit_medium_24_p16_224", .patch = 16, .width = 512, .depth = 24, .heads = 8},
    {.name = "xcit_medium_24_p16_384", .same_as = "xcit_medium_24_p16_224"},
    {.name = "xcit_large_24_p16_224", .patch = 16, .width = 768, .depth = 24, .heads = 16},
    {.name = "xcit_large_24_p16_384", .same_as = "xcit_large_24_p16_224"},
    {.name = "xcit_nano_12_p8_224",
     .patch = 8,
     .width = 128,
     .depth = 12,
     .heads = 4,
     .class_norm = true},
    {.name = "xcit_nano_12_p8_384", .same_as = "xcit_nano_12_p8_224"},
    {.name = "xcit_tiny_12_p8_224", .patch = 8, .width = 192, .depth = 12, .heads = 4},
    {.name = "xcit_tiny_12_p8_384", .same_as = "xcit_tiny_12_p8_224"},
    {.name = "xcit_small_12_p8_224", .patch = 8, .width = 384, .depth = 12, .heads = 8},
    {.name = "xcit_small_12_p8_384", .same_as = "xcit_small_12_p8_224"},
    {.name = "xcit_tiny_24_p8_224", .patch = 8, .width = 192, .depth = 24, .heads = 4},
    {.name = "xcit_tiny_24_p8_384", .same_as = "xcit_tiny_24_p8_224"},
    {.name = "xcit_small_24_p8_224", .patch = 8, .width = 384, .depth = 24, .heads = 8},
    {.name = "xcit_small_24_p8_384", .same_as = "xcit_small_24_p8_224"},
    {.name = "xcit_medium_24_p8_224", .patch = 8, .width = 512, .depth = 24, .heads = 8},
    {.name = "xcit_medium_24_p8_384", .same_as = "xcit_medium_24_p8_224"},
    {.name = "xcit_large_24_p8_224", .patch = 8, .width = 768, .depth = 24, .heads = 16},
    {.name = "xcit_large_24_p8_384", .same_as = "xcit_large_24_p8_224"},
};

static const tm_norm norm = {.kind = TM_NORM_LAYER, .eps = 1e-6f};
static const tm_norm batch_norm = {.kind = TM_NORM_BATCH};

/* 3x3 convolutions of stride 2, each of twice the width of the one before it. */
static tm_node *conv_patch_embed(tm_builder *b, const xcit_variant *v, tm_node *x)
{
    int count = v->patch == 16 ? 4 : 3;
    tm_push(b, "patch_embed.proj");
    for (int i = 0; i < count; i++) {
        tm_push(b, "%d", 2 * i);
        tm_conv conv = {.out = v->width >> (count - 1 - i), .kernel = 3, .stride = 2};
        x = tm_normalize(b, "1", tm_conv2d(b, "0", x, conv), batch_norm);
        tm_pop(b);
        if (i < count - 1)
            x = tm_activate(b, x, TM_ACT_GELU);
    }
    tm_pop(b);
    return x;
}

/* timm's LPI: what neighbouring patches tell each other */
static tm_node *local_patches(tm_builder *b, tm_node *x, int h, int w)
{
    int dim = x->shape.c;
    tm_conv conv = {.out = dim, .kernel = 3, .groups = TM_DEPTHWISE, .bias = true};
    tm_push(b, "local_mp");
    x = tm_conv2d(b, "conv1", tm_reshape(b, x, h, w, dim), conv);
    x = tm_normalize(b, "bn", tm_activate(b, x, TM_ACT_GELU), batch_norm);
    x = tm_map_tokens(b, tm_conv2d(b, "conv2", x, conv));
    tm_pop(b);
    return x;
}

static tm_node *scaled(tm_builder *b, const char *gamma, tm_node *x)
{
    return tm_mul(b, x, tm_param1(b, gamma, x->shape.c));
}

static tm_node *mlp(tm_builder *b, tm_node *x)
{
    return tm_feed_forward(b, "mlp", x, (tm_ffn){.hidden = 4 * x->shape.c, .act = TM_ACT_GELU});
}

static tm_node *block(tm_builder *b, const xcit_variant *v, tm_node *x, int h, int w)
{
    tm_node *y = tm_normalize(b, "norm1", x, norm);
    y = tm_cross_covariance_attention(b, "attn", y, v->heads);
    x = tm_add(b, x, scaled(b, "gamma1", y));
    y = local_patches(b, tm_normalize(b, "norm3", x, norm), h, w);
    x = tm_add(b, x, scaled(b, "gamma3", y));
    return tm_add(b, x, scaled(b, "gamma2", mlp(b, tm_normalize(b, "norm2", x, norm))));
}

/* The first token replaced. */
static tm_node *with_first(tm_builder *b, tm_node *first, tm_node *x)
{
    return tm_concat_w(b, 2, (tm_node *[]){first, tm_slice_w(b, x, 1, x->shape.w - 1)});
}

static tm_node *class_block(tm_builder *b, const xcit_variant *v, tm_node *x)
{
    tm_node *y = tm_normalize(b, "norm1", x, norm);
    y = with_first(b, tm_class_attention(b, "attn", y, v->heads), y);
    x = tm_add(b, x, scaled(b, "gamma1", y));
    if (v->class_norm)
        x = with_first(b, tm_normalize(b, "norm2", tm_slice_w(b, x, 0, 1), norm), x);
    else
        x = tm_normalize(b, "norm2", x, norm);
    /* the other tokens are added to themselves */
    return tm_add(b, x, with_first(b, scaled(b, "gamma2", mlp(b, tm_slice_w(b, x, 0, 1))), x));
}

static tm_node *class_blocks(tm_builder *b, const xcit_variant *v, tm_node *x)
{
    x = tm_concat_w(b, 2, (tm_node *[]){tm_param3(b, "cls_token", 1, 1, v->width), x});
    for (int i = 0; i < CLASS_BLOCKS; i++) {
        tm_push(b, "cls_attn_blocks.%d", i);
        x = class_block(b, v, x);
        tm_pop(b);
    }
    return x;
}

static void build(tm_builder *b, const void *variant)
{
    const xcit_variant *v = variant;
    tm_node *x = b->graph->input;
    if (x->shape.h % v->patch)
        tm_refuse(b, "image height %d does not divide by the patch size %d", x->shape.h, v->patch);
    x = conv_patch_embed(b, v, x);
    int h = x->shape.h, w = x->shape.w;
    bool norms = tm_option_norm_intermediates(b);
    x = tm_add(b, tm_map_tokens(b, x), tm_fourier_positions(b, "pos_embed", h, w, v->width));
    for (int i = 0; i < v->depth; i++) {
        tm_push(b, "blocks.%d", i);
        x = block(b, v, x, h, w);
        tm_pop(b);
        tm_tap_block(b, i, x, norms ? tm_normalize(b, "norm", x, norm) : x, 0, h, w, v->patch);
    }
    b->graph->default_features = 3;
    x = tm_normalize(b, "norm", class_blocks(b, v, x), norm);
    b->graph->pruning = TM_PRUNING_OWN;
    tm_tap_final_tokens(b, x);
    tm_token_head(b, x, "token", 1, "head");
}

/* The authors' class blocks have q, k and v in one. */
static void split_qkv(tm_state_dict *dict, int index, const char *kind)
{
    const tm_tensor_view *found =
        tm_state_findf(dict, "cls_attn_blocks.%d.attn.qkv.%s", index, kind);
    if (!found || found->rank < 1)
        return;
    tm_tensor_view qkv = *found;
    for (int i = 0; i < 3; i++) {
        tm_tensor_view part = qkv;
        int64_t rows = qkv.shape[0] / 3;
        tm_state_slice(dict, &part, 0, i * rows, rows);
        tm_state_add(dict, &part, "cls_attn_blocks.%d.attn.%c.%s", index, "qkv"[i], kind);
    }
    tm_state_drop(dict, tm_state_findf(dict, "cls_attn_blocks.%d.attn.qkv.%s", index, kind));
}

static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    (void)graph, (void)variant;
    tm_state_replace_prefix(dict, "pos_embeder.", "pos_embed.");
    for (int i = 0; i < CLASS_BLOCKS; i++) {
        split_qkv(dict, i, "weight");
        split_qkv(dict, i, "bias");
    }
}

static const tm_argument arguments[] = {
    TM_TAKES(xcit_variant, "patch_size", INTEGER, patch, 8, 16),
    TM_TAKES(xcit_variant, "embed_dim", INTEGER, width, TM_WIDTHS),
    TM_TAKES(xcit_variant, "depth", INTEGER, depth, TM_DEPTHS),
    TM_TAKES(xcit_variant, "num_heads", INTEGER, heads, TM_HEADS),
    TM_TAKES(xcit_variant, "tokens_norm", NO_FLAG, class_norm, TM_ANY),
};

const tm_family tm_family_xcit = {.module = "xcit",
                                  TM_VARIANTS(variants),
                                  TM_ARGUMENTS(arguments),
                                  .same_as = offsetof(xcit_variant, same_as),
                                  .build = build,
                                  .filter = filter};
