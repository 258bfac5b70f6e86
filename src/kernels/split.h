/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Products of float32 matrices by units that multiply bfloat16 and add float32 (AMX). A float32
 * is the sum of three bfloat16: x = x0 + x1 + x2. With
 *   1 part   x0 y0                                              bf16
 *   2 parts  x0 y0 + x0 y1 + x1 y0                              bf16x3
 *   3 parts  x0 y0 + x0 y1 + x1 y0 + x0 y2 + x1 y1 + x2 y0      as exact as float32
 * where each part is the nearest bfloat16 to what the ones before leave; of three parts it is the
 * upper half of what they leave, and the three are x exactly (subnormal parts count as zero).
 * (Henry, Tang, Heinecke: Leveraging the bfloat16 Artificial Intelligence Datatype, 2019.)
 * Infinities become NaN as soon as there are two parts.
 */
#ifndef TM_KERNELS_SPLIT_H
#define TM_KERNELS_SPLIT_H

#include "kernels/bf16.h"

enum {
    TM_SPLIT_ROWS = 16,      /* of a tile */
    TM_SPLIT_K = 32,         /* inputs in a tile: one step */
    TM_SPLIT_TILE = 16 * 32, /* elements */
    TM_SPLIT_PARTS = 3,      /* at most */
    TM_SPLIT_PANELS = 2      /* that a product takes at once */
};

/* Float32 weights to be split into panels while the tiles multiply: they come from memory at the
 * pace of a sequential read, two thirds of the bytes of their parts. */
typedef struct tm_split_source {
    const float *from;  /* [steps * 32][16]; the next panel follows after */
    size_t from_stride; /* this many floats */
    size_t steps;
    tm_bf16 *to; /* [panel][step][part][16 pairs][16][2], 64-byte aligned */
    int panels;  /* 0: nothing to split */
} tm_split_source;

/*
 * c[i][j] = clamp(bias[j] + the product of a and b + residual[i][j], lo, hi) for i < m, j < n,
 * where the inputs may come in several calls: sums are kept between them, and the last one writes
 * c. Products are added in float32, step by step.
 */
typedef struct tm_split_tile {
    int parts;
    size_t steps;          /* the inputs of this call / TM_SPLIT_K */
    const tm_bf16 *a;      /* [row tile][step][part][16 rows][32], 64-byte aligned */
    const tm_bf16 *b;      /* [step][part][16 pairs of inputs][16][2], 64-byte aligned; the next */
    size_t b_stride;       /* panel follows after this many elements */
    tm_split_source next;  /* what becomes b of a later call */
    bool begins, ends;     /* the first call, the last one */
    float *sums;           /* [(m + 31) / 32][4][16][16], unless this call is both */
    const float *bias;     /* 16 per panel */
    const float *residual; /* [m][n] or NULL; may be c itself */
    size_t residual_ld;
    float lo, hi;
    float *c; /* [m][n] */
    size_t c_ld;
    int m, n; /* m >= 1, 1 <= n <= 32; the row tiles and panels that these need are read */
} tm_split_tile;

/* Steps of n inputs, and elements of as many steps of a row tile or of a panel. */
static inline size_t tm_split_steps(size_t n)
{
    return (n + TM_SPLIT_K - 1) / TM_SPLIT_K;
}

static inline size_t tm_split_elements(int parts, size_t steps)
{
    return steps * (size_t)parts * TM_SPLIT_TILE;
}

typedef void tm_split_multiply_fn(const tm_split_tile *tile);

/* float32 rows[i][k], i < m <= 16, k < n, into one row tile [step][part][16][32], zeros behind n;
 * rows from m on stay as they were. */
typedef void tm_split_rows_fn(int parts, int m, size_t n, const void *const *rows, tm_bf16 *tile);

/* out[p * stride + i] = part p of x[i], i < n */
typedef void tm_split_f32_fn(int parts, size_t n, const float *x, tm_bf16 *out, size_t stride);

/* Elements x[p * stride + i], i < n, of each part to the inputs from k on of row `row` of a row
 * tile. */
typedef void tm_split_copy_fn(int parts, size_t n, const tm_bf16 *x, size_t stride, size_t k,
                              int row, tm_bf16 *tile);

/* A panel [step][part][16 pairs][16][2] of x[k * ld + j], or of x[j * ld + k], for k < n and
 * j < columns, 1 <= columns <= 16; zeros elsewhere. */
typedef void tm_split_panel_fn(int parts, size_t n, int columns, const float *x, size_t ld,
                               tm_bf16 *out);

typedef tm_split_panel_fn tm_split_panel_t_fn;

typedef struct tm_split_kernels {
    tm_split_multiply_fn *multiply;
    tm_split_rows_fn *rows;
    tm_split_f32_fn *f32;
    tm_split_copy_fn *copy;
    tm_split_panel_fn *panel;
    tm_split_panel_t_fn *panel_t;
} tm_split_kernels;

/* NULL: the level has no such units. */
const tm_split_kernels *tm_split_kernels_for(tm_isa isa);

/* Parts that a precision takes. */
int tm_split_parts(tm_precision precision);

#endif
