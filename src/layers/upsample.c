/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/upsample.h"

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

/* A side of `from` pixels at the size `to`, as a matrix: 1 x to x from. */
static tm_node *bilinear_weights(tm_builder *b, int from, int to, bool corners)
{
    float *weights = calloc((size_t)to * (size_t)from, sizeof *weights);
    double step = corners ? (double)(from - 1) / (to > 1 ? to - 1 : 1) : (double)from / to;
    if (!weights) {
        tm_fail(&b->graph->error, TM_NO_MEMORY, "no memory for %d x %d weights", to, from);
        return b->graph->input;
    }
    for (int i = 0; i < to; i++) {
        double at = corners ? i * step : (i + 0.5) * step - 0.5;
        at = at < 0 ? 0 : at;
        int low = (int)at < from ? (int)at : from - 1, high = low + 1 < from ? low + 1 : low;
        weights[i * from + low] += (float)(1 - (at - low));
        weights[i * from + high] += (float)(at - low);
    }
    tm_node *matrix = tm_literal(b, 2, (int64_t[]){to, from}, weights);
    free(weights);
    return tm_constant_activation(b, matrix, 1, to, from);
}

tm_node *tm_upsample_bilinear(tm_builder *b, tm_node *x, int h, int w, bool corners)
{
    int rows = x->shape.h, c = x->shape.c;
    x = tm_matmul(b, bilinear_weights(b, x->shape.w, w, corners), x);
    x = tm_matmul(b, bilinear_weights(b, rows, h, corners), tm_reshape(b, x, 1, rows, w * c));
    return tm_reshape(b, x, h, w, c);
}
