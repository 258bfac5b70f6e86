/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/grn.h"

tm_node *tm_global_response_norm(tm_builder *b, const char *name, tm_node *x)
{
    int c = x->shape.c;
    tm_push(b, "%s", name);
    tm_node *weight = tm_param1(b, "weight", c), *bias = tm_param1(b, "bias", c);
    /* sqrt(s) as s / sqrt(s), which is 0 for a channel of zeros */
    tm_node *squares = tm_reduce_hw(b, tm_mul(b, x, x), TM_REDUCE_SUM);
    tm_node *positive = tm_activate_param(b, squares, TM_ACT_CLAMP_MIN, 1e-30f);
    tm_node *norm = tm_mul(b, squares, tm_activate(b, positive, TM_ACT_RSQRT));
    tm_node *mean = tm_affine(b, tm_reduce_c(b, norm, TM_REDUCE_AVG), 1.0f, 1e-6f);
    tm_node *root = tm_activate(b, mean, TM_ACT_RSQRT);
    tm_node *scale = tm_mul(b, tm_mul(b, tm_mul(b, norm, root), root), weight);
    x = tm_add(b, tm_mul(b, x, tm_affine(b, scale, 1.0f, 1.0f)), bias);
    tm_pop(b);
    return x;
}
