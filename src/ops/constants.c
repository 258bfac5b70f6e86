/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic on constants: runs once, at load, in double. */
#include <math.h>
#include <string.h>

#include "base/loops.h"
#include "ops/ops.h"

/* ---- weight standardization ---- */

typedef struct standardize_attrs {
    float eps, scale;
} standardize_attrs;

static bool standardize_evaluate(const tm_node *node, const float *const *inputs, int64_t row,
                                 int64_t rows, float *out)
{
    const standardize_attrs *attrs = node->attrs;
    int64_t count = tm_row_elements(node);
    for (int64_t o = 0; o < rows; o++) {
        const float *w = inputs[0] + o * count;
        double sum = 0, squares = 0;
        for (int64_t i = 0; i < count; i++)
            sum += w[i];
        double mean = sum / (double)count;
        for (int64_t i = 0; i < count; i++)
            squares += (w[i] - mean) * (w[i] - mean);
        double scale = attrs->scale / sqrt(squares / (double)count + attrs->eps);
        if (node->input_count > 1)
            scale *= inputs[1][row + o];
        for (int64_t i = 0; i < count; i++)
            out[o * count + i] = (float)((w[i] - mean) * scale);
    }
    return true;
}

tm_node *tm_const_standardize(tm_builder *b, tm_node *weight, float eps, tm_node *gain, float scale)
{
    standardize_attrs attrs = {.eps = eps, .scale = scale};
    tm_node *inputs[] = {weight, gain};
    return tm_constant(b, &tm_op_const_standardize, weight->name, &attrs, sizeof attrs,
                       gain ? 2 : 1, inputs, weight->rank, weight->dims);
}

const tm_op tm_op_const_standardize = {
    .name = "const_standardize", .evaluate = standardize_evaluate, .by_rows = true};

/* ---- slice, concat, reshape, permute ---- */

typedef struct axis_attrs {
    int axis;
    int64_t begin;
} axis_attrs;

/* elements before and after an axis, as in a C-ordered array of outer x dims[axis] x inner */
static void split_at(const tm_node *x, int axis, int64_t *outer, int64_t *inner)
{
    *outer = *inner = 1;
    for (int i = 0; i < x->rank; i++)
        if (i < axis)
            *outer *= x->dims[i];
        else if (i > axis)
            *inner *= x->dims[i];
}

static bool slice_evaluate(const tm_node *node, const float *const *inputs, int64_t row,
                           int64_t rows, float *out)
{
    (void)row, (void)rows;
    const axis_attrs *attrs = node->attrs;
    int64_t outer, inner, from = node->inputs[0]->dims[attrs->axis];
    split_at(node, attrs->axis, &outer, &inner);
    int64_t run = node->dims[attrs->axis] * inner;
    for (int64_t o = 0; o < outer; o++)
        memcpy(out + o * run, inputs[0] + (o * from + attrs->begin) * inner,
               (size_t)run * sizeof *out);
    return true;
}

tm_node *tm_const_slice(tm_builder *b, tm_node *x, int axis, int64_t begin, int64_t count)
{
    axis_attrs attrs = {.axis = axis, .begin = begin};
    TM_EXPECT(b, begin >= 0 && begin + count <= x->dims[axis],
              "a part of a constant lies outside of it");
    tm_node *node =
        tm_constant(b, &tm_op_const_slice, x->name, &attrs, sizeof attrs, 1, &x, x->rank, x->dims);
    node->dims[axis] = count;
    return node;
}

const tm_op tm_op_const_slice = {.name = "const_slice", .evaluate = slice_evaluate};

static bool concat_evaluate(const tm_node *node, const float *const *inputs, int64_t row,
                            int64_t rows, float *out)
{
    (void)row, (void)rows;
    const axis_attrs *attrs = node->attrs;
    int64_t outer, inner, offset = 0;
    split_at(node, attrs->axis, &outer, &inner);
    int64_t stride = node->dims[attrs->axis] * inner;
    for (int k = 0; k < node->input_count; k++) {
        int64_t run = node->inputs[k]->dims[attrs->axis] * inner;
        for (int64_t o = 0; o < outer; o++)
            memcpy(out + o * stride + offset, inputs[k] + o * run, (size_t)run * sizeof *out);
        offset += run;
    }
    return true;
}

tm_node *tm_const_concat(tm_builder *b, int count, tm_node *const *xs, int axis)
{
    axis_attrs attrs = {.axis = axis};
    tm_node *node = tm_constant(b, &tm_op_const_concat, xs[0]->name, &attrs, sizeof attrs, count,
                                xs, xs[0]->rank, xs[0]->dims);
    for (int k = 1; k < count; k++)
        node->dims[axis] += xs[k]->dims[axis];
    return node;
}

