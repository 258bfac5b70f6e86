/* SPDX-License-Identifier: Apache-2.0 */
#include "models/parts_vit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "models/parts_norm.h"

tm_node *tm_patch_embed(tm_builder *b, const char *name, tm_node *x, int width, int patch,
                        bool bias)
{
    tm_push(b, "%s", name);
    tm_patch_weight(b, "proj.weight", width, x->shape.c, patch);
    x = tm_conv2d(
        b, "proj", x,
        (tm_conv){
            .out = width, .kernel = patch, .stride = patch, .padding = TM_PAD_VALID, .bias = bias});
    tm_pop(b);
    return x;
}

tm_node *tm_map_tokens(tm_builder *b, tm_node *x)
{
    return tm_reshape(b, x, 1, x->shape.h * x->shape.w, x->shape.c);
}

tm_node *tm_layer_scale(tm_builder *b, const char *name, tm_node *x)
{
    tm_push(b, "%s", name);
    x = tm_mul(b, x, tm_param1(b, "gamma", x->shape.c));
    tm_pop(b);
    return x;
}

/* ---- attention ---- */

static tm_node *norm_heads(tm_builder *b, const char *name, tm_node *x, tm_norm norm, int heads)
{
    norm.groups = heads;
    return tm_normalize(b, name, x, norm);
}

static tm_node *plain_heads(tm_builder *b, tm_node *x, const tm_qkv *qkv)
{
    int dim = x->shape.c;
    tm_node *all = tm_linear(b, "qkv", x, 3 * dim, !qkv->no_qkv_bias);
    tm_node *q = tm_slice_c(b, all, 0, dim), *k = tm_slice_c(b, all, dim, dim);
    tm_node *v = tm_slice_c(b, all, 2 * dim, dim);
    if (qkv->qk_norm) {
        q = norm_heads(b, "q_norm", q, qkv->norm, qkv->heads);
        k = norm_heads(b, "k_norm", k, qkv->norm, qkv->heads);
    }
    return tm_attend(b, q, k, v, (tm_attention){.heads = qkv->heads});
}

tm_node *tm_split_head_pairs(tm_builder *b, tm_node *rows, int before, int dim, int heads)
{
    int64_t dims[TM_MAX_RANK];
    int64_t tail = rows->rank > 1 ? rows->dims[1] : 1, head = dim / heads / 2;
    memcpy(dims, rows->dims, sizeof dims);
    dims[0] = 2 * (int64_t)dim;
    tm_node *qk = tm_const_slice(b, rows, 0, before, dims[0]);
    qk = tm_const_reshape(b, qk, 5, (int64_t[]){2, heads, 2, head, tail});
    qk = tm_const_permute(b, qk, (int[]){0, 2, 1, 3, 4});
    qk = tm_const_reshape(b, qk, rows->rank, dims);
    tm_node *parts[] = {tm_const_slice(b, rows, 0, 0, before), qk,
                        tm_const_slice(b, rows, 0, before + dims[0], dim)};
    return tm_const_concat(b, 3, parts, 0);
}

static tm_node *lambda_part(tm_builder *b, const char *q, const char *k, int head)
{
    tm_node *dot = tm_const_sum(b, tm_const_mul(b, tm_param1(b, q, head), tm_param1(b, k, head)));
    return tm_const_exp(b, dot);
}

tm_node *tm_diff_attend(tm_builder *b, tm_node *q, tm_node *k, tm_node *v, int heads, int depth)
{
    int half = q->shape.c / 2;
    float start = (float)(0.8 - 0.6 * exp(-0.3 * depth));
    tm_node *second = lambda_part(b, "lambda_q2", "lambda_k2", half / heads);
    tm_node *lambda = tm_const_add(b, lambda_part(b, "lambda_q1", "lambda_k1", half / heads),
                                   tm_const_affine(b, second, -1.0f, start));
    tm_node *x = tm_attend(b, tm_slice_c(b, q, 0, half), tm_slice_c(b, k, 0, half), v,
                           (tm_attention){.heads = heads});
    tm_node *y = tm_attend(b, tm_slice_c(b, q, half, half), tm_slice_c(b, k, half, half), v,
                           (tm_attention){.heads = heads});
    x = tm_sub(b, x, tm_mul(b, y, lambda));
    x = tm_normalize(b, "sub_norm", x, (tm_norm){.kind = TM_NORM_RMS, .groups = heads});
    return tm_affine(b, x, 1.0f - start, 0.0f);
}

static tm_node *diff_heads(tm_builder *b, tm_node *x, const tm_qkv *qkv)
{
    int dim = x->shape.c;
    tm_node *weight = tm_param2(b, "qkv.weight", 3 * dim, dim);
    tm_node *bias = qkv->no_qkv_bias ? NULL : tm_param1(b, "qkv.bias", 3 * dim);
    weight = tm_split_head_pairs(b, weight, 0, dim, qkv->heads);
    if (bias)
        bias = tm_split_head_pairs(b, bias, 0, dim, qkv->heads);
    tm_node *all = tm_conv2d_with(b, "qkv", x, weight, bias,
                                  (tm_conv){.out = 3 * dim, .kernel = 1, .linear = true});
    tm_node *q = tm_slice_c(b, all, 0, dim), *k = tm_slice_c(b, all, dim, dim);
    if (qkv->qk_norm) {
        q = norm_heads(b, "q_norm", q, qkv->norm, 2 * qkv->heads);
        k = norm_heads(b, "k_norm", k, qkv->norm, 2 * qkv->heads);
    }
    return tm_diff_attend(b, q, k, tm_slice_c(b, all, 2 * dim, dim), qkv->heads, qkv->depth);
}

