/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pillow's resize for 8-bit channels, bit for bit: filter weights in double, normalised and rounded
 * to 22-bit fixed point; one pass across and one down, each rounded to bytes.
 */
#include "image/resample.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "kernels/kernels.h"

#ifndef M_PI
#define M_PI 3.14159265358979323846
#endif

static double box(double x)
{
    return x > -0.5 && x <= 0.5 ? 1.0 : 0.0;
}

static double bilinear(double x)
{
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

static double hamming(double x)
{
    x = fabs(x);
    if (x == 0.0)
        return 1.0;
    if (x >= 1.0)
        return 0.0;
    x *= M_PI;
    return sin(x) / x * (0.54f + 0.46f * cos(x)); /* the float constants are the reference's */
}

static double bicubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1.0)
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
    if (x < 2.0)
        return (((x - 5) * x + 8) * x - 4) * a;
    return 0.0;
}

static double sinc(double x)
{
    if (x == 0.0)
        return 1.0;
    x *= M_PI;
    return sin(x) / x;
}

static double lanczos(double x)
{
    return x >= -3.0 && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0;
}

static const struct {
    double (*weight)(double x);
    double support;
} kernels[TM_FILTER_COUNT] = {
    [TM_FILTER_BOX] = {box, 0.5},         [TM_FILTER_BILINEAR] = {bilinear, 1.0},
    [TM_FILTER_HAMMING] = {hamming, 1.0}, [TM_FILTER_BICUBIC] = {bicubic, 2.0},
    [TM_FILTER_LANCZOS] = {lanczos, 3.0},
};

/* The source pixels of one output pixel. */
typedef struct span {
    int first, count;
} span;

/* `count` output positions along one axis; the weights of position i begin at i * taps. */
typedef struct axis {
    int count, taps;
    int source_first, source_end; /* what all spans cover */
    span *spans;
    int32_t *weights;
} axis;

static void axis_free(axis *a)
{
    free(a->spans);
    free(a->weights);
}

static int32_t fixed_point(double weight)
{
    double scaled = weight * (1 << TM_RESAMPLE_BITS);
    return (int32_t)(weight < 0 ? -0.5 + scaled : 0.5 + scaled);
}

/* Position `at` of `full` along an axis of `source` pixels; `weights` is room for a->taps. */
static void set_position(axis *a, int i, int source, int full, int at, tm_filter filter,
                         double *weights)
{
    double scale = (double)source / full, widening = scale < 1.0 ? 1.0 : scale;
    double support = kernels[filter].support * widening, narrowing = 1.0 / widening;
    double center = (at + 0.5) * scale, sum = 0.0;
    int first = (int)(center - support + 0.5), end = (int)(center + support + 0.5);
    first = first < 0 ? 0 : first;
    end = end > source ? source : end;
    for (int k = first; k < end; k++) {
        weights[k - first] = kernels[filter].weight((k - center + 0.5) * narrowing);
        sum += weights[k - first];
    }
    int32_t *fixed = a->weights + (size_t)i * (size_t)a->taps;
    for (int k = 0; k < end - first; k++)
        fixed[k] = fixed_point(sum != 0.0 ? weights[k] / sum : weights[k]);
    a->spans[i] = (span){first, end - first};
    a->source_first = first < a->source_first ? first : a->source_first;
    a->source_end = end > a->source_end ? end : a->source_end;
}

/* Output positions from .. from + count - 1 when `source` pixels become `full`. The caller frees
 * the axis, after a failure too. */
static tm_status axis_init(axis *a, int source, int full, int from, int count, tm_filter filter,
                           tm_error *error)
{
    double scale = (double)source / full, widening = scale < 1.0 ? 1.0 : scale;
    int taps = (int)ceil(kernels[filter].support * widening) * 2 + 1;
    *a = (axis){.count = count, .taps = taps, .source_first = source};
    size_t all = 0;
    bool fits = tm_size_mul((size_t)count, (size_t)taps, &all);
    double *weights = malloc((size_t)taps * sizeof *weights);
    a->spans = calloc((size_t)count, sizeof *a->spans);
    a->weights = fits ? calloc(all, sizeof *a->weights) : NULL;
    bool ready = weights && a->spans && a->weights;
    for (int i = 0; ready && i < count; i++)
        set_position(a, i, source, full, from + i, filter, weights);
    free(weights);
    return ready
               ? TM_OK
               : tm_fail(error, TM_NO_MEMORY, "no memory for %d x %d filter weights", count, taps);
}

/* Rows of RGB pixels, `stride` bytes apart. */
typedef struct rows {
    const unsigned char *first;
    size_t stride;
} rows;

