/* SPDX-License-Identifier: Apache-2.0 */
#include "products/window.h"

#include "kernels/kernels.h"
#include "steps/lower.h"

tm_window tm_window_of(const tm_tensor *x, const tm_tensor *y, const tm_conv_attrs *conv)
{
    bool dense = conv->kernel_h * conv->kernel_w == 1 && conv->stride == 1;
    return (tm_window){.x = *x,
                       .conv = *conv,
                       .h = y->h,
                       .w = y->w,
                       .pointwise = dense && conv->pad_top == 0 && conv->pad_left == 0 &&
                                    x->h == y->h && x->w == y->w};
}

/* Output pixels [column, column + count) of one line of a picture, `at` pixels behind the first of
 * a unit. */
typedef struct line_run {
    int n, row, column, count;
} line_run;
static line_run line_at(const tm_window *window, const tm_unit *unit, int at)
{
    int pixels = window->h * window->w, pixel = (unit->first + at) % pixels;
    int column = pixel % window->w, width = window->w - column, left = unit->count - at;
    return (line_run){.n = unit->n + (unit->first + at) / pixels,
                      .row = pixel / window->w,
                      .column = column,
                      .count = width < left ? width : left};
}

static void repeat_last(const void **rows, int count, size_t stride)
{
    for (size_t i = (size_t)count; i < stride; i++)
        rows[i] = rows[count - 1];
}

/* The first pixel of the line of x under tap row ky; NULL: outside of the picture. */
static const void *line_under(const tm_window *window, const tm_run_state *run, line_run line,
                              int ky)
{
    const tm_conv_attrs *conv = &window->conv;
    int y = line.row * conv->stride - conv->pad_top + ky * conv->dilation;
    return y >= 0 && y < window->x.h ? tm_tensor_at(run, &window->x, line.n, y, 0) : NULL;
}

static size_t pixel_bytes(const tm_window *window)
{
    return window->x.ld * tm_dtype_size(window->x.type);
}

/* Those of a line's pixels whose `span` columns from x on, for the first of them, lie inside of the
 * picture. */
typedef struct stretch {
    int first, last;
} stretch;
static stretch inside(const tm_window *window, line_run line, int x, int span)
{
    int stride = window->conv.stride, room = window->x.w - span - x;
    int first = tm_least(line.count, x < 0 ? tm_ceil_div(-x, stride) : 0);
    int last = room < 0 ? 0 : tm_least(line.count, room / stride + 1);
    return (stretch){first, last > first ? last : first};
}

static void point_at_zeros(const tm_window *window, const void **out, int first, int last)
{
    for (int i = first; i < last; i++)
        out[i] = window->zeros;
}

/* x: the column under the line's first pixel */
static void point_stretch(const tm_window *window, const char *from, int x, stretch in,
                          const void **out)
{
    size_t step = (size_t)window->conv.stride * pixel_bytes(window);
    const char *at = from + (size_t)(x + in.first * window->conv.stride) * pixel_bytes(window);
    for (int i = in.first; i < in.last; i++, at += step)
        out[i] = at;
}

static void point_line(const tm_window *window, line_run line, const char *from, int kx,
                       const void **out)
{
    const tm_conv_attrs *conv = &window->conv;
    int x = line.column * conv->stride - conv->pad_left + kx * conv->dilation;
    stretch in = from ? inside(window, line, x, 1) : (stretch){0, 0};
    point_at_zeros(window, out, 0, in.first);
    if (in.first < in.last)
        point_stretch(window, from, x, in, out);
    point_at_zeros(window, out, in.last, line.count);
}

static void point_taps(const tm_window *window, const tm_unit *unit, const void **rows,
                       size_t stride)
{
    for (int ky = 0; ky < window->conv.kernel_h; ky++)
        for (int kx = 0; kx < window->conv.kernel_w; kx++, rows += stride) {
            for (int i = 0; i < unit->count;) {
                line_run line = line_at(window, unit, i);
                point_line(window, line, line_under(window, unit->run, line, ky), kx, rows + i);
                i += line.count;
            }
            repeat_last(rows, unit->count, stride);
        }
}