const tm_op tm_op_const_concat = {.name = "const_concat", .evaluate = concat_evaluate};

static bool copy_evaluate(const tm_node *node, const float *const *inputs, int64_t row,
                          int64_t rows, float *out)
{
    (void)row, (void)rows;
    memcpy(out, inputs[0], (size_t)tm_element_count(node) * sizeof *out);
    return true;
}

tm_node *tm_const_reshape(tm_builder *b, tm_node *x, int rank, const int64_t *dims)
{
    tm_node *node = tm_constant(b, &tm_op_const_reshape, x->name, NULL, 0, 1, &x, rank, dims);
    TM_EXPECT(b, tm_element_count(node) == tm_element_count(x),
              "a constant has another number of elements");
    return node;
}

const tm_op tm_op_const_reshape = {.name = "const_reshape", .evaluate = copy_evaluate};

static bool repeat_evaluate(const tm_node *node, const float *const *inputs, int64_t row,
                            int64_t rows, float *out)
{
    (void)row, (void)rows;
    int64_t count = tm_element_count(node->inputs[0]), total = tm_element_count(node);
    for (int64_t i = 0; i < total; i += count)
        memcpy(out + i, inputs[0], (size_t)count * sizeof *out);
    return true;
}

tm_node *tm_const_repeat(tm_builder *b, tm_node *x, int64_t count)
{
    tm_node *node = tm_constant(b, &tm_op_const_repeat, x->name, NULL, 0, 1, &x, x->rank, x->dims);
    node->dims[0] *= count;
    return node;
}

const tm_op tm_op_const_repeat = {.name = "const_repeat", .evaluate = repeat_evaluate};

typedef struct permute_attrs {
    int axes[TM_MAX_RANK];
} permute_attrs;

static bool permute_evaluate(const tm_node *node, const float *const *inputs, int64_t row,
                             int64_t rows, float *out)
{
    (void)row, (void)rows;
    const permute_attrs *attrs = node->attrs;
    const tm_node *x = node->inputs[0];
    int64_t stride[TM_MAX_RANK], in_stride = 1, index[TM_MAX_RANK] = {0};
    int64_t strides_in[TM_MAX_RANK];
    for (int i = x->rank - 1; i >= 0; i--) {
        strides_in[i] = in_stride;
        in_stride *= x->dims[i];
    }
    for (int i = 0; i < node->rank; i++)
        stride[i] = strides_in[attrs->axes[i]];
    int64_t count = tm_element_count(node);
    for (int64_t n = 0; n < count; n++) {
        int64_t from = 0;
        for (int i = 0; i < node->rank; i++)
            from += index[i] * stride[i];
        out[n] = inputs[0][from];
        for (int i = node->rank - 1; i >= 0 && ++index[i] == node->dims[i]; i--)
            index[i] = 0;
    }
    return true;
}

tm_node *tm_const_permute(tm_builder *b, tm_node *x, const int *axes)
{
    permute_attrs attrs = {0};
    int64_t dims[TM_MAX_RANK];
    for (int i = 0; i < x->rank; i++) {
        attrs.axes[i] = axes[i];
        dims[i] = x->dims[axes[i]];
    }
    return tm_constant(b, &tm_op_const_permute, x->name, &attrs, sizeof attrs, 1, &x, x->rank,
                       dims);
}

const tm_op tm_op_const_permute = {.name = "const_permute", .evaluate = permute_evaluate};

/* ---- element-wise ---- */

/* numpy broadcasting: dims are aligned at their ends */
static void broadcast_dims(tm_node *node, const tm_node *x, const tm_node *y)
{
    node->rank = x->rank > y->rank ? x->rank : y->rank;
    for (int i = 0; i < node->rank; i++) {
        int ix = i - (node->rank - x->rank), iy = i - (node->rank - y->rank);
        int64_t dx = ix >= 0 ? x->dims[ix] : 1, dy = iy >= 0 ? y->dims[iy] : 1;
        TM_ASSERT(dx == dy || dx == 1 || dy == 1);
        node->dims[i] = dx > dy ? dx : dy;
    }
}

/* index into x of element number n of node */
static int64_t broadcast_index(const tm_node *node, const tm_node *x, int64_t n)
{
    int64_t index = 0, stride = 1;
    for (int i = node->rank - 1; i >= 0; i--) {
        int ix = i - (node->rank - x->rank);
        int64_t at = n % node->dims[i];
        n /= node->dims[i];
        if (ix >= 0) {
            index += x->dims[ix] == 1 ? 0 : at * stride;
            stride *= x->dims[ix];
        }
    }
    return index;
}

