/* SPDX-License-Identifier: Apache-2.0 */
/* Layers on constants: what a small network makes of parameters alone, computed once at load. */
#include "ops/ops.h"

/* inputs: x [n, in], weight [out, in] and perhaps bias [out] */
static bool linear_evaluate(const tm_node *node, const float *const *inputs, int64_t row,
                            int64_t rows, float *out)
{
    (void)row;
    int64_t in = node->inputs[0]->dims[1], width = node->dims[1];
    const float *bias = node->input_count > 2 ? inputs[2] : NULL;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t o = 0; o < width; o++) {
            double sum = bias ? bias[o] : 0.0;
            for (int64_t k = 0; k < in; k++)
                sum += (double)inputs[0][i * in + k] * inputs[1][o * in + k];
            out[i * width + o] = (float)sum;
        }
    return true;
}

tm_node *tm_const_linear(tm_builder *b, tm_node *x, tm_node *weight, tm_node *bias)
{
    tm_node *inputs[] = {x, weight, bias};
    TM_ASSERT(b->graph->error.status || x->dims[1] == weight->dims[1]);
    return tm_constant(b, &tm_op_const_linear, weight->name, NULL, 0, bias ? 3 : 2, inputs, 2,
                       (int64_t[]){x->dims[0], weight->dims[0]});
}

const tm_op tm_op_const_linear = {
    .name = "const_linear", .evaluate = linear_evaluate, .by_rows = true};

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
