/* SPDX-License-Identifier: Apache-2.0 */
/* Self-attention of tokens, 1 x tokens x channels. */
#ifndef TM_LAYERS_ATTENTION_H
#define TM_LAYERS_ATTENTION_H

#include "ops/nn.h"

typedef struct tm_qkv {
    int heads;
    bool no_qkv_bias, no_proj_bias;
    bool qk_norm;    /* q_norm and k_norm on every head */
    bool scale_norm; /* norm between the heads and proj */
    bool diff;       /* differential attention, whose lambda begins as the block's depth says */
    int depth;
    tm_norm norm;  /* the kind and eps of these norms */
    tm_node *bias; /* tm_attend's, or NULL; not of differential attention */
} tm_qkv;

/* timm's Attention and DiffAttention: name.qkv, name.q_norm, name.k_norm, name.norm, name.proj */
tm_node *tm_self_attend(tm_builder *b, const char *name, tm_node *x, tm_qkv qkv);

/* Rows of a weight [before + 3 * dim, in] or bias [before + 3 * dim], in the order of timm's
 * differential attention, where heads 2i and 2i + 1 of q and of k are a pair: q and k become the
 * first of all pairs, then the second of all. What is before and v stay. */
tm_node *tm_split_head_pairs(tm_builder *b, tm_node *rows, int before, int dim, int heads);
/* The scope's lambda_* and sub_norm on q, k, v whose weights went through tm_split_head_pairs. */
tm_node *tm_diff_attend(tm_builder *b, tm_node *q, tm_node *k, tm_node *v, int heads, int depth);

/* q or k with the norm on each of `heads`. */
tm_node *tm_norm_heads(tm_builder *b, const char *name, tm_node *x, tm_norm norm, int heads);

#endif
