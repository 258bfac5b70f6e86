/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of vision transformers, named by the scope, on tokens: 1 x tokens x channels. */
#ifndef TM_LAYERS_VIT_BLOCK_H
#define TM_LAYERS_VIT_BLOCK_H

#include "layers/attention.h"
#include "layers/mlp.h"
#include "ops/nn.h"

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

#endif