/* y holds one factor per row of x: the case that large weights need fast and row by row */
static bool scales_rows(const tm_node *x, const tm_node *y)
{
    return x->rank > 0 && x->rank == y->rank && x->dims[0] == y->dims[0] &&
           tm_element_count(y) == y->dims[0];
}

static bool scale_rows_evaluate(const tm_node *node, const float *const *inputs, int64_t row,
                                int64_t rows, float *out)
{
    int64_t count = tm_row_elements(node);
    for (int64_t i = 0; i < rows * count; i++)
        out[i] = inputs[0][i] * inputs[1][row + i / count];
    return true;
}

static bool mul_evaluate(const tm_node *node, const float *const *inputs, int64_t row, int64_t rows,
                         float *out)
{
    (void)row, (void)rows;
    int64_t count = tm_element_count(node);
    for (int64_t i = 0; i < count; i++)
        out[i] = (float)((double)inputs[0][broadcast_index(node, node->inputs[0], i)] *
                         inputs[1][broadcast_index(node, node->inputs[1], i)]);
    return true;
}

static bool add_evaluate(const tm_node *node, const float *const *inputs, int64_t row, int64_t rows,
                         float *out)
{
    (void)row, (void)rows;
    int64_t count = tm_element_count(node);
    for (int64_t i = 0; i < count; i++)
        out[i] = (float)((double)inputs[0][broadcast_index(node, node->inputs[0], i)] +
                         inputs[1][broadcast_index(node, node->inputs[1], i)]);
    return true;
}

static tm_node *elementwise(tm_builder *b, const tm_op *op, tm_node *x, tm_node *y)
{
    tm_node *inputs[] = {x, y};
    tm_node *node = tm_constant(b, op, x->name, NULL, 0, 2, inputs, 0, NULL);
    if (!b->graph->error.status)
        broadcast_dims(node, x, y);
    return node;
}

tm_node *tm_const_mul(tm_builder *b, tm_node *x, tm_node *y)
{
    return elementwise(b, scales_rows(x, y) ? &tm_op_const_scale_rows : &tm_op_const_mul, x, y);
}

tm_node *tm_const_add(tm_builder *b, tm_node *x, tm_node *y)
{
    return elementwise(b, &tm_op_const_add, x, y);
}

const tm_op tm_op_const_scale_rows = {
    .name = "const_scale_rows", .evaluate = scale_rows_evaluate, .by_rows = true};
const tm_op tm_op_const_mul = {.name = "const_mul", .evaluate = mul_evaluate};
const tm_op tm_op_const_add = {.name = "const_add", .evaluate = add_evaluate};

typedef struct const_affine_attrs {
    float mul, add;
} const_affine_attrs;

static bool affine_evaluate(const tm_node *node, const float *const *inputs, int64_t row,
                            int64_t rows, float *out)
{
    (void)row, (void)rows;
    const const_affine_attrs *attrs = node->attrs;
    int64_t count = tm_element_count(node);
    for (int64_t i = 0; i < count; i++)
        out[i] = (float)((double)inputs[0][i] * attrs->mul + attrs->add);
    return true;
}

tm_node *tm_const_affine(tm_builder *b, tm_node *x, float mul, float add)
{
    const_affine_attrs attrs = {mul, add};
    return tm_constant(b, &tm_op_const_affine, x->name, &attrs, sizeof attrs, 1, &x, x->rank,
                       x->dims);
}

const tm_op tm_op_const_affine = {.name = "const_affine", .evaluate = affine_evaluate};

static bool exp_evaluate(const tm_node *node, const float *const *inputs, int64_t row, int64_t rows,
                         float *out)
{
    (void)row, (void)rows;
    int64_t count = tm_element_count(node);
    for (int64_t i = 0; i < count; i++)
        out[i] = (float)exp(inputs[0][i]);
    return true;
}

tm_node *tm_const_exp(tm_builder *b, tm_node *x)
{
    return tm_constant(b, &tm_op_const_exp, x->name, NULL, 0, 1, &x, x->rank, x->dims);
}

const tm_op tm_op_const_exp = {.name = "const_exp", .evaluate = exp_evaluate};

static bool abs_evaluate(const tm_node *node, const float *const *inputs, int64_t row, int64_t rows,
                         float *out)
{
    (void)row, (void)rows;
    int64_t count = tm_element_count(node);
    for (int64_t i = 0; i < count; i++)
        out[i] = fabsf(inputs[0][i]);
    return true;
}

