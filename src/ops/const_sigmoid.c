/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "ops/ops.h"

tm_node *tm_const_sigmoid(tm_builder *b, tm_node *x)
{
    return tm_constant(b, &tm_op_const_sigmoid, x->name, NULL, 0, 1, &x, x->rank, x->dims);
}

static bool sigmoid_evaluate(const tm_node *node, const float *const *inputs, int64_t row,
                             int64_t rows, float *out)
{
    int64_t count = tm_element_count(node);
    (void)row, (void)rows;
    for (int64_t i = 0; i < count; i++)
        out[i] = (float)(1 / (1 + exp(-(double)inputs[0][i])));
    return true;
}

const tm_op tm_op_const_sigmoid = {.name = "const_sigmoid", .evaluate = sigmoid_evaluate};