tm_node *tm_self_attend(tm_builder *b, const char *name, tm_node *x, tm_qkv qkv)
{
    int dim = x->shape.c;
    tm_push(b, "%s", name);
    x = qkv.diff ? diff_heads(b, x, &qkv) : plain_heads(b, x, &qkv);
    if (qkv.scale_norm)
        x = tm_normalize(b, "norm", x, qkv.norm);
    x = tm_linear(b, "proj", x, dim, !qkv.no_proj_bias);
    tm_pop(b);
    return x;
}

tm_node *tm_attention_pool_latent(tm_builder *b, const char *name, tm_node *x, int heads,
                                  int hidden, tm_act_kind act, tm_norm norm)
{
    int dim = x->shape.c;
    tm_push(b, "%s", name);
    tm_node *q = tm_constant_activation(b, tm_param3(b, "latent", 1, 1, dim), 1, 1, dim);
    q = tm_linear(b, "q", q, dim, true);
    tm_node *kv = tm_linear(b, "kv", x, 2 * dim, true);
    x = tm_attend(b, q, tm_slice_c(b, kv, 0, dim), tm_slice_c(b, kv, dim, dim),
                  (tm_attention){.heads = heads});
    x = tm_linear(b, "proj", x, dim, true);
    tm_node *y = tm_normalize(b, "norm", x, norm);
    x = tm_add(b, x, tm_feed_forward(b, "mlp", y, (tm_ffn){.hidden = hidden, .act = act}));
    tm_pop(b);
    return x;
}

/* ---- feed-forward ---- */

static tm_node *layer(tm_builder *b, const char *name, tm_node *x, int out, const tm_ffn *ffn)
{
    if (ffn->conv)
        return tm_conv2d(b, name, x, (tm_conv){.out = out, .kernel = 1, .bias = !ffn->no_bias});
    return tm_linear(b, name, x, out, !ffn->no_bias);
}

tm_node *tm_feed_forward(tm_builder *b, const char *name, tm_node *x, tm_ffn ffn)
{
    int dim = x->shape.c, half = ffn.hidden / 2;
    tm_node *gate;
    tm_push(b, "%s", name);
    switch (ffn.kind) {
    case TM_FFN_MLP:
        x = tm_activate(b, layer(b, "fc1", x, ffn.hidden, &ffn), ffn.act);
        break;
    case TM_FFN_SWIGLU:
        gate = tm_activate(b, layer(b, "fc1_g", x, ffn.hidden, &ffn), ffn.act);
        x = tm_mul(b, gate, layer(b, "fc1_x", x, ffn.hidden, &ffn));
        break;
    case TM_FFN_GLU:
        x = layer(b, "fc1", x, ffn.hidden, &ffn);
        gate = tm_activate(b, tm_slice_c(b, x, 0, half), ffn.act);
        x = tm_mul(b, gate, tm_slice_c(b, x, half, half));
        break;
    }
    if (ffn.response_norm)
        x = tm_global_response_norm(b, "grn", x);
    if (ffn.scale_norm)
        x = tm_normalize(b, "norm", x, ffn.norm);
    x = layer(b, "fc2", x, dim, &ffn);
    tm_pop(b);
    return x;
}

/* ---- blocks ---- */

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
        all.q = norm_heads(b, "q_norm", all.q, block->norm, pairs ? 2 * heads : heads);
        all.k = norm_heads(b, "k_norm", all.k, block->norm, pairs ? 2 * heads : heads);
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

/* ---- ends ---- */

tm_node *tm_pool_tokens(tm_builder *b, tm_node *x, const char *kind, int first)
{
    static const char *const kinds[] = {"avg", "max", "avgmax"};
    if (strcmp(kind, "") == 0)
        return x;
    if (strcmp(kind, "token") == 0)
        return tm_slice_w(b, x, 0, 1);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kind, kinds[i]) == 0)
            return tm_global_pool(b, tm_slice_w(b, x, first, x->shape.w - first), kind);
    tm_refuse(b, "global pool '%s' is none of token, avg, max, avgmax", kind);
    return x;
}

static tm_node *patch_map(tm_builder *b, tm_node *x, int prefix, int h, int w)
{
    return tm_reshape(b, prefix ? tm_slice_w(b, x, prefix, h * w) : x, h, w, x->shape.c);
}

void tm_tap_block(tm_builder *b, int index, tm_node *x, tm_node *normed, int prefix, int h, int w,
                  int reduction)
{
    char module[32];
    snprintf(module, sizeof module, "blocks.%d", index);
    tm_node *map = patch_map(b, x, prefix, h, w);
    tm_tap_feature(b, module, map, reduction);
    tm_tap_intermediate(b, normed == x ? map : patch_map(b, normed, prefix, h, w), TM_LAYOUT_MAP);
    if (prefix)
        tm_tap_prefix(b, tm_slice_w(b, normed, 0, prefix));
}
