/* SPDX-License-Identifier: Apache-2.0 */
/* Where the inputs of a product's rows lie: the pixels under the taps of output pixels. */
#ifndef TM_PRODUCTS_WINDOW_H
#define TM_PRODUCTS_WINDOW_H

#include "graph/attrs.h"
#include "products/division.h"
#include "steps/step.h"

typedef struct tm_window {
    tm_tensor x;
    tm_conv_attrs conv;
    int h, w;          /* of the output */
    bool pointwise;    /* 1x1, stride 1, no padding: pixel i of the output is pixel i of x */
    const void *zeros; /* as many as a tap, or a row of taps, has inputs */
} tm_window;

tm_window tm_window_of(const tm_tensor *x, const tm_tensor *y, const tm_conv_attrs *conv);

/* rows[t * stride + i]: numbers of x's type, the pixel of x under tap t of the unit's output pixel
 * i, zeros outside of the picture; the pointers behind the unit's last pixel, up to the stride,
 * repeat it. */
void tm_window_point(const tm_window *window, const tm_unit *unit, const void **rows,
                     size_t stride);

/* Rows [first, first + count) of the unit, of a pointwise window: the inputs from `offset` on of
 * its pixels, in their own order. */
void tm_window_point_pixels(const tm_window *window, const tm_unit *unit, int first, int count,
                            size_t offset, const void **rows);

/* As tm_window_point, for float32 of few channels, where a row of taps counts as one: rows[ky *
 * stride + i]. The pixels of a line lie together, so that only what the edges cut is copied: room
 * for all taps of the unit's pixels at `copy`. */
void tm_window_point_tap_rows(const tm_window *window, const tm_unit *unit, const void **rows,
                              size_t stride, float *copy);

/* Of no window: rows[count] point to rows of ld floats from `first` on, TM_MAX_ROWS more to the
 * last of them. */
void tm_point_rows(const void **rows, const float *first, size_t count, size_t ld);

#endif
