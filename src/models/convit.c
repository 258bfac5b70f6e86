/* SPDX-License-Identifier: Apache-2.0 */
/* timm's convit.py: ConViT (2103.10697). */
#include <math.h>
#include <stdlib.h>

#include "layers/classifier.h"
#include "layers/patch_embed.h"
#include "layers/taps.h"
#include "layers/vit_block.h"
#include "models/model.h"

enum { PATCH = 16 };

typedef struct convit_variant {
    const char *name;
    int heads, head /* channels of each */;
    int depth, local; /* blocks, and those of them that see places */
} convit_variant;

static const convit_variant variants[] = {
    {"convit_base", 16, 48, 12, 10},
    {"convit_small", 9, 48, 12, 10},
    {"convit_tiny", 4, 48, 12, 10},
};

static const tm_norm norm = {.kind = TM_NORM_LAYER, .eps = 1e-6f};

/* Constant [tokens^2, 3]: from every pixel of a square to every one, the ways across and down and
 * the square of the distance. */
static tm_node *offsets(tm_builder *b, int side)
{
    int tokens = side * side;
    float *values = malloc((size_t)tokens * (size_t)tokens * 3 * sizeof *values), *to = values;
    if (!values) {
        tm_fail(&b->graph->error, TM_NO_MEMORY, "no memory for the offsets of %d pixels", tokens);
        return tm_literal(b, 2, (int64_t[]){1, 3}, (float[3]){0});
    }
    for (int i = 0; i < tokens * tokens; i++, to += 3) {
        int from = i / tokens, at = i % tokens;
        int across = at % side - from % side, down = at / side - from / side;
        to[0] = (float)across;
        to[1] = (float)down;
        to[2] = (float)(across * across + down * down);
    }
    tm_node *node = tm_literal(b, 2, (int64_t[]){(int64_t)tokens * tokens, 3}, values);
    free(values);
    return node;
}

/* Constant [heads, tokens, tokens]: the softmax of what the positions say */
static tm_node *by_place(tm_builder *b, tm_node *where, int heads, int tokens)
{
    tm_push(b, "pos_proj");
    tm_node *scores =
        tm_const_linear(b, where, tm_param2(b, "weight", heads, 3), tm_param1(b, "bias", heads));
    tm_pop(b);
    scores = tm_const_permute(b, scores, (int[]){1, 0});
    return tm_const_softmax(b, tm_const_reshape(b, scores, 3, (int64_t[]){heads, tokens, tokens}));
}

/* timm's GPSA: two softmaxes mixed by a gate, of which the positions' is the same for every
 * picture. */
static tm_node *gated_attention(tm_builder *b, tm_node *x, tm_node *where, int heads)
{
    int dim = x->shape.c, tokens = x->shape.w;
    tm_push(b, "attn");
    tm_node *qk = tm_linear(b, "qk", x, 2 * dim, false), *v = tm_linear(b, "v", x, dim, false);
    tm_node *places = by_place(b, where, heads, tokens);
    tm_node *gate = tm_const_sigmoid(b, tm_param1(b, "gating_param", heads));
    gate = tm_const_reshape(b, gate, 3, (int64_t[]){heads, 1, 1});
    tm_attention mixed = {.heads = heads,
                          .kept = tm_const_affine(b, gate, -1.0f, 1.0f),
                          .placed = tm_const_mul(b, places, gate)};
    x = tm_attend(b, tm_slice_c(b, qk, 0, dim), tm_slice_c(b, qk, dim, dim), v, mixed);
    x = tm_linear(b, "proj", x, dim, true);
    tm_pop(b);
    return x;
}

static tm_node *local_block(tm_builder *b, tm_node *x, tm_node *where, const tm_vit_block *block)
{
    tm_node *y = tm_normalize(b, "norm1", x, norm);
    x = tm_add(b, x, gated_attention(b, y, where, block->qkv.heads));
    y = tm_feed_forward(b, "mlp", tm_normalize(b, "norm2", x, norm), block->ffn);
    return tm_add(b, x, y);
}

static void build(tm_builder *b, const void *variant)
{
    const convit_variant *v = variant;
    int heads = v->heads, dim = v->head * heads;
    bool norms = tm_option_norm_intermediates(b);
    tm_vit_block block = {.qkv = {.heads = heads, .no_qkv_bias = true},
                          .ffn = {.hidden = 4 * dim, .act = TM_ACT_GELU},
                          .norm = norm};
    tm_node *x = tm_patch_embed(b, "patch_embed", b->graph->input, dim, PATCH, true);
    int h = x->shape.h, w = x->shape.w, tokens = h * w, side = (int)sqrt(tokens);
    if (side * side != tokens) {
        tm_refuse(b, "%dx%d patches: their positions are those of a square", h, w);
        return;
    }
    tm_node *where = offsets(b, side);
    x = tm_add(b, tm_map_tokens(b, x), tm_param3(b, "pos_embed", 1, tokens, dim));
    for (int i = 0; i < v->depth; i++) {
        if (i == v->local)
            x = tm_concat_w(b, 2, (tm_node *[]){tm_param3(b, "cls_token", 1, 1, dim), x});
        tm_push(b, "blocks.%d", i);
        x = i < v->local ? local_block(b, x, where, &block) : tm_block(b, x, &block);
        tm_pop(b);
        tm_node *seen = i < v->local ? x : tm_slice_w(b, x, 1, tokens);
        tm_tap_block(b, i, seen, norms ? tm_normalize(b, "norm", seen, norm) : seen, 0, h, w,
                     PATCH);
    }
    b->graph->default_features = 3;
    x = tm_normalize(b, "norm", x, norm);
    b->graph->pruning = TM_PRUNING_OWN;
    tm_tap_final_tokens(b, x);
    tm_token_head(b, x, "token", 1, "head");
}

static const tm_argument arguments[] = {
    TM_TAKES(convit_variant, "embed_dim", INTEGER, head, TM_WIDTHS),
    TM_TAKES(convit_variant, "num_heads", INTEGER, heads, TM_HEADS),
    TM_TAKES(convit_variant, "depth", INTEGER, depth, TM_DEPTHS),
    TM_TAKES(convit_variant, "local_up_to_layer", INTEGER, local, 0, 200),
};

const tm_family tm_family_convit = {
    .module = "convit", TM_VARIANTS(variants), TM_ARGUMENTS(arguments), .build = build};
