/* SPDX-License-Identifier: Apache-2.0 */
/* Constants of a checkpoint on another grid: position embeddings, patch embeddings (2212.08013) and
 * tables of relative positions, as timm resamples them at load. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ops/ops.h"

/* ---- one axis: a matrix [to][from] of weights ---- */

static double keys(double x, double a)
{
    x = fabs(x);
    if (x < 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

/* Keys' cubic as torch has it with antialias; without, a is -0.75 */
static double cubic(double x)
{
    return keys(x, -0.5);
}

static double triangle(double x)
{
    return fmax(1 - fabs(x), 0);
}

/* A filter that reaches `reach` pixels on both sides, wider where the grid shrinks: antialias. */
static void filtered_row(double *row, int i, int from, int to, double (*filter)(double),
                         double reach)
{
    double scale = (double)from / to, stretch = scale > 1 ? scale : 1, support = reach * stretch;
    double center = scale * (i + 0.5), total = 0;
    int first = (int)fmax(center - support + 0.5, 0);
    int end = (int)fmin(center + support + 0.5, from);
    for (int j = first; j < end; j++)
        total += row[j] = filter((j - center + 0.5) / stretch);
    for (int j = first; j < end; j++)
        row[j] /= total;
}

/* Pixels outside are those of the edge. */
static void bicubic_plain_row(double *row, int i, int from, int to)
{
    double at = (i + 0.5) * from / to - 0.5, first = floor(at) - 1;
    for (int k = 0; k < 4; k++) {
        int j = (int)fmin(fmax(first + k, 0), from - 1);
        row[j] += keys(at - first - k, -0.75);
    }
}

static void bilinear_row(double *row, int i, int from, int to, bool corners)
{
    double at = corners ? (to > 1 ? (double)i * (from - 1) / (to - 1) : 0)
                        : fmax((i + 0.5) * from / to - 0.5, 0);
    int left = (int)fmin(at, from - 1), right = left + 1 < from ? left + 1 : left;
    row[left] += 1 - (at - left);
    row[right] += at - left;
}

/* Owned by the caller; NULL: no memory. */
static double *axis_matrix(int from, int to, tm_resampling how)
{
    double *matrix = calloc((size_t)to * (size_t)from, sizeof *matrix);
    for (int i = 0; i < to && matrix; i++) {
        double *row = matrix + (size_t)i * (size_t)from;
        if (!how.bilinear && how.no_antialias)
            bicubic_plain_row(row, i, from, to);
        else if (!how.bilinear)
            filtered_row(row, i, from, to, cubic, 2);
        else if (how.antialias)
            filtered_row(row, i, from, to, triangle, 1);
        else
            bilinear_row(row, i, from, to, how.corners);
    }
    return matrix;
}

/* out[to][width] of in[from][width] */
static void apply_axis(const double *matrix, int from, int to, size_t width, const float *in,
                       float *out)
{
    for (int i = 0; i < to; i++) {
        float *line = out + (size_t)i * width;
        memset(line, 0, width * sizeof *line);
        for (int j = 0; j < from; j++) {
            float weight = (float)matrix[(size_t)i * (size_t)from + (size_t)j];
            if (weight == 0.0f)
                continue;
            for (size_t c = 0; c < width; c++)
                line[c] += weight * in[(size_t)j * width + c];
        }
    }
}

/* ---- position embedding ---- */

typedef struct grid_attrs {
    int prefix, from_h, from_w, to_h, to_w;
    tm_resampling how;
} grid_attrs;

static bool grid_evaluate(const tm_node *node, const float *const *inputs, int64_t row,
                          int64_t rows, float *out)
{
    (void)row, (void)rows;
    const grid_attrs *a = node->attrs;
    int longer = a->to_h > a->to_w ? a->to_h : a->to_w;
    size_t width = (size_t)node->dims[2], prefix = (size_t)a->prefix * width;
    size_t from_line = (size_t)a->from_w * width, to_line = (size_t)a->to_w * width;
    const float *in = inputs[0] + prefix;
    float *narrow = malloc((size_t)a->from_h * to_line * sizeof *narrow);
    double *across = axis_matrix(a->from_w, a->how.square ? longer : a->to_w, a->how);
    double *down = axis_matrix(a->from_h, a->how.square ? longer : a->to_h, a->how);
    memcpy(out, inputs[0], prefix * sizeof *out);
    bool good = narrow && across && down;
    if (good) {
        for (int y = 0; y < a->from_h; y++)
            apply_axis(across, a->from_w, a->to_w, width, in + (size_t)y * from_line,
                       narrow + (size_t)y * to_line);
        apply_axis(down, a->from_h, a->to_h, to_line, narrow, out + prefix);
    }
    free(narrow);
    free(across);
    free(down);
    return good;
}

tm_node *tm_const_resample_grid(tm_builder *b, tm_node *positions, int prefix, const int from[2],
                                const int to[2], tm_resampling how)
{
    grid_attrs attrs = {prefix, from[0], from[1], to[0], to[1], how};
    tm_node *node = tm_constant(b, &tm_op_const_resample_grid, positions->name, &attrs,
                                sizeof attrs, 1, &positions, 3, positions->dims);
    node->dims[1] = prefix + (int64_t)to[0] * to[1];
    return node;
}

const tm_op tm_op_const_resample_grid = {.name = "const_resample_grid", .evaluate = grid_evaluate};

/* ---- patch embedding ---- */

typedef struct patch_attrs {
    tm_resampling how;
} patch_attrs;

/* Solves s x = r for a positive definite s[n][n] and columns r[n][m], both overwritten. */
static void solve(double *s, int n, double *r, int m)
{
    for (int k = 0; k < n; k++)
        for (int i = 0; i < n; i++) {
            double factor = s[i * n + k] / s[k * n + k];
            if (i == k || factor == 0)
                continue;
            for (int j = k; j < n; j++)
                s[i * n + j] -= factor * s[k * n + j];
            for (int j = 0; j < m; j++)
                r[i * m + j] -= factor * r[k * m + j];
        }
    for (int i = 0; i < n; i++)
        for (int j = 0; j < m; j++)
            r[i * m + j] /= s[i * n + i];
}

/* The transpose [to][from] of the pseudo-inverse of the axis matrix, which has full rank:
 * (R R^T)^-1 R where it is wide, R (R^T R)^-1 where it is tall. */
static double *inverse_matrix(int from, int to, tm_resampling how)
{
    int n = from < to ? from : to, m = from < to ? to : from;
    int step_n = from < to ? 1 : from, step_m = from < to ? from : 1;
    double *matrix = axis_matrix(from, to, how);
    double *square = calloc((size_t)n * (size_t)n, sizeof *square);
    double *right = calloc((size_t)n * (size_t)m, sizeof *right);
    if (matrix && square && right) {
        for (int i = 0; i < n; i++)
            for (int k = 0; k < m; k++) {
                right[i * m + k] = matrix[i * step_n + k * step_m];
                for (int j = 0; j < n; j++)
                    square[i * n + j] +=
                        matrix[i * step_n + k * step_m] * matrix[j * step_n + k * step_m];
            }
        solve(square, n, right, m);
        for (int i = 0; i < n; i++)
            for (int k = 0; k < m; k++)
                matrix[i * step_n + k * step_m] = right[i * m + k];
    } else {
        free(matrix);
        matrix = NULL;
    }
    free(square);
    free(right);
    return matrix;
}

static bool patch_evaluate(const tm_node *node, const float *const *inputs, int64_t row,
                           int64_t rows, float *out)
{
    (void)row;
    const patch_attrs *attrs = node->attrs;
    const int64_t *dims = node->inputs[0]->dims;
    int from_h = (int)dims[2], from_w = (int)dims[3];
    int to_h = (int)node->dims[2], to_w = (int)node->dims[3];
    float *narrow = malloc((size_t)from_h * (size_t)to_w * sizeof *narrow);
    double *across = inverse_matrix(from_w, to_w, attrs->how);
    double *down = inverse_matrix(from_h, to_h, attrs->how);
    bool good = narrow && across && down;
    if (good) {
        for (int64_t i = 0; i < rows * dims[1]; i++) {
            const float *in = inputs[0] + i * from_h * from_w;
            for (int y = 0; y < from_h; y++)
                apply_axis(across, from_w, to_w, 1, in + y * from_w, narrow + y * to_w);
            apply_axis(down, from_h, to_h, (size_t)to_w, narrow, out + i * to_h * to_w);
        }
    }
    free(narrow);
    free(across);
    free(down);
    return good;
}

tm_node *tm_const_resample_patch(tm_builder *b, tm_node *weight, const int64_t to[2],
                                 tm_resampling how)
{
    patch_attrs attrs = {how};
    tm_node *node = tm_constant(b, &tm_op_const_resample_patch, weight->name, &attrs, sizeof attrs,
                                1, &weight, 4, weight->dims);
    memcpy(node->dims + 2, to, 2 * sizeof *to);
    return node;
}

const tm_op tm_op_const_resample_patch = {
    .name = "const_resample_patch", .evaluate = patch_evaluate, .by_rows = true};

/* ---- relative positions in a window ---- */

typedef struct window_attrs {
    int from[2], to[2]; /* h, w */
} window_attrs;

/* 1 + q + ... + q^(count - 1) */
static double geometric_sum(double q, int count)
{
    return (1 - pow(q, count)) / (1 - q);
}

/* The stored offsets 0 ... count lie at distances that grow by a factor, so that the outermost of
 * both windows meet; the factor is searched as timm does, as precise and as bounded. */
static double growth(int from, int to)
{
    double low = 1.01, high = 1.5, q = low;
    while (high - low > 1e-6) {
        q = (low + high) / 2;
        if (geometric_sum(q, from) > to)
            high = q;
        else
            low = q;
    }
    return q;
}

/* Linear between the stored offsets: out[to] of the axis [from], as a matrix [to][from] with
 * from = 2 * window - 1 each. */
static double *window_matrix(int from_window, int to_window)
{
    int reach = from_window - 1, from = 2 * from_window - 1, to = 2 * to_window - 1;
    double *matrix = calloc((size_t)to * (size_t)from, sizeof *matrix);
    double q = growth(reach, to_window - 1);
    for (int i = 0; i < to && matrix; i++) {
        double *row = matrix + (size_t)i * (size_t)from;
        int offset = i - (to_window - 1), side = offset < 0 ? -1 : 1, k = 0;
        double left = 0, right = 0, at = abs(offset);
        while (k < reach && right < at) {
            left = right;
            right += pow(q, k++);
        }
        double part = right > left ? fmin((at - left) / (right - left), 1) : 0;
        row[reach + side * k] += part;
        row[reach + side * (k ? k - 1 : 0)] += 1 - part;
    }
    return matrix;
}

static bool window_evaluate(const tm_node *node, const float *const *inputs, int64_t row,
                            int64_t rows, float *out)
{
    (void)row, (void)rows;
    const window_attrs *a = node->attrs;
    int from_h = 2 * a->from[0] - 1, from_w = 2 * a->from[1] - 1;
    int to_h = 2 * a->to[0] - 1, to_w = 2 * a->to[1] - 1;
    size_t heads = (size_t)node->dims[1];
    float *narrow = malloc((size_t)from_h * (size_t)to_w * heads * sizeof *narrow);
    double *across = window_matrix(a->from[1], a->to[1]);
    double *down = window_matrix(a->from[0], a->to[0]);
    bool good = narrow && across && down;
    if (good) {
        for (int y = 0; y < from_h; y++)
            apply_axis(across, from_w, to_w, heads, inputs[0] + (size_t)(y * from_w) * heads,
                       narrow + (size_t)(y * to_w) * heads);
        apply_axis(down, from_h, to_h, (size_t)to_w * heads, narrow, out);
    }
    free(narrow);
    free(across);
    free(down);
    return good;
}

tm_node *tm_const_resample_window(tm_builder *b, tm_node *table, const int from[2], const int to[2])
{
    window_attrs attrs = {{from[0], from[1]}, {to[0], to[1]}};
    tm_node *node = tm_constant(b, &tm_op_const_resample_window, table->name, &attrs, sizeof attrs,
                                1, &table, 2, table->dims);
    node->dims[0] = (2 * (int64_t)to[0] - 1) * (2 * to[1] - 1);
    return node;
}

const tm_op tm_op_const_resample_window = {.name = "const_resample_window",
                                           .evaluate = window_evaluate};
