/* SPDX-License-Identifier: Apache-2.0 */
/* Layers that vision transformers share. Tokens are 1 x tokens x channels throughout. */
#ifndef TM_MODELS_PARTS_VIT_H
#define TM_MODELS_PARTS_VIT_H

#include "ops/nn.h"

/* timm's PatchEmbed without its norm: name.proj, a map of patches, floor(image / patch) a side. */
tm_node *tm_patch_embed(tm_builder *b, const char *name, tm_node *x, int width, int patch,
                        bool bias);
/* The pixels of a map as tokens, row by row. */
tm_node *tm_map_tokens(tm_builder *b, tm_node *x);

/* timm's LayerScale: x * name.gamma */
tm_node *tm_layer_scale(tm_builder *b, const char *name, tm_node *x);

/* ---- attention ---- */

typedef struct tm_qkv {
    int heads;
    bool no_qkv_bias, no_proj_bias;
    bool qk_norm;    /* q_norm and k_norm on every head */
    bool scale_norm; /* norm between the heads and proj */
    bool diff;       /* differential attention, whose lambda begins as the block's depth says */
    int depth;
    tm_norm norm; /* the kind and eps of these norms */
} tm_qkv;

/* timm's Attention and DiffAttention: name.qkv, name.q_norm, name.k_norm, name.norm, name.proj */
tm_node *tm_self_attend(tm_builder *b, const char *name, tm_node *x, tm_qkv qkv);

/* Rows of a weight [before + 3 * dim, in] or bias [before + 3 * dim], in the order of timm's
 * differential attention, where heads 2i and 2i + 1 of q and of k are a pair: q and k become the
 * first of all pairs, then the second of all. What is before and v stay. */
tm_node *tm_split_head_pairs(tm_builder *b, tm_node *rows, int before, int dim, int heads);
/* The scope's lambda_* and sub_norm on q, k, v whose weights went through tm_split_head_pairs. */
tm_node *tm_diff_attend(tm_builder *b, tm_node *q, tm_node *k, tm_node *v, int heads, int depth);

/* timm's AttentionPoolLatent: one learned query, name.latent, over all tokens; 1 x 1 x channels */
tm_node *tm_attention_pool_latent(tm_builder *b, const char *name, tm_node *x, int heads,
                                  int hidden, tm_act_kind act, tm_norm norm);

/* ---- feed-forward ---- */

typedef enum tm_ffn_kind {
    TM_FFN_MLP,    /* fc2(norm(act(fc1 x))) */
    TM_FFN_SWIGLU, /* fc2(norm(act(fc1_g x) * fc1_x x)) */
    TM_FFN_GLU     /* fc2(norm(act(x1) * x2)), x1 and x2 the halves of fc1 x */
} tm_ffn_kind;

typedef struct tm_ffn {
    tm_ffn_kind kind;
    int hidden; /* GLU: of both halves together */
    tm_act_kind act;
    bool no_bias, scale_norm;
    tm_norm norm;
    bool conv;          /* 1x1 convolutions (of a map) in place of linear layers */
    bool response_norm; /* MLP: global response norm, grn, before fc2 */
} tm_ffn;

/* timm's Mlp, ConvMlp, GlobalResponseNormMlp, SwiGLU and GluMlp (gate first) */
tm_node *tm_feed_forward(tm_builder *b, const char *name, tm_node *x, tm_ffn ffn);

/* ---- blocks, named by the scope ---- */

typedef struct tm_vit_block {
    tm_qkv qkv;
    tm_ffn ffn;
    tm_norm norm;
    bool layer_scale;
} tm_vit_block;

/* timm's Block: x + ls1(attn(norm1 x)), then x + ls2(mlp(norm2 x)) */
tm_node *tm_block(tm_builder *b, tm_node *x, const tm_vit_block *block);
/* timm's ResPostBlock: x + norm1(attn x), then x + norm2(mlp x); no layer scale */
tm_node *tm_res_post_block(tm_builder *b, tm_node *x, const tm_vit_block *block);
/* timm's ParallelThingsBlock: x + two attentions of it, then x + two feed-forwards of it */
tm_node *tm_parallel_things_block(tm_builder *b, tm_node *x, const tm_vit_block *block);
/* timm's ParallelScalingBlock (2302.05442): attention and MLP side by side, one projection in */
tm_node *tm_parallel_scaling_block(tm_builder *b, tm_node *x, const tm_vit_block *block);
/* timm's DiffParallelScalingBlock: the same with differential attention, one projection out */
tm_node *tm_diff_parallel_scaling_block(tm_builder *b, tm_node *x, const tm_vit_block *block);

/* ---- ends ---- */

/* timm's global_pool_nlc: "" (x itself), "token" (the first), "avg", "max", "avgmax" (the last
 * three over the tokens from `first` on). */
tm_node *tm_pool_tokens(tm_builder *b, tm_node *x, const char *kind, int first);

/* Taps of block `index`, whose tokens x are `prefix` tokens and an h x w map: the feature
 * "blocks.INDEX", and with the intermediate's own norm applied, `normed`, the intermediate and its
 * prefix tokens. */
void tm_tap_block(tm_builder *b, int index, tm_node *x, tm_node *normed, int prefix, int h, int w,
                  int reduction);

#endif
