/* SPDX-License-Identifier: Apache-2.0 */
/* Constants that fit a checkpoint to a model of another input: timm's adapt_input_conv and
 * resample_abs_pos_embed. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ops/ops.h"

/* ---- input channels ---- */

typedef struct channels_attrs {
    int64_t base; /* channels of a picture that the checkpoint was trained on */
    bool sum;
} channels_attrs;

/* [O][I][taps]: sums over each `base` inputs, or repeats the inputs and scales them down */
static void channels_evaluate(const tm_node *node, const float *const *inputs, int64_t row,
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

/* ---- position embedding ---- */

typedef struct grid_attrs {
    int prefix, from_h, from_w, to_h, to_w;
} grid_attrs;

/* Keys' cubic with a = -0.5, as torch has it with antialias */
static double cubic(double x)
{
    x = fabs(x);
    if (x < 1)
        return (1.5 * x - 2.5) * x * x + 1;
    return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

/* One axis: out[i] = sum of weights over in, for `lines` of `width` floats each. in[size][width] */
static void resample_axis(const float *in, int size, int to, size_t width, float *out)
{
    double scale = (double)size / to, stretch = scale > 1 ? scale : 1, support = 2 * stretch;
    for (int i = 0; i < to; i++) {
        double center = scale * (i + 0.5), total = 0;
        int first = (int)fmax(center - support + 0.5, 0);
        int end = (int)fmin(center + support + 0.5, size);
        float *line = out + (size_t)i * width;
        for (int j = first; j < end; j++)
            total += cubic((j - center + 0.5) / stretch);
        memset(line, 0, width * sizeof *line);
        for (int j = first; j < end; j++) {
            float weight = (float)(cubic((j - center + 0.5) / stretch) / total);
            for (size_t c = 0; c < width; c++)
                line[c] += weight * in[(size_t)j * width + c];
        }
    }
}

static void grid_evaluate(const tm_node *node, const float *const *inputs, int64_t row,
                          int64_t rows, float *out)
{
    (void)row, (void)rows;
    const grid_attrs *attrs = node->attrs;
    size_t width = (size_t)node->dims[2], prefix = (size_t)attrs->prefix * width;
    size_t from_line = (size_t)attrs->from_w * width, to_line = (size_t)attrs->to_w * width;
    const float *in = inputs[0] + prefix;
    float *narrow = malloc((size_t)attrs->from_h * to_line * sizeof *narrow);
    memcpy(out, inputs[0], prefix * sizeof *out);
    if (!narrow) { /* wrong numbers must not pass for right ones */
        for (int64_t i = 0; i < tm_element_count(node); i++)
            out[i] = NAN;
        return;
    }
    for (int y = 0; y < attrs->from_h; y++)
        resample_axis(in + (size_t)y * from_line, attrs->from_w, attrs->to_w, width,
                      narrow + (size_t)y * to_line);
    resample_axis(narrow, attrs->from_h, attrs->to_h, to_line, out + prefix);
    free(narrow);
}

tm_node *tm_const_resample_grid(tm_builder *b, tm_node *positions, int prefix, const int from[2],
                                const int to[2])
{
    grid_attrs attrs = {prefix, from[0], from[1], to[0], to[1]};
    tm_node *node = tm_constant(b, &tm_op_const_resample_grid, positions->name, &attrs,
                                sizeof attrs, 1, &positions, 3, positions->dims);
    node->dims[1] = prefix + (int64_t)to[0] * to[1];
    return node;
}

const tm_op tm_op_const_resample_grid = {.name = "const_resample_grid", .evaluate = grid_evaluate};
