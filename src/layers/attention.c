/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/attention.h"

#include <math.h>
#include <string.h>

tm_node *tm_norm_heads(tm_builder *b, const char *name, tm_node *x, tm_norm norm, int heads)
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
        q = tm_norm_heads(b, "q_norm", q, qkv->norm, qkv->heads);
        k = tm_norm_heads(b, "k_norm", k, qkv->norm, qkv->heads);
    }
    return tm_attend(b, q, k, v, (tm_attention){.heads = qkv->heads, .bias = qkv->bias});
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
        q = tm_norm_heads(b, "q_norm", q, qkv->norm, 2 * qkv->heads);
        k = tm_norm_heads(b, "k_norm", k, qkv->norm, 2 * qkv->heads);
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