/* ---- down ---- */

/* `from` begins at source row a->source_first. */
static void vertical_pass(rows from, size_t row_bytes, const axis *a, unsigned char *to,
                          size_t stride)
{
    tm_resample_u8_fn *resample = tm_kernels_for(tm_cpu_isa())->resample_u8;
    for (int y = 0; y < a->count; y++, to += stride) {
        size_t first = (size_t)(a->spans[y].first - a->source_first);
        resample(row_bytes, (size_t)a->spans[y].count, from.first + first * from.stride,
                 from.stride, a->weights + (size_t)y * (size_t)a->taps, to);
    }
}

/* ---- across: down, of rows that are laid on their side, BAND at a time ---- */

enum { BAND = 16 };
typedef unsigned char band __attribute__((vector_size(BAND)));

/* The bytes of x and y of these numbers: clang and older gcc have a name of their own each. */
#ifdef __clang__
#define PICK(x, y, ...) __builtin_shufflevector(x, y, __VA_ARGS__)
#else
#define PICK(x, y, ...) __builtin_shuffle(x, y, (band){__VA_ARGS__})
#endif
#define LOW 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31

/* A square of bytes: four rounds, each of which puts the first half's bytes between the other's. */
static void transpose(band r[BAND])
{
    for (int round = 0; round < 4; round++) {
        band t[BAND];
        for (int i = 0; i < BAND / 2; i++) {
            t[2 * i] = PICK(r[i], r[i + BAND / 2], LOW);
            t[2 * i + 1] = PICK(r[i], r[i + BAND / 2], HIGH);
        }
        memcpy(r, t, sizeof t);
    }
}

/* to[j] holds byte j of each of the first `count` rows; the last one stands for those that miss. */
static void lay_down(rows from, int count, size_t row_bytes, band *to)
{
    for (size_t x = 0; x < row_bytes; x += BAND) {
        band square[BAND] = {0};
        size_t left = row_bytes - x < BAND ? row_bytes - x : BAND;
        for (int y = 0; y < BAND; y++)
            memcpy(&square[y], from.first + (size_t)(y < count ? y : count - 1) * from.stride + x,
                   left);
        transpose(square);
        memcpy(to + x, square, left * sizeof *to);
    }
}

static void set_up(const band *from, int count, size_t row_bytes, unsigned char *to, size_t stride)
{
    for (size_t x = 0; x < row_bytes; x += BAND) {
        band square[BAND] = {0};
        size_t left = row_bytes - x < BAND ? row_bytes - x : BAND;
        memcpy(square, from + x, left * sizeof *from);
        transpose(square);
        for (int y = 0; y < count; y++)
            memcpy(to + (size_t)y * stride + x, &square[y], left);
    }
}

/* `from` begins at source column a->source_first. */
static tm_status horizontal_pass(rows from, int count, const axis *a, unsigned char *to,
                                 size_t stride, tm_error *error)
{
    tm_resample_u8_fn *resample = tm_kernels_for(tm_cpu_isa())->resample_u8;
    size_t width = (size_t)(a->source_end - a->source_first), bytes = 3 * width;
    size_t bytes_out = 3 * (size_t)a->count;
    band *lying = tm_alloc_aligned((bytes + bytes_out) * sizeof *lying);
    if (!lying)
        return tm_fail(error, TM_NO_MEMORY, "no memory for rows of %zu pixels", width);
    for (int y = 0; y < count; y += BAND, from.first += BAND * from.stride, to += BAND * stride) {
        int left = count - y < BAND ? count - y : BAND;
        lay_down(from, left, bytes, lying);
        for (int x = 0; x < a->count; x++)
            resample(3 * sizeof *lying, (size_t)a->spans[x].count,
                     (unsigned char *)(lying + 3 * (a->spans[x].first - a->source_first)),
                     3 * sizeof *lying, a->weights + (size_t)x * (size_t)a->taps,
                     (unsigned char *)(lying + bytes + 3 * (size_t)x));
        set_up(lying + bytes, left, bytes_out, to, stride);
    }
    free(lying);
    return TM_OK;
}

static void copy_rows(rows from, size_t row_bytes, int count, unsigned char *to, size_t stride)
{
    for (int y = 0; y < count; y++)
        memcpy(to + (size_t)y * stride, from.first + (size_t)y * from.stride, row_bytes);
}

static rows rows_at(const tm_image *in, int x, int y)
{
    size_t stride = (size_t)in->width * 3;
    return (rows){in->rgb + (size_t)y * stride + 3 * (size_t)x, stride};
}

