/* SPDX-License-Identifier: Apache-2.0 */
/* A linear layer on a constant. */
#include "ops/ops.h"

tm_node *tm_const_linear(tm_builder *b, tm_node *x, tm_node *weight, tm_node *bias)
{
    tm_node *inputs[] = {x, weight, bias};
    TM_EXPECT(b,
              x->rank == 2 && tm_row_elements(weight) == x->dims[1] &&
                  (!bias || tm_element_count(bias) == weight->dims[0]),
              "a linear layer of constants has another width");
    return tm_constant(b, &tm_op_const_linear, weight->name, NULL, 0, bias ? 3 : 2, inputs, 2,
                       (int64_t[]){x->dims[0], weight->dims[0]});
}

static bool linear_evaluate(const tm_node *node, const float *const *inputs, int64_t row,
                            int64_t rows, float *out)
{
    int64_t k = node->inputs[0]->dims[1], width = node->dims[1];
    (void)row;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t o = 0; o < width; o++) {
            double sum = node->input_count > 2 ? inputs[2][o] : 0.0;
            for (int64_t j = 0; j < k; j++)
                sum += (double)inputs[0][i * k + j] * inputs[1][o * k + j];
            out[i * width + o] = (float)sum;
        }
    return true;
}

const tm_op tm_op_const_linear = {
    .name = "const_linear", .evaluate = linear_evaluate, .by_rows = true};
