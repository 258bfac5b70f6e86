/* SPDX-License-Identifier: Apache-2.0 */
/* timm's vision_transformer_relpos.py: ViTs whose positions are biases of attention, made of
 * offsets by a small network. */
#include <string.h>

#include "layers/patch_embed.h"
#include "layers/classifier.h"
#include "layers/pool1d.h"
#include "layers/rel_pos_mlp.h"
#include "layers/taps.h"
#include "layers/vit_block.h"
#include "models/model.h"

typedef struct relpos_variant {
    const char *name;
    int patch /* 16 */, width, depth /* 12 */, heads;
    double ratio; /* of the MLP: 4 */
    int hidden;   /* of the network of positions: 128 */
    bool shared;  /* one such network for all blocks */
    bool class_token, qkv_bias;
    bool post_norm;   /* norms at the end of the branches, and no layer scale */
    bool fc_norm;     /* the last norm behind the pool */
    const char *pool; /* "avg" */
} relpos_variant;

/* clang-format off */
static const relpos_variant variants[] = {
    {.name = "test_vit_relpos", .width = 96, .depth = 9, .heads = 3, .ratio = 2, .fc_norm = true},
    {.name = "vit_relpos_base_patch16_224", .width = 768, .heads = 12, .fc_norm = true},
    {.name = "vit_relpos_base_patch16_cls_224", .width = 768, .heads = 12, .class_token = true,
     .pool = "token"},
    {.name = "vit_relpos_base_patch16_clsgap_224", .width = 768, .heads = 12, .class_token = true,
     .fc_norm = true},
    {.name = "vit_relpos_base_patch16_plus_240", .width = 896, .heads = 14, .qkv_bias = true},
    {.name = "vit_relpos_base_patch16_rpn_224", .width = 768, .heads = 12, .post_norm = true},
    {.name = "vit_relpos_base_patch32_plus_rpn_256", .patch = 32, .width = 896, .heads = 14,
     .qkv_bias = true, .post_norm = true},
    {.name = "vit_relpos_medium_patch16_224", .width = 512, .heads = 8, .fc_norm = true},
    {.name = "vit_relpos_medium_patch16_cls_224", .width = 512, .heads = 8, .hidden = 256,
     .class_token = true, .pool = "token"},
    {.name = "vit_relpos_medium_patch16_rpn_224", .width = 512, .heads = 8, .post_norm = true},
    {.name = "vit_relpos_small_patch16_224", .width = 384, .heads = 6, .fc_norm = true},
    {.name = "vit_relpos_small_patch16_rpn_224", .width = 384, .heads = 6, .post_norm = true},
    {.name = "vit_srelpos_medium_patch16_224", .width = 512, .heads = 8, .hidden = 512,
     .shared = true},
    {.name = "vit_srelpos_small_patch16_224", .width = 384, .heads = 6, .hidden = 384,
     .shared = true},
};
/* clang-format on */

static const tm_norm norm = {.kind = TM_NORM_LAYER, .eps = 1e-6f};

typedef struct relpos {
    tm_builder *b;
    const relpos_variant *v;
    int h, w, patch; /* patches */
} relpos;

static tm_node *bias(const relpos *m, const char *name)
{
    return tm_rel_pos_mlp(m->b, name, m->h, m->w, m->v->heads, m->v->hidden ? m->v->hidden : 128,
                          m->v->class_token);
}

static tm_node *blocks(const relpos *m, tm_node *x)
{
    tm_builder *b = m->b;
    const relpos_variant *v = m->v;
    tm_vit_block block = {
        .qkv = {.heads = v->heads, .no_qkv_bias = !v->qkv_bias, .norm = norm},
        .ffn = {.hidden = (int)(v->width * (v->ratio > 0 ? v->ratio : 4.0)), .act = TM_ACT_GELU},
        .norm = norm,
        .layer_scale = !v->post_norm};
    if (v->shared)
        block.qkv.bias = bias(m, "shared_rel_pos");
    for (int i = 0; i < (v->depth ? v->depth : 12); i++) {
        tm_push(b, "blocks.%d", i);
        if (!v->shared)
            block.qkv.bias = bias(m, "attn.rel_pos");
        x = v->post_norm ? tm_res_post_block(b, x, &block) : tm_block(b, x, &block);
        tm_pop(b);
        bool normed = !v->fc_norm && tm_option_norm_intermediates(b);
        tm_tap_block(b, i, x, normed ? tm_normalize(b, "norm", x, norm) : x, v->class_token, m->h,
                     m->w, m->patch);
    }
    return x;
}

static void head(const relpos *m, tm_node *x)
{
    tm_builder *b = m->b;
    const char *pool = tm_pool_kind(b, m->v->pool ? m->v->pool : "avg");
    tm_layout layout = *pool ? TM_LAYOUT_VECTOR : TM_LAYOUT_TOKENS;
    if (*pool && strcmp(pool, "avg") != 0 && strcmp(pool, "token") != 0)
        tm_refuse(b, "global pool '%s': only avg or token pooling (or none) is supported", pool);
    else if (strcmp(pool, "token") == 0 && !m->v->class_token)
        tm_refuse(b, "global pool 'token' needs a class token, which this model has not");
    if (!m->v->fc_norm)
        x = tm_normalize(b, "norm", x, norm);
    tm_tap_final_tokens(b, x);
    x = tm_pool_tokens(b, x, pool, m->v->class_token);
    if (m->v->fc_norm)
        x = tm_normalize(b, "fc_norm", x, norm);
    tm_classifier(b, x, layout, "head");
}

static void build(tm_builder *b, const void *variant)
{
    const relpos_variant *v = variant;
    int patch = v->patch ? v->patch : 16;
    tm_node *x = tm_patch_embed(b, "patch_embed", b->graph->input, v->width, patch, true);
    relpos m = {.b = b, .v = v, .h = x->shape.h, .w = x->shape.w, .patch = patch};
    x = tm_map_tokens(b, x);
    if (v->class_token)
        x = tm_concat_w(b, 2, (tm_node *[]){tm_param3(b, "cls_token", 1, 1, v->width), x});
    b->graph->default_features = 3;
    head(&m, blocks(&m, x));
}

static const tm_argument arguments[] = {
    TM_TAKES(relpos_variant, "patch_size", INTEGER, patch, 1, 1024),
    TM_TAKES(relpos_variant, "embed_dim", INTEGER, width, TM_WIDTHS),
    TM_TAKES(relpos_variant, "depth", INTEGER, depth, TM_DEPTHS),
    TM_TAKES(relpos_variant, "num_heads", INTEGER, heads, TM_HEADS),
    TM_TAKES(relpos_variant, "mlp_ratio", NUMBER, ratio, TM_RATIOS),
    TM_TAKES(relpos_variant, "qkv_bias", FLAG, qkv_bias, TM_ANY),
    TM_TAKES(relpos_variant, "class_token", FLAG, class_token, TM_ANY),
};

const tm_family tm_family_vision_transformer_relpos = {.module = "vision_transformer_relpos",
                                                       TM_VARIANTS(variants),
                                                       TM_ARGUMENTS(arguments),
                                                       .build = build};
