/* SPDX-License-Identifier: Apache-2.0 */
/* Activations of constants. */
#include <math.h>

#include "ops/ops.h"

tm_node *tm_const_act(tm_builder *b, tm_node *x, tm_act_kind act)
{
    tm_act_attrs attrs = {.kind = act};
    TM_ASSERT(act == TM_ACT_RELU || act == TM_ACT_SIGMOID);
    return tm_constant(b, &tm_op_const_act, x->name, &attrs, sizeof attrs, 1, &x, x->rank, x->dims);
}

static bool act_evaluate(const tm_node *node, const float *const *inputs, int64_t row, int64_t rows,
                         float *out)
{
    const tm_act_attrs *attrs = node->attrs;
    int64_t count = tm_element_count(node);
    (void)row, (void)rows;
    for (int64_t i = 0; i < count; i++) {
        double x = inputs[0][i];
        out[i] = (float)(attrs->kind == TM_ACT_RELU ? (x > 0 ? x : 0) : 1 / (1 + exp(-x)));
    }
    return true;
}

const tm_op tm_op_const_act = {.name = "const_act", .evaluate = act_evaluate};
