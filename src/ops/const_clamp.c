/* SPDX-License-Identifier: Apache-2.0 */
/* A clamp of a constant. */
#include "ops/ops.h"

typedef struct clamp_attrs {
    float low, high;
} clamp_attrs;

static bool clamp_evaluate(const tm_node *node, const float *const *inputs, int64_t row,
                           int64_t rows, float *out)
{
    (void)row, (void)rows;
    const clamp_attrs *attrs = node->attrs;
    int64_t count = tm_element_count(node);
    for (int64_t i = 0; i < count; i++) {
        float value = inputs[0][i] < attrs->low ? attrs->low : inputs[0][i];
        out[i] = value > attrs->high ? attrs->high : value;
    }
    return true;
}

tm_node *tm_const_clamp(tm_builder *b, tm_node *x, float low, float high)
{
    clamp_attrs attrs = {low, high};
    return tm_constant(b, &tm_op_const_clamp, x->name, &attrs, sizeof attrs, 1, &x, x->rank,
                       x->dims);
}

const tm_op tm_op_const_clamp = {.name = "const_clamp", .evaluate = clamp_evaluate};
