/* SPDX-License-Identifier: Apache-2.0 */
/* timm's cait.py: Class-Attention in Image Transformers (2103.17239). */
#include "layers/class_attention.h"
#include "layers/classifier.h"
#include "layers/mlp.h"
#include "layers/patch_embed.h"
#include "layers/talking_heads.h"
#include "layers/taps.h"
#include "models/filters.h"
#include "models/model.h"

enum { CLASS_BLOCKS = 2, PATCH = 16 };

typedef struct cait_variant {
    const char *name, *same_as;
    int width, depth, heads;
} cait_variant;

static const cait_variant variants[] = {
    {.name = "cait_xxs24_224", .width = 192, .depth = 24, .heads = 4},
    {.name = "cait_xxs24_384", .same_as = "cait_xxs24_224"},
    {.name = "cait_xxs36_224", .width = 192, .depth = 36, .heads = 4},
    {.name = "cait_xxs36_384", .same_as = "cait_xxs36_224"},
    {.name = "cait_xs24_384", .width = 288, .depth = 24, .heads = 6},
    {.name = "cait_s24_224", .width = 384, .depth = 24, .heads = 8},
    {.name = "cait_s24_384", .same_as = "cait_s24_224"},
    {.name = "cait_s36_384", .width = 384, .depth = 36, .heads = 8},
    {.name = "cait_m36_384", .width = 768, .depth = 36, .heads = 16},
    {.name = "cait_m48_448", .width = 768, .depth = 48, .heads = 16},
};

static const tm_norm norm = {.kind = TM_NORM_LAYER, .eps = 1e-6f};

/* timm's TalkingHeadAttn */
static tm_node *talking_heads(tm_builder *b, tm_node *x, int heads)
{
    int dim = x->shape.c;
    tm_push(b, "attn");
    tm_node *qkv = tm_linear(b, "qkv", x, 3 * dim, true);
    x = tm_attend_talking(b, tm_slice_c(b, qkv, 0, dim), tm_slice_c(b, qkv, dim, dim),
                          tm_slice_c(b, qkv, 2 * dim, dim),
                          (tm_talking){.heads = heads, .before = "proj_l", .after = "proj_w"});
    x = tm_linear(b, "proj", x, dim, true);
    tm_pop(b);
    return x;
}

static tm_node *scaled(tm_builder *b, const char *gamma, tm_node *x)
{
    return tm_mul(b, x, tm_param1(b, gamma, x->shape.c));
}

/* x + gamma_2 * mlp(norm2 x) */
static tm_node *add_mlp(tm_builder *b, tm_node *x)
{
    tm_ffn ffn = {.hidden = 4 * x->shape.c, .act = TM_ACT_GELU};
    tm_node *y = tm_feed_forward(b, "mlp", tm_normalize(b, "norm2", x, norm), ffn);
    return tm_add(b, x, scaled(b, "gamma_2", y));
}

static tm_node *block(tm_builder *b, tm_node *x, int heads)
{
    tm_node *y = talking_heads(b, tm_normalize(b, "norm1", x, norm), heads);
    return add_mlp(b, tm_add(b, x, scaled(b, "gamma_1", y)));
}

static tm_node *class_block(tm_builder *b, tm_node *token, tm_node *x, int heads)
{
    tm_node *all = tm_concat_w(b, 2, (tm_node *[]){token, x});
    all = tm_normalize(b, "norm1", all, norm);
    tm_node *y = scaled(b, "gamma_1", tm_class_attention(b, "attn", all, heads));
    return add_mlp(b, tm_add(b, token, y));
}

static tm_node *class_blocks(tm_builder *b, const cait_variant *v, tm_node *x)
{
    tm_node *token = tm_param3(b, "cls_token", 1, 1, v->width);
    token = tm_constant_activation(b, token, 1, 1, v->width);
    for (int i = 0; i < CLASS_BLOCKS; i++) {
        tm_push(b, "blocks_token_only.%d", i);
        token = class_block(b, token, x, v->heads);
        tm_pop(b);
    }
    return tm_concat_w(b, 2, (tm_node *[]){token, x});
}

static void build(tm_builder *b, const void *variant)
{
    const cait_variant *v = variant;
    tm_node *x = tm_patch_embed(b, "patch_embed", b->graph->input, v->width, PATCH, true);
    int h = x->shape.h, w = x->shape.w;
    bool norms = tm_option_norm_intermediates(b);
    x = tm_add(b, tm_map_tokens(b, x), tm_param3(b, "pos_embed", 1, (int64_t)h * w, v->width));
    for (int i = 0; i < v->depth; i++) {
        tm_push(b, "blocks.%d", i);
        x = block(b, x, v->heads);
        tm_pop(b);
        tm_tap_block(b, i, x, norms ? tm_normalize(b, "norm", x, norm) : x, 0, h, w, PATCH);
    }
    b->graph->default_features = 3;
    x = tm_normalize(b, "norm", class_blocks(b, v, x), norm);
    b->graph->pruning = TM_PRUNING_OWN;
    tm_tap_final_tokens(b, x);
    tm_token_head(b, x, "token", 1, "head");
}

static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    (void)graph, (void)variant;
    tm_state_replace(dict, "module.", "");
}

static const tm_argument arguments[] = {
    TM_TAKES(cait_variant, "embed_dim", INTEGER, width, TM_WIDTHS),
    TM_TAKES(cait_variant, "depth", INTEGER, depth, TM_DEPTHS),
    TM_TAKES(cait_variant, "num_heads", INTEGER, heads, TM_HEADS),
};

const tm_family tm_family_cait = {.module = "cait",
                                  TM_VARIANTS(variants),
                                  TM_ARGUMENTS(arguments),
                                  .same_as = offsetof(cait_variant, same_as),
                                  .build = build,
                                  .filter = filter};
