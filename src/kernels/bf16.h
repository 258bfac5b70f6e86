/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Products in bfloat16, sums in float32, where the CPU has instructions for it. A float32 that is
 * split into hi = bf16(x) and lo = bf16(x - hi) keeps 16 bits of its fraction; hi*hi + hi*lo +
 * lo*hi is then one product whose rows are three times as long: [hi hi lo] times [hi lo hi].
 */
#ifndef TM_KERNELS_BF16_H
#define TM_KERNELS_BF16_H

#include <stdint.h>

#include "kernels/kernels.h"

typedef enum tm_precision {
    TM_PRECISION_F32,
    TM_PRECISION_BF16X3, /* three products of halves: torch's float32 matmul precision "high" */
    TM_PRECISION_BF16,   /* "medium" */
    TM_PRECISION_INT8,   /* bytes, in the layers where that pays (products/i8.c) */
    TM_PRECISION_COUNT
} tm_precision;

const char *tm_precision_name(tm_precision precision);              /* "bf16x3" */
bool tm_precision_parse(const char *name, tm_precision *precision); /* false: no such word */
bool tm_precision_takes_bf16(tm_precision precision); /* products are of bfloat16 numbers */

typedef uint16_t tm_bf16; /* the upper half of a float32 */

/* c[i][j] = clamp(bias[j] + sum over k of a[i][k] * panel(j)[k] + residual[i][j], lo, hi) for i <
 * m, j < n; pairs of k are added in order, both products of a pair before they are rounded or
 * after. */
typedef struct tm_gemm_bf16_tile {
    const tm_bf16 *a;      /* [m][a_ld], kc of each row */
    size_t a_ld, kc;       /* kc is even */
    const tm_bf16 *panel;  /* [kc / 2][16][2], 64-byte aligned; the next panel follows after */
    size_t panel_stride;   /* this many elements */
    const float *bias;     /* 16 per panel */
    const float *residual; /* [m][n] or NULL; may be c itself */
    size_t residual_ld;
    float lo, hi;
    float *c; /* [m][n] */
    size_t c_ld;
    int m, n; /* 1 <= m <= the kernel's rows, 16 * (panels - 1) < n <= 16 * panels */
} tm_gemm_bf16_tile;

typedef void tm_gemm_bf16_fn(const tm_gemm_bf16_tile *tile);

/* To the nearest bfloat16, ties to even, subnormals to zero; lo, unless NULL, gets what hi lacks.
 */
typedef void tm_to_bf16_fn(size_t n, const float *x, tm_bf16 *hi, tm_bf16 *lo);

typedef struct tm_gemm_bf16_kernel {
    tm_gemm_bf16_fn *run;
    int rows;
} tm_gemm_bf16_kernel;

typedef struct tm_bf16_kernels {
    /* by panels, from 1 on; gemm_row: of one row */
    tm_gemm_bf16_kernel gemm[TM_MAX_PANELS + 1], gemm_row[TM_MAX_PANELS + 1];
    tm_to_bf16_fn *to_bf16;
} tm_bf16_kernels;

/* NULL: this CPU has no such instructions, or the level may not use them. */
const tm_bf16_kernels *tm_bf16_kernels_for(tm_isa isa);

#endif
