/* SPDX-License-Identifier: Apache-2.0 */
/* Weights of pictures with other channels: timm's adapt_input_conv. */
#include "ops/ops.h"

typedef struct channels_attrs {
    int64_t base; /* channels of a picture that the checkpoint was trained on */
    bool sum;
} channels_attrs;

/* [O][I][taps]: sums over each `base` inputs, or repeats the inputs and scales them down */
static bool channels_evaluate(const tm_node *node, const float *const *inputs, int64_t row,
                              int64_t rows, float *out)
{
    (void)row;
    const channels_attrs *attrs = node->attrs;
    int64_t from = node->inputs[0]->dims[1], to = node->dims[1];
    int64_t taps = tm_row_elements(node) / to;
    double scale = (double)attrs->base / (double)to;
    for (int64_t o = 0; o < rows; o++)
        for (int64_t i = 0; i < to; i++)
            for (int64_t t = 0; t < taps; t++) {
                const float *in = inputs[0] + o * from * taps + t;
                double value = 0;
                for (int64_t k = 0; attrs->sum && k < attrs->base; k++)
                    value += in[(i * attrs->base + k) * taps];
                if (!attrs->sum)
                    value = in[i % attrs->base * taps] * scale;
                out[(o * to + i) * taps + t] = (float)value;
            }
    return true;
}

tm_node *tm_const_adapt_channels(tm_builder *b, tm_node *weight, int64_t base, int64_t channels)
{
    channels_attrs attrs = {.base = base, .sum = channels * base == weight->dims[1]};
    tm_node *node = tm_constant(b, &tm_op_const_adapt_channels, weight->name, &attrs, sizeof attrs,
                                1, &weight, weight->rank, weight->dims);
    node->dims[1] = channels;
    return node;
}

const tm_op tm_op_const_adapt_channels = {
    .name = "const_adapt_channels", .evaluate = channels_evaluate, .by_rows = true};