/* Both axes change. The order of the passes shows in the rounding; it is the reference's. */
static tm_status two_passes(const tm_image *in, const tm_window *w, const axis *across,
                            const axis *down, unsigned char *to, size_t stride, tm_error *error)
{
    bool down_first = in->height > w->full_height &&
                      in->height - w->full_height > 2 * ((int64_t)in->width - w->full_width);
    size_t middle_width =
        (size_t)(down_first ? across->source_end - across->source_first : w->width);
    size_t middle_height = (size_t)(down_first ? w->height : down->source_end - down->source_first);
    size_t row_bytes = middle_width * 3, bytes;
    unsigned char *middle = tm_size_mul(row_bytes, middle_height, &bytes) ? malloc(bytes) : NULL;
    if (!middle)
        return tm_fail(error, TM_NO_MEMORY, "no memory for %zu rows of %zu pixels", middle_height,
                       middle_width);
    rows source = rows_at(in, across->source_first, down->source_first);
    rows half = {middle, row_bytes};
    tm_status status;
    if (down_first) {
        vertical_pass(source, row_bytes, down, middle, row_bytes);
        status = horizontal_pass(half, w->height, across, to, stride, error);
    } else {
        status = horizontal_pass(source, (int)middle_height, across, middle, row_bytes, error);
        if (!status)
            vertical_pass(half, row_bytes, down, to, stride);
    }
    free(middle);
    return status;
}

/* An axis of count 0 does not change. */
static tm_status run_passes(const tm_image *in, const tm_window *w, const axis *across,
                            const axis *down, unsigned char *to, size_t stride, tm_error *error)
{
    size_t row_bytes = (size_t)w->width * 3;
    if (across->count && down->count)
        return two_passes(in, w, across, down, to, stride, error);
    if (across->count)
        return horizontal_pass(rows_at(in, across->source_first, w->top), w->height, across, to,
                               stride, error);
    if (down->count)
        vertical_pass(rows_at(in, w->left, down->source_first), row_bytes, down, to, stride);
    else
        copy_rows(rows_at(in, w->left, w->top), row_bytes, w->height, to, stride);
    return TM_OK;
}

static tm_status filtered(const tm_image *in, const tm_window *w, tm_filter filter,
                          unsigned char *to, size_t stride, tm_error *error)
{
    axis across = {0}, down = {0};
    tm_status status = TM_OK;
    if (w->full_width != in->width)
        status = axis_init(&across, in->width, w->full_width, w->left, w->width, filter, error);
    if (status == TM_OK && w->full_height != in->height)
        status = axis_init(&down, in->height, w->full_height, w->top, w->height, filter, error);
    if (status == TM_OK)
        status = run_passes(in, w, &across, &down, to, stride, error);
    axis_free(&across);
    axis_free(&down);
    return status;
}

/* Source positions of the window's pixels along one axis; -1 beyond the picture. The position is
 * a running sum as in the reference, so its rounding is the same. */
static void nearest_positions(int source, int full, int from, int count, int *positions)
{
    double step = (double)source / full, at = step * 0.5;
    for (int i = 0; i < from + count; i++, at += step)
        if (i >= from)
            positions[i - from] = (int)at < source ? (int)at : -1;
}

static tm_status nearest(const tm_image *in, const tm_window *w, unsigned char *to, size_t stride,
                         tm_error *error)
{
    int *positions = calloc((size_t)w->width + (size_t)w->height, sizeof *positions);
    if (!positions)
        return tm_fail(error, TM_NO_MEMORY, "no memory for %d + %d positions", w->width, w->height);
    int *columns = positions, *lines = positions + w->width;
    nearest_positions(in->width, w->full_width, w->left, w->width, columns);
    nearest_positions(in->height, w->full_height, w->top, w->height, lines);
    for (int y = 0; y < w->height; y++, to += stride) {
        memset(to, 0, (size_t)w->width * 3);
        if (lines[y] < 0)
            continue;
        const unsigned char *row = in->rgb + 3 * (size_t)lines[y] * (size_t)in->width;
        for (int x = 0; x < w->width; x++)
            if (columns[x] >= 0)
                memcpy(to + 3 * (size_t)x, row + 3 * (size_t)columns[x], 3);
    }
    free(positions);
    return TM_OK;
}

tm_status tm_image_resample(const tm_image *in, const tm_window *window, tm_filter filter,
                            unsigned char *to, size_t stride, tm_error *error)
{
    bool same = window->full_width == in->width && window->full_height == in->height;
    if (filter == TM_FILTER_NEAREST && !same)
        return nearest(in, window, to, stride, error);
    return filtered(in, window, filter, to, stride, error);
}
