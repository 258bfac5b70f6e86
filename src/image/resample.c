/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pillow's resize for 8-bit channels, bit for bit: filter weights in double, normalised and rounded
 * to 22-bit fixed point; one pass across and one down, each rounded to bytes.
 *
 * A weight is kept as high * 2^15 + low with 16-bit parts, so that products are 16 x 16 -> 32 bits,
 * which every vector unit has. Each part is summed alone and the sums are joined, which is exact.
 */
#include "image/resample.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#ifndef M_PI
#define M_PI 3.14159265358979323846
#endif

enum {
    FRACTION_BITS = 22, /* 32 - 8 for the byte - 2 for weights below 0 and above 1 */
    LOW_BITS = 15,
    LOW_MASK = (1 << LOW_BITS) - 1,
    LANES = 8,       /* tap counts are rounded up to it, with zero weights */
    BLOCK_TAPS = 128 /* 128 * 255 * 2^15 fits 31 bits */
};

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

/* Weights of `count` output positions along one axis. Position i reads the source from first[i]
 * on; its `taps` weights (a multiple of LANES, zeros at the end) are at high and low + i * taps. */
typedef struct axis {
    int count, taps;
    int source_first, source_end; /* all that is read, zero weights apart */
    int *first;
    int16_t *high, *low;
} axis;

static void axis_free(axis *a)
{
    free(a->first);
    free(a->high);
    free(a->low);
}

static tm_status axis_alloc(axis *a, tm_error *error)
{
    size_t weights;
    if (tm_size_mul((size_t)a->count, (size_t)a->taps, &weights)) {
        a->first = calloc((size_t)a->count, sizeof *a->first);
        a->high = calloc(weights, sizeof *a->high);
        a->low = calloc(weights, sizeof *a->low);
    }
    if (!a->first || !a->high || !a->low)
        return tm_fail(error, TM_NO_MEMORY, "no memory for %d x %d filter weights", a->count,
                       a->taps);
    return TM_OK;
}

static void store_weight(axis *a, size_t at, double weight)
{
    double scaled = weight * (1 << FRACTION_BITS);
    int fixed = (int)(weight < 0 ? -0.5 + scaled : 0.5 + scaled);
    a->low[at] = (int16_t)(fixed & LOW_MASK);
    a->high[at] = (int16_t)((fixed - (fixed & LOW_MASK)) / (1 << LOW_BITS));
}

/* The caller frees it, also after a failure.
 * Weights of output positions from .. from + count - 1 when `source` pixels become `full`. */
static tm_status axis_init(axis *a, int source, int full, int from, int count, tm_filter filter,
                           tm_error *error)
{
    double scale = (double)source / full, widening = scale < 1.0 ? 1.0 : scale;
    double support = kernels[filter].support * widening, narrowing = 1.0 / widening;
    int most = (int)ceil(support) * 2 + 1;
    *a = (axis){.count = count, .source_first = source, .taps = (most + LANES - 1) / LANES * LANES};
    double *weights = malloc((size_t)most * sizeof *weights);
    tm_status status = weights ? axis_alloc(a, error)
                               : tm_fail(error, TM_NO_MEMORY, "no memory for filter weights");
    for (int i = 0; status == TM_OK && i < count; i++) {
        double center = (from + i + 0.5) * scale, sum = 0.0;
        int first = (int)(center - support + 0.5), end = (int)(center + support + 0.5);
        first = first < 0 ? 0 : first;
        end = end > source ? source : end;
        for (int k = first; k < end; k++) {
            weights[k - first] = kernels[filter].weight((k - center + 0.5) * narrowing);
            sum += weights[k - first];
        }
        for (int k = 0; k < end - first; k++)
            store_weight(a, (size_t)i * (size_t)a->taps + (size_t)k,
                         sum != 0.0 ? weights[k] / sum : weights[k]);
        a->first[i] = first;
        a->source_first = first < a->source_first ? first : a->source_first;
        a->source_end = end > a->source_end ? end : a->source_end;
    }
    free(weights);
    return status;
}

static inline unsigned char byte_from_sum(int32_t sum)
{
    int32_t value = sum >> FRACTION_BITS;
    return (unsigned char)(value < 0 ? 0 : value > 255 ? 255 : value);
}

typedef struct rows {
    const unsigned char *first;
    size_t stride;
} rows;

/* ---- horizontal pass ---- */

