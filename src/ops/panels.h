/* SPDX-License-Identifier: Apache-2.0 */
/* Products of activations, on the GEMM kernel: the right operand is packed into its panels. */
#ifndef TM_OPS_PANELS_H
#define TM_OPS_PANELS_H

#include "ops/ops.h"
#include "steps/lower.h"

/* Panels of TM_PANEL columns that n columns take. */
static inline size_t tm_panels_of(size_t n)
{
    return (n + TM_PANEL - 1) / TM_PANEL;
}

/* x[rows][n], ld floats from row to row, into tm_panels_of(n) panels of [rows][TM_PANEL], the last
 * one filled up with zeros. */
void tm_pack_rows(const float *x, size_t ld, size_t rows, size_t n, float *panels);

/* A convolution's weights of one panel, values [rows][kc][taps] of rows <= 16 outputs, into
 * [taps * kc][TM_PANEL], zeros behind the last output. */
void tm_pack_taps(const tm_kernels *kernels, const float *values, size_t rows, size_t kc,
                  size_t taps, float *panel);

/* A bias [groups * outputs] as rows of `padded` floats for each group, zeros behind its last
 * output; in a job. NULL: none, and nothing is done. */
void tm_pack_bias(tm_lowering *worker, const tm_node *bias, int groups, int outputs, size_t padded,
                  float *out);

/* Tiles of one width take turns in fetching what the next ones multiply: tile number `tile`, of
 * `count` rows of panels, begins here in as many rows of each of `ahead` panels from `next` on;
 * NULL: there is nothing left. At batch 1 most weights come from memory. */
static inline const float *tm_rows_to_fetch(const float *next, size_t panel_stride, size_t count,
                                            int ahead, int tile)
{
    size_t part = (size_t)(tile % TM_STEPS) * (count / TM_STEPS);
    return tile / TM_STEPS < ahead
               ? next + (size_t)(tile / TM_STEPS) * panel_stride + part * TM_PANEL
               : NULL;
}

/* c[count][n] = rows[count][kc] * panels + residual */
typedef struct tm_product {
    const float *const *rows; /* count pointers, then TM_MAX_ROWS more to any row */
    size_t count, kc;
    const float *panels;
    size_t n;
    const float *residual; /* [count][n], dense, or NULL */
    float *c;
    size_t c_ld;
} tm_product;

/* zeros: TM_PANEL * TM_MAX_PANELS of them */
void tm_run_product(const tm_kernels *kernels, const float *zeros, const tm_product *product);

/* rows[count] point to rows of ld floats from `first` on, TM_MAX_ROWS more to the last of them. */
void tm_point_rows(const float **rows, const float *first, size_t count, size_t ld);

#endif