void tm_window_point_pixels(const tm_window *window, const tm_unit *unit, int first, int count,
                            size_t offset, const void **rows)
{
    size_t pixel_step = pixel_bytes(window);
    int pixels = window->h * window->w, at = unit->first + first;
    int n = unit->n + at / pixels, pixel = at % pixels;
    while (count > 0) {
        int here = pixels - pixel < count ? pixels - pixel : count; /* of picture n */
        const char *x = tm_tensor_channel(unit->run, &window->x, n++, 0, pixel, offset);
        for (int i = 0; i < here; i++, x += pixel_step)
            *rows++ = x;
        count -= here;
        pixel = 0;
    }
}

void tm_window_point(const tm_window *window, const tm_unit *unit, const void **rows, size_t stride)
{
    if (!window->pointwise) {
        point_taps(window, unit, rows, stride);
        return;
    }
    tm_window_point_pixels(window, unit, 0, unit->count, 0, rows);
    repeat_last(rows, unit->count, stride);
}

/* ---- rows of taps ---- */

/* A row of taps of one pixel, as far as it lies in the line; the rest is zero. */
static void copy_tap_row(const tm_window *window, const float *line, int left, float *out)
{
    int c = window->x.c, dilation = window->conv.dilation;
    for (int kx = 0; kx < window->conv.kernel_w; kx++, out += c) {
        int x = left + kx * dilation;
        if (x < 0 || x >= window->x.w) {
            for (int k = 0; k < c; k++)
                out[k] = 0.0f;
        } else {
            const float *from = line + (size_t)x * window->x.ld;
            for (int k = 0; k < c; k++)
                out[k] = from[k];
        }
    }
}

/* Copies of the tap rows of pixels [first, last); x: the column under pixel 0. Returns where the
 * next copy goes. */
static float *copy_tap_rows(const tm_window *window, const float *from, int x, stretch cut,
                            const void **out, float *copy)
{
    for (int i = cut.first; i < cut.last; i++) {
        copy_tap_row(window, from, x + i * window->conv.stride, copy);
        out[i] = copy;
        copy += window->conv.kernel_w * window->x.c;
    }
    return copy;
}

/* The lines under tap row ky of a line of outputs. Returns where the next copy goes. */
static float *point_lines(const tm_window *window, line_run line, const float *from,
                          const void **out, float *copy)
{
    const tm_conv_attrs *conv = &window->conv;
    bool dense = conv->dilation == 1 && window->x.ld == (size_t)window->x.c;
    int x = line.column * conv->stride - conv->pad_left;
    if (!from) {
        point_at_zeros(window, out, 0, line.count);
        return copy;
    }
    stretch in = dense ? inside(window, line, x, conv->kernel_w) : (stretch){0, 0};
    copy = copy_tap_rows(window, from, x, (stretch){0, in.first}, out, copy);
    if (in.first < in.last)
        point_stretch(window, (const char *)from, x, in, out);
    return copy_tap_rows(window, from, x, (stretch){in.last, line.count}, out, copy);
}

void tm_window_point_tap_rows(const tm_window *window, const tm_unit *unit, const void **rows,
                              size_t stride, float *copy)
{
    for (int ky = 0; ky < window->conv.kernel_h; ky++, rows += stride) {
        for (int i = 0; i < unit->count;) {
            line_run line = line_at(window, unit, i);
            const float *from = line_under(window, unit->run, line, ky);
            copy = point_lines(window, line, from, rows + i, copy);
            i += line.count;
        }
        repeat_last(rows, unit->count, stride);
    }
}

void tm_point_rows(const void **rows, const float *first, size_t count, size_t ld)
{
    for (size_t i = 0; i < count + TM_MAX_ROWS; i++)
        rows[i] = first + (i < count ? i : count - 1) * ld;
}
