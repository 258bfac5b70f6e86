/* SPDX-License-Identifier: Apache-2.0 */
/* Parallel branches of convolution and batch norm that become one convolution at load
 * (re-parameterization, 2101.03697). */
#include "ops/ops.h"

tm_branch tm_norm_branch(tm_builder *b, const char *name, tm_node *x, tm_norm norm)
{
    /* the node that is made here reaches no tap: only its parameters are of use */
    tm_node *node = tm_normalize(b, name, x, norm);
    if (b->graph->error.status)
        return (tm_branch){node, node};
    tm_node *one = tm_literal(b, 1, (int64_t[]){1}, (float[]){1.0f});
    tm_node *ones = tm_const_repeat(b, one, x->shape.c);
    return (tm_branch){tm_const_fold_weight(b, ones, node), tm_const_fold_bias(b, NULL, node)};
}

tm_branch tm_conv_norm_branch(tm_builder *b, const char *conv_name, const char *norm_name,
                              tm_node *x, tm_conv conv, tm_norm norm)
{
    tm_node *y = tm_conv2d(b, conv_name, x, conv), *node = tm_normalize(b, norm_name, y, norm);
    if (b->graph->error.status)
        return (tm_branch){node, node};
    tm_node *bias = conv.bias ? y->inputs[2] : NULL;
    return (tm_branch){tm_const_fold_weight(b, y->inputs[1], node),
                       tm_const_fold_bias(b, bias, node)};
}

tm_branch tm_add_branch(tm_builder *b, tm_branch sum, tm_branch part)
{
    tm_node *inputs[] = {sum.weight, part.weight};
    tm_node *weight = tm_constant(b, &tm_op_const_add_kernel, sum.weight->name, NULL, 0, 2, inputs,
                                  sum.weight->rank, sum.weight->dims);
    return (tm_branch){weight, tm_const_add(b, sum.bias, part.bias)};
}

/* The middle of a kernel: tap (y, x) of a kernel of small's size is this tap of large's. */
static int64_t middle(const tm_node *large, const tm_node *small, int64_t y, int64_t x)
{
    int64_t top = (large->dims[2] - small->dims[2]) / 2,
            left = (large->dims[3] - small->dims[3]) / 2;
    return (y + top) * large->dims[3] + x + left;
}

/* part is one number per output: of an identity's diagonal */
static void add_diagonal(const tm_node *sum, const float *part, int64_t row, int64_t rows,
                         float *out)
{
    int64_t inputs = sum->dims[1], taps = sum->dims[2] * sum->dims[3];
    for (int64_t o = row; o < row + rows; o++)
        out[((o - row) * inputs + o % inputs) * taps + taps / 2] += part[o];
}

static bool add_kernel_evaluate(const tm_node *node, const float *const *inputs, int64_t row,
                                int64_t rows, float *out)
{
    const tm_node *part = node->inputs[1];
    int64_t count = rows * tm_row_elements(node), taps = node->dims[2] * node->dims[3];
    for (int64_t i = 0; i < count; i++)
        out[i] = inputs[0][i];
    if (part->rank == 1) {
        add_diagonal(node, inputs[1], row, rows, out);
        return true;
    }
    int64_t small = part->dims[2] * part->dims[3];
    const float *kernels = inputs[1] + row * tm_row_elements(part);
    for (int64_t i = 0; i < rows * node->dims[1]; i++)
        for (int64_t t = 0; t < small; t++)
            out[i * taps + middle(node, part, t / part->dims[3], t % part->dims[3])] +=
                kernels[i * small + t];
    return true;
}

const tm_op tm_op_const_add_kernel = {
    .name = "const_add_kernel", .evaluate = add_kernel_evaluate, .by_rows = true};
