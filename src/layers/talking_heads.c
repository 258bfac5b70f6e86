/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/talking_heads.h"

#include <math.h>

#include "layers/swap_hw.h"

tm_node *tm_head_rows(tm_builder *b, tm_node *x, int heads)
{
    return tm_swap_hw(b, tm_reshape(b, x, x->shape.w, heads, x->shape.c / heads));
}

tm_node *tm_join_head_rows(tm_builder *b, tm_node *x)
{
    int heads = x->shape.h, tokens = x->shape.w, d = x->shape.c;
    return tm_reshape(b, tm_swap_hw(b, x), 1, tokens, heads * d);
}

/* Scores, heads x queries x keys: a linear layer over the heads. */
static tm_node *mix_heads(tm_builder *b, const char *name, tm_node *x, bool conv)
{
    tm_shape s = x->shape;
    tm_push(b, "%s", name);
    tm_node *weight =
        conv ? tm_param4(b, "weight", s.h, s.h, 1, 1) : tm_param2(b, "weight", s.h, s.h);
    tm_node *bias = tm_param1(b, "bias", s.h);
    tm_node *flat = tm_reshape(b, x, 1, s.h, s.w * s.c);
    flat = tm_matmul(b, tm_constant_activation(b, weight, 1, s.h, s.h), flat);
    flat = tm_add(b, flat, tm_constant_activation(b, bias, 1, s.h, 1));
    tm_pop(b);
    return tm_reshape(b, flat, s.h, s.w, s.c);
}

tm_node *tm_attend_talking(tm_builder *b, tm_node *q, tm_node *k, tm_node *v, tm_talking talking)
{
    int heads = talking.heads;
    double scale = 1 / sqrt((double)q->shape.c / heads);
    q = tm_affine(b, tm_head_rows(b, q, heads), (float)scale, 0.0f);
    k = tm_transpose(b, tm_head_rows(b, k, heads));
    v = tm_head_rows(b, v, heads);
    tm_node *x = tm_matmul(b, q, k);
    if (talking.bias)
        x = tm_add(b, x, tm_constant_activation(b, talking.bias, heads, x->shape.w, x->shape.c));
    x = tm_softmax_c(b, mix_heads(b, talking.before, x, talking.conv), 1);
    x = mix_heads(b, talking.after, x, talking.conv);
    return tm_join_head_rows(b, tm_matmul(b, x, v));
}
