/* SPDX-License-Identifier: Apache-2.0 */
/* A picture that is drawn: areas, other pictures, planes of numbers, text. What lies outside of the
 * canvas is not drawn. */
#ifndef TM_IMAGE_CANVAS_H
#define TM_IMAGE_CANVAS_H

#include <stdint.h>

#include "image/image.h"

typedef uint32_t tm_colour; /* 0xRRGGBB */

typedef struct tm_box {
    int x, y, width, height;
} tm_box;

/* TM_NO_MEMORY, TM_USAGE; free it as any picture. */
tm_status tm_canvas_open(tm_image *canvas, int width, int height, tm_colour background,
                         tm_error *error);
void tm_canvas_fill(tm_image *canvas, tm_box box, tm_colour colour);
void tm_canvas_put(tm_image *canvas, int x, int y, tm_colour colour);

/* What lies right of and below that size is gone; it is no larger than the canvas. */
void tm_canvas_cut(tm_image *canvas, int width, int height);

/* The largest box of that shape in the middle of another. */
tm_box tm_box_fit(tm_box box, int width, int height);

/* A picture in the middle of the box, as large as fits. TM_NO_MEMORY. */
tm_status tm_canvas_picture(tm_image *canvas, tm_box box, const tm_image *picture, tm_error *error);

/* ---- numbers ---- */

/* values[y * row + x * step] */
typedef struct tm_plane {
    const float *values;
    int height, width;
    size_t row, step;
    float least, most;
} tm_plane;

/* Sets least and most; what is no number is neither. */
void tm_plane_measure(tm_plane *plane);

/* The perceptual colour map viridis (matplotlib's, CC0): from 0, dark blue, to 1, yellow. Numbers
 * beyond are as these; NaN is black. */
tm_colour tm_viridis(double value);

/* The plane in the colours of its range: each pixel of the box shows one number or, where there are
 * fewer pixels than numbers, the mean of those under it. A range that is none is its least. */
void tm_canvas_plane(tm_image *canvas, tm_box box, const tm_plane *plane);

/* The plane smoothly between its numbers, half over what is there in gray. */
void tm_canvas_veil(tm_image *canvas, tm_box box, const tm_plane *plane);

/* ---- text ---- */

/* Pixels from one character to the next, and from one line to the next, at scale 1. */
enum { TM_TEXT_STEP = 6, TM_TEXT_LINE = 11 };

/* One line; what is longer than `columns` characters ends in "...". Each character but ASCII's
 * printable ones is a box, so is a byte that is no UTF-8. */
void tm_canvas_text(tm_image *canvas, int x, int y, int scale, int columns, tm_colour colour,
                    const char *text);

/* The same in several lines, at most `lines`, broken at spaces and behind _ - . / where there are
 * such. Returns how many there are. */
int tm_canvas_lines(tm_image *canvas, int x, int y, int scale, int columns, int lines,
                    tm_colour colour, const char *text);

#endif
