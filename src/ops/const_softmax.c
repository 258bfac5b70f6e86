/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "ops/ops.h"

tm_node *tm_const_softmax(tm_builder *b, tm_node *x)
{
    return tm_constant(b, &tm_op_const_softmax, x->name, NULL, 0, 1, &x, x->rank, x->dims);
}

static void softmax_of(const float *x, int64_t n, float *out)
{
    double most = -INFINITY, sum = 0;
    for (int64_t i = 0; i < n; i++)
        most = x[i] > most ? x[i] : most;
    for (int64_t i = 0; i < n; i++)
        sum += exp(x[i] - most);
    for (int64_t i = 0; i < n; i++)
        out[i] = x[i] - most < TM_SOFTMAX_LEAST ? 0.0f : (float)(exp(x[i] - most) / sum);
}

static bool softmax_evaluate(const tm_node *node, const float *const *inputs, int64_t row,
                             int64_t rows, float *out)
{
    (void)row, (void)rows;
    int64_t n = node->dims[node->rank - 1], count = tm_element_count(node);
    for (int64_t i = 0; i < count; i += n)
        softmax_of(inputs[0] + i, n, out + i);
    return true;
}

const tm_op tm_op_const_softmax = {.name = "const_softmax", .evaluate = softmax_evaluate};
