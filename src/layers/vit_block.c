/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/vit_block.h"

#include "layers/layer_scale.h"

static tm_node *scaled(tm_builder *b, const char *name, tm_node *x, const tm_vit_block *block)
{
    return block->layer_scale ? tm_layer_scale(b, name, x) : x;
}

tm_node *tm_block(tm_builder *b, tm_node *x, const tm_vit_block *block)
{
    tm_node *y = tm_self_attend(b, "attn", tm_normalize(b, "norm1", x, block->norm), block->qkv);
    x = tm_add(b, x, scaled(b, "ls1", y, block));
    y = tm_feed_forward(b, "mlp", tm_normalize(b, "norm2", x, block->norm), block->ffn);
    return tm_add(b, x, scaled(b, "ls2", y, block));
}

tm_node *tm_res_post_block(tm_builder *b, tm_node *x, const tm_vit_block *block)
{
    tm_node *y = tm_self_attend(b, "attn", x, block->qkv);
    x = tm_add(b, x, tm_normalize(b, "norm1", y, block->norm));
    y = tm_feed_forward(b, "mlp", x, block->ffn);
    return tm_add(b, x, tm_normalize(b, "norm2", y, block->norm));
}

tm_node *tm_parallel_things_block(tm_builder *b, tm_node *x, const tm_vit_block *block)
{
    tm_node *sum = x;
    for (int i = 0; i < 2; i++) {
        tm_push(b, "attns.%d", i);
        tm_node *y = tm_self_attend(b, "attn", tm_normalize(b, "norm", x, block->norm), block->qkv);
        sum = tm_add(b, sum, scaled(b, "ls", y, block));
        tm_pop(b);
    }
    x = sum;
    for (int i = 0; i < 2; i++) {
        tm_push(b, "ffns.%d", i);
        tm_node *y = tm_feed_forward(b, "mlp", tm_normalize(b, "norm", x, block->norm), block->ffn);
        sum = tm_add(b, sum, scaled(b, "ls", y, block));
        tm_pop(b);
    }
    return sum;
}

/* What in_proj gives: the MLP's hidden state after its activation, q, k and v. */
typedef struct in_proj {
    tm_node *hidden, *q, *k, *v;
} in_proj;

static in_proj project_in(tm_builder *b, tm_node *x, const tm_vit_block *block, bool pairs)
{
    int dim = x->shape.c, hidden = block->ffn.hidden, heads = block->qkv.heads;
    tm_node *y = tm_normalize(b, "in_norm", x, block->norm);
    tm_node *weight = tm_param2(b, "in_proj.weight", hidden + 3 * dim, dim), *bias;
    if (block->qkv.no_qkv_bias) { /* the MLP has one of its own then, on its rows */
        tm_node *zero = tm_literal(b, 1, (int64_t[]){1}, (float[]){0.0f});
        tm_node *zeros = tm_const_repeat(b, zero, 3 * dim);
        bias = tm_const_concat(b, 2, (tm_node *[]){tm_param1(b, "mlp_bias", hidden), zeros}, 0);
    } else {
        bias = tm_param1(b, "in_proj.bias", hidden + 3 * dim);
    }
    if (pairs) {
        weight = tm_split_head_pairs(b, weight, hidden, dim, heads);
        bias = tm_split_head_pairs(b, bias, hidden, dim, heads);
    }
    y = tm_conv2d_with(b, "in_proj", y, weight, bias,
                       (tm_conv){.out = hidden + 3 * dim, .kernel = 1, .linear = true});
    in_proj all = {.hidden = tm_activate(b, tm_slice_c(b, y, 0, hidden), block->ffn.act),
                   .q = tm_slice_c(b, y, hidden, dim),
                   .k = tm_slice_c(b, y, hidden + dim, dim),
                   .v = tm_slice_c(b, y, hidden + 2 * dim, dim)};
    if (block->qkv.qk_norm) {
        all.q = tm_norm_heads(b, "q_norm", all.q, block->norm, pairs ? 2 * heads : heads);
        all.k = tm_norm_heads(b, "k_norm", all.k, block->norm, pairs ? 2 * heads : heads);
    }
    return all;
}

tm_node *tm_parallel_scaling_block(tm_builder *b, tm_node *x, const tm_vit_block *block)
{
    bool bias = !block->qkv.no_proj_bias;
    in_proj in = project_in(b, x, block, false);
    tm_node *y = tm_attend(b, in.q, in.k, in.v, (tm_attention){.heads = block->qkv.heads});
    tm_node *attn = tm_linear(b, "attn_out_proj", y, x->shape.c, bias);
    tm_node *mlp = tm_linear(b, "mlp_out_proj", in.hidden, x->shape.c, bias);
    /* scaled one by one: each scale and each sum vanishes into its projection */
    x = tm_add(b, x, scaled(b, "ls", attn, block));
    return tm_add(b, x, scaled(b, "ls", mlp, block));
}

tm_node *tm_diff_parallel_scaling_block(tm_builder *b, tm_node *x, const tm_vit_block *block)
{
    in_proj in = project_in(b, x, block, true);
    tm_node *attn = tm_diff_attend(b, in.q, in.k, in.v, block->qkv.heads, block->qkv.depth);
    tm_node *y = tm_concat_c(b, 2, (tm_node *[]){attn, in.hidden});
    y = tm_linear(b, "out_proj", y, x->shape.c, !block->qkv.no_proj_bias);
    return tm_add(b, x, scaled(b, "ls", y, block));
}
