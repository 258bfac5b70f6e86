/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Products of bytes. A row of numbers is bytes 0 to 255 of which one, `zero`, means 0; weights are
 * -127 to 127 with a scale for each output. Sums of their products are exact in 32 bits, and what
 * becomes of a sum is rounded in a stated order, with fused multiply-adds where it says so: every
 * kernel gives the same bits (a NaN's own aside), the scalar form too.
 */
#ifndef TM_KERNELS_I8_H
#define TM_KERNELS_I8_H

#include <math.h>
#include <stdint.h>

#include "kernels/kernels.h"

enum {
    TM_I8_QUAD = 4,           /* inputs that an instruction multiplies at once */
    TM_I8_MAX_ROWS = 32,      /* a tile may have */
    TM_I8_INPUTS_MAX = 65536, /* of a sum: 255 * 127 * 65536 < 2^31 */
    TM_I8_HEAD = 2 * TM_PANEL * (int)sizeof(float) /* bytes of a panel before its weights */
};

/* Bytes of so many inputs, in whole quads. */
static inline size_t tm_i8_quads(size_t inputs)
{
    return (inputs + TM_I8_QUAD - 1) / TM_I8_QUAD * TM_I8_QUAD;
}

/* x is about (byte - zero) * scale, byte about x * inverse + zero. Where a number is infinite or
 * NaN the scale is NaN, which no sum hides; a range without a width is the byte 0, with the scale
 * 0. */
typedef struct tm_i8_scale {
    float scale, inverse;
    int32_t zero; /* 0 to 255 */
} tm_i8_scale;

/* What numbers lie between, 0 being one of them. */
typedef struct tm_i8_range {
    float lo, hi;
    float odd; /* 0; NaN if any of them is infinite or NaN, and lo and hi mean nothing then */
} tm_i8_range;

/* All 256 bytes between lo and hi. */
static inline tm_i8_scale tm_i8_scale_of(const tm_i8_range *range)
{
    const float least = 0x1p-100f; /* its 255th part and the inverse of that are normal numbers */
    float width = range->hi - range->lo;
    if (isnan(range->odd) || isinf(width))
        return (tm_i8_scale){.scale = NAN};
    if (width < least)
        return (tm_i8_scale){0};
    tm_i8_scale scale = {.scale = width / 255, .inverse = 255 / width};
    scale.zero = (int32_t)lrintf(-range->lo * scale.inverse);
    return scale;
}

/*
 *     c[i][j] = clamp(fma(t, scale[i] * scale(j), bias(j)) + residual[i][j], lo, hi)
 *     t = fma(-zero[i], weights(j), s), weights(j) being the sum of an output's weights
 *     s = sum over taps, k of rows[tap * tap_stride + i][offset + k] * panel(j)[tap * kc + k],
 *         rounded to float32
 */
typedef struct tm_gemm_i8_tile {
    const void *const *rows; /* as of tm_gemm_tile: pointers to bytes */
    size_t tap_stride;
    size_t offset;
    int taps, kc;              /* kc is a multiple of TM_I8_QUAD, taps * kc <= TM_I8_INPUTS_MAX */
    const tm_i8_scale *scales; /* [m] */
    const char *panel;         /* float scale[16], float weights[16], int8_t [taps * kc / 4][16][4];
                                  64-byte aligned; the next panel follows after */
    size_t panel_stride;       /* this many bytes, a multiple of 64 */
    const float *next;         /* wanted soon: a line is fetched every TM_STEPS; or NULL */
    size_t next_step;          /* floats to the next one, which may be in the same line */
    const float *bias;         /* 16 per panel */
    const float *residual;     /* [m][n] or NULL; may be c itself */
    size_t residual_ld;
    float lo, hi;
    float *c; /* [m][n] */
    size_t c_ld;
    int m, n; /* 1 <= m <= the kernel's rows, 16 * (panels - 1) < n <= 16 * panels */
} tm_gemm_i8_tile;

typedef void tm_gemm_i8_fn(const tm_gemm_i8_tile *tile);

typedef struct tm_gemm_i8_kernel {
    tm_gemm_i8_fn *run;
    int rows;
} tm_gemm_i8_kernel;

/* The range goes on over x[n]. */
typedef void tm_i8_range_fn(size_t n, const float *x, tm_i8_range *range);

/* to[i] = fma(x[i], inverse, zero), rounded to the nearest integer, ties to even, and of that the
 * nearest byte; 0 where it is NaN. Else it lies within -2^30 to 2^30. */
typedef void tm_i8_bytes_fn(size_t n, const float *x, const tm_i8_scale *scale, uint8_t *to);

/* Rows with a scale each: the bytes of row i are those of rows[tap * tap_stride + i][offset + k],
 * k < kc, at to[(i * taps + tap) * step + k], and zeros behind them up to step. */
typedef struct tm_i8_rows {
    const void *const *rows; /* pointers to float32 */
    size_t tap_stride;
    size_t offset;
    int taps;
    size_t kc, step; /* kc <= step < kc + 4 */
    int m;
    tm_i8_scale *scales; /* [m] */
    uint8_t *to;
} tm_i8_rows;

typedef void tm_i8_rows_fn(const tm_i8_rows *rows);

typedef struct tm_i8_kernels {
    tm_gemm_i8_kernel gemm[TM_MAX_PANELS + 1]; /* by panels; run NULL: no kernel of that width */
    tm_i8_range_fn *range;
    tm_i8_bytes_fn *bytes;
    tm_i8_rows_fn *rows;
} tm_i8_kernels;

/* As tm_gemm_width. */
int tm_gemm_i8_width(const tm_i8_kernels *kernels, int left);

/* Never NULL. */
const tm_i8_kernels *tm_i8_kernels_for(tm_isa isa);

#endif
