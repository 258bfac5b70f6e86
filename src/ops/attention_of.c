/* SPDX-License-Identifier: Apache-2.0 */
/* What one query of an attention sees, from the inputs of its node: no operator of its own, for it
 * is asked for once a picture and costs next to nothing. */
#include "ops/ops.h"

/* softmax's arguments without their scale, 1 x heads x keys */
static tm_node *scores_of(tm_builder *b, const tm_node *attend, int query)
{
    const tm_attend_attrs *attrs = attend->attrs;
    tm_node *q = attend->inputs[0], *k = attend->inputs[1];
    int heads = attrs->heads, keys = k->shape.w;
    tm_node *x = tm_mul(b, k, tm_slice_w(b, q, query, 1));
    x = tm_reshape(b, x, keys, heads, x->shape.c / heads);
    x = tm_reshape(b, tm_reduce_c(b, x, TM_REDUCE_SUM), 1, keys, heads);
    x = tm_transpose(b, x);
    if (!attrs->bias)
        return x;
    tm_node *bias = tm_const_slice(b, attend->inputs[3], 1, query, 1);
    return tm_add(b, x, tm_constant_activation(b, bias, 1, heads, keys));
}

tm_node *tm_attention_of(tm_builder *b, const tm_node *attend, int query)
{
    const tm_attend_attrs *attrs = attend->attrs;
    TM_EXPECT(b, attend->shape.h == 1 && !attrs->mask && !attrs->places && !attrs->mixed,
              "what a query sees is asked of an attention of another kind");
    tm_node *x = tm_affine(b, scores_of(b, attend, query), attrs->scale, 0.0f);
    return tm_reduce_hw(b, tm_softmax_c(b, x, 1), TM_REDUCE_AVG);
}