tm_node *tm_const_abs(tm_builder *b, tm_node *x)
{
    return tm_constant(b, &tm_op_const_abs, x->name, NULL, 0, 1, &x, x->rank, x->dims);
}

const tm_op tm_op_const_abs = {.name = "const_abs", .evaluate = abs_evaluate};

static bool sum_evaluate(const tm_node *node, const float *const *inputs, int64_t row, int64_t rows,
                         float *out)
{
    (void)row, (void)rows;
    int64_t count = tm_element_count(node->inputs[0]);
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += inputs[0][i];
    out[0] = (float)sum;
    return true;
}

tm_node *tm_const_sum(tm_builder *b, tm_node *x)
{
    return tm_constant(b, &tm_op_const_sum, x->name, NULL, 0, 1, &x, 0, NULL);
}

const tm_op tm_op_const_sum = {.name = "const_sum", .evaluate = sum_evaluate};

/* ---- batch-norm folding ---- */

/* inputs: weight or bias (absent: zero), then what the norm node has: gamma, beta, mean, var */
typedef struct fold_attrs {
    float eps;
    bool has_value, has_gamma, has_beta;
} fold_attrs;

static const float *fold_part(const fold_attrs *a, const float *const *in, char which)
{
    int at = a->has_value;
    if (which == 'g')
        return a->has_gamma ? in[at] : NULL;
    at += a->has_gamma;
    if (which == 'b')
        return a->has_beta ? in[at] : NULL;
    at += a->has_beta;
    return in[which == 'm' ? at : at + 1];
}

static double fold_scale(const fold_attrs *attrs, const float *const *inputs, int64_t o)
{
    const float *gamma = fold_part(attrs, inputs, 'g');
    double var = fold_part(attrs, inputs, 'v')[o];
    return (gamma ? gamma[o] : 1.0) / sqrt(var + attrs->eps);
}

static bool fold_weight_evaluate(const tm_node *node, const float *const *inputs, int64_t row,
                                 int64_t rows, float *out)
{
    int64_t count = tm_row_elements(node);
    for (int64_t o = 0; o < rows; o++) {
        double scale = fold_scale(node->attrs, inputs, row + o);
        const float *from = inputs[0] + o * count;
        float *restrict to = out + o * count;
        TM_VECTOR_LOOP for (int64_t i = 0; i < count; i++) to[i] = (float)(from[i] * scale);
    }
    return true;
}

static bool fold_bias_evaluate(const tm_node *node, const float *const *inputs, int64_t row,
                               int64_t rows, float *out)
{
    (void)row, (void)rows;
    const fold_attrs *attrs = node->attrs;
    const float *beta = fold_part(attrs, inputs, 'b'), *mean = fold_part(attrs, inputs, 'm');
    for (int64_t o = 0; o < node->dims[0]; o++) {
        double bias = attrs->has_value ? inputs[0][o] : 0.0;
        double shift = beta ? beta[o] : 0.0;
        out[o] = (float)((bias - mean[o]) * fold_scale(attrs, inputs, o) + shift);
    }
    return true;
}

static tm_node *fold(tm_builder *b, const tm_op *op, tm_node *value, const tm_node *norm, int rank,
                     const int64_t *dims)
{
    const tm_norm_attrs *n = norm->attrs;
    tm_node *inputs[5];
    int count = 0;
    if (value)
        inputs[count++] = value;
    for (int i = 1; i < norm->input_count; i++)
        inputs[count++] = norm->inputs[i];
    fold_attrs attrs = {
        .eps = n->eps, .has_value = value, .has_gamma = n->weight, .has_beta = n->bias};
    return tm_constant(b, op, norm->name, &attrs, sizeof attrs, count, inputs, rank, dims);
}

tm_node *tm_const_fold_weight(tm_builder *b, tm_node *weight, const tm_node *norm)
{
    return fold(b, &tm_op_const_fold_weight, weight, norm, weight->rank, weight->dims);
}

tm_node *tm_const_fold_bias(tm_builder *b, tm_node *bias, const tm_node *norm)
{
    return fold(b, &tm_op_const_fold_bias, bias, norm, 1, (int64_t[]){norm->shape.c});
}

const tm_op tm_op_const_fold_weight = {
    .name = "const_fold_weight", .evaluate = fold_weight_evaluate, .by_rows = true};
const tm_op tm_op_const_fold_bias = {.name = "const_fold_bias", .evaluate = fold_bias_evaluate};