/* One row's columns first .. first + count - 1 as three planes, `plane` apart. */
static void split_row(const unsigned char *rgb, int count, int16_t *restrict planes, size_t plane)
{
    int16_t *restrict red = planes, *restrict green = planes + plane,
                      *restrict blue = planes + 2 * plane;
    for (int x = 0; x < count; x++, rgb += 3) {
        red[x] = rgb[0];
        green[x] = rgb[1];
        blue[x] = rgb[2];
    }
}

static inline int32_t dot(const int16_t *restrict a, const int16_t *restrict b, int count)
{
    int32_t sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int i = 0; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}

static int32_t weighted_sum(const int16_t *pixels, const int16_t *high, const int16_t *low,
                            int taps)
{
    uint32_t sum = 1u << (FRACTION_BITS - 1);
    for (int k = 0; k < taps; k += BLOCK_TAPS) {
        int n = taps - k < BLOCK_TAPS ? taps - k : BLOCK_TAPS;
        sum += ((uint32_t)dot(pixels + k, high + k, n) << LOW_BITS) +
               (uint32_t)dot(pixels + k, low + k, n);
    }
    return (int32_t)sum;
}

static void horizontal_row(const int16_t *planes, size_t plane, const axis *a,
                           unsigned char *restrict to)
{
    for (int x = 0; x < a->count; x++, to += 3) {
        size_t at = (size_t)x * (size_t)a->taps;
        const int16_t *from = planes + (a->first[x] - a->source_first);
        for (size_t c = 0; c < 3; c++)
            to[c] =
                byte_from_sum(weighted_sum(from + c * plane, a->high + at, a->low + at, a->taps));
    }
}

/* `from` begins at source column a->source_first. */
static tm_status horizontal_pass(rows from, int count, const axis *a, unsigned char *to,
                                 size_t stride, tm_error *error)
{
    int columns = a->source_end - a->source_first;
    size_t plane = (size_t)columns + (size_t)a->taps; /* zero weights read past the end */
    int16_t *planes = calloc(3 * plane, sizeof *planes);
    if (!planes)
        return tm_fail(error, TM_NO_MEMORY, "no memory for a row of %d pixels", columns);
    for (int y = 0; y < count; y++, to += stride) {
        split_row(from.first + (size_t)y * from.stride, columns, planes, plane);
        horizontal_row(planes, plane, a, to);
    }
    free(planes);
    return TM_OK;
}

/* ---- vertical pass ---- */

static void add_row(int32_t *restrict sum, const unsigned char *restrict row, int count,
                    int16_t weight)
{
#pragma omp simd
    for (int i = 0; i < count; i++)
        sum[i] += (int16_t)row[i] * weight;
}

enum { STRIP = 512 }; /* bytes of a row done at once: sums stay in the first-level cache */

static void vertical_strip(rows from, const axis *a, int y, int count, unsigned char *restrict to)
{
    uint32_t total[STRIP];
    for (int i = 0; i < count; i++)
        total[i] = 1u << (FRACTION_BITS - 1);
    for (int k = 0; k < a->taps; k += BLOCK_TAPS) {
        int32_t high[STRIP] = {0}, low[STRIP] = {0};
        int n = a->taps - k < BLOCK_TAPS ? a->taps - k : BLOCK_TAPS;
        for (int j = k; j < k + n; j++) {
            size_t at = (size_t)y * (size_t)a->taps + (size_t)j;
            if (!a->high[at] && !a->low[at])
                continue; /* padding may lie below the last row */
            const unsigned char *row =
                from.first + (size_t)(a->first[y] - a->source_first + j) * from.stride;
            add_row(high, row, count, a->high[at]);
            add_row(low, row, count, a->low[at]);
        }
        for (int i = 0; i < count; i++)
            total[i] += ((uint32_t)high[i] << LOW_BITS) + (uint32_t)low[i];
    }
    for (int i = 0; i < count; i++)
        to[i] = byte_from_sum((int32_t)total[i]);
}

/* `from` begins at source row a->source_first. */
static void vertical_pass(rows from, size_t row_bytes, const axis *a, unsigned char *to,
                          size_t stride)
{
    for (int y = 0; y < a->count; y++, to += stride)
        for (size_t x = 0; x < row_bytes; x += STRIP) {
            size_t left = row_bytes - x;
            rows part = {from.first + x, from.stride};
            vertical_strip(part, a, y, left < STRIP ? (int)left : STRIP, to + x);
        }
}

/* ---- both ---- */

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
        if (status == TM_OK)
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
