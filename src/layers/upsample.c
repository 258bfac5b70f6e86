/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/upsample.h"

#include <math.h>
#include <stdlib.h>

/* in float, as torch has it: where the product comes out below a whole number, it is one less */
static int source(int index, int from, int to)
{
    int at = (int)((float)index * ((float)from / (float)to));
    return at < from ? at : from - 1;
}

tm_node *tm_upsample_nearest(tm_builder *b, tm_node *x, int h, int w)
{
    int *from = malloc((size_t)h * (size_t)w * sizeof *from);
    if (!from) {
        tm_fail(&b->graph->error, TM_NO_MEMORY, "no memory for a map of %dx%d pixels", h, w);
        return x;
    }
    for (int i = 0; i < h * w; i++)
        from[i] = source(i / w, x->shape.h, h) * x->shape.w + source(i % w, x->shape.w, w);
    x = tm_gather_pixels(b, x, h, w, from);
    free(from);
    return x;
}

/* ---- between pixels: a matrix [to][from] for each side ---- */

/* Adds to row the shares of the pixels around `at`, those outside counting for the outermost. */
typedef void interpolate_fn(float *row, double at, int from);

static int inside(int index, int from)
{
    return index < 0 ? 0 : index < from ? index : from - 1;
}

static void bilinear(float *row, double at, int from)
{
    int left = (int)floor(at);
    row[inside(left, from)] += (float)(1 - (at - left));
    row[inside(left + 1, from)] += (float)(at - left);
}

/* Keys' cubic with a = -0.75 at a distance of x */
static double cubic(double x)
{
    if (x < 1)
        return (1.25 * x - 2.25) * x * x + 1;
    return x < 2 ? ((-0.75 * x + 3.75) * x - 6) * x + 3 : 0;
}

static void bicubic(float *row, double at, int from)
{
    int left = (int)floor(at);
    for (int i = left - 1; i <= left + 2; i++)
        row[inside(i, from)] += (float)cubic(fabs(at - i));
}

/* As an activation 1 x to x from. */
static tm_node *side_matrix(tm_builder *b, int from, int to, interpolate_fn *interpolate,
                            bool corners)
{
    double step = corners ? (double)(from - 1) / (to > 1 ? to - 1 : 1) : (double)from / to;
    float *matrix = calloc((size_t)to * (size_t)from, sizeof *matrix);
    if (!matrix) {
        tm_fail(&b->graph->error, TM_NO_MEMORY, "no memory for a side of %d pixels", to);
        return b->graph->input;
    }
    for (int i = 0; i < to; i++)
        interpolate(matrix + (size_t)i * (size_t)from, corners ? i * step : (i + 0.5) * step - 0.5,
                    from);
    tm_node *node = tm_literal(b, 2, (int64_t[]){to, from}, matrix);
    free(matrix);
    return tm_constant_activation(b, node, 1, to, from);
}

static tm_node *resize(tm_builder *b, tm_node *x, int h, int w, interpolate_fn *interpolate,
                       bool corners)
{
    tm_shape s = x->shape;
    if (w != s.w)
        x = tm_matmul(b, side_matrix(b, s.w, w, interpolate, corners), x);
    if (h == s.h)
        return x;
    x = tm_reshape(b, x, 1, s.h, w * s.c);
    x = tm_matmul(b, side_matrix(b, s.h, h, interpolate, corners), x);
    return tm_reshape(b, x, h, w, s.c);
}

tm_node *tm_resize_bilinear(tm_builder *b, tm_node *x, int h, int w, bool corners)
{
    return resize(b, x, h, w, bilinear, corners);
}

tm_node *tm_resize_bicubic(tm_builder *b, tm_node *x, int h, int w)
{
    return resize(b, x, h, w, bicubic, false);
}
