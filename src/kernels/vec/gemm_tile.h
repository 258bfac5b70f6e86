/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The body of a GEMM tile kernel: ROWS rows x PANELS panels of 16, all accumulators in registers.
 * Included by the per-ISA files, which define ROWS and PANELS, and HALF as 1 for kernels without
 * the second half of the last panel; more than 10 rows leave too few registers for their pointers.
 * Loops with these bounds unroll completely, so the arrays below are registers (check with objdump
 * after a change: no stack traffic between the multiply-adds).
 */
#include "kernels/vec/vec.h"

#ifndef HALF
#define HALF 0
#endif

/* A row of a tile: NV vectors, and half a one if panels end in the middle of a vector. */
enum {
    COLUMNS = PANELS * TM_PANEL - HALF * TM_PANEL / 2,
    NV = COLUMNS / VL,
    PER_PANEL = TM_PANEL / VL,
    ENDS_IN_HALF = COLUMNS % VL != 0,
    FILLS_REGISTERS = ROWS * NV + NV + 1 == VF_REGISTERS
};

typedef struct row_sums {
    vf v[NV];
    vhalf half;
} row_sums;

VF vf sums_at(const row_sums *sums, int v)
{
    return v < NV ? sums->v[v] : vf_of_half(sums->half);
}

VF void finish_whole(const tm_gemm_tile *tile, row_sums acc[ROWS])
{
    const vf lo = vf_set(tile->lo), hi = vf_set(tile->hi);
    UNROLL
    for (int i = 0; i < ROWS; i++) {
        if (i >= tile->m)
            break;
        float *c = tile->c + (size_t)i * tile->c_ld;
        const float *r = tile->residual + (size_t)i * tile->residual_ld;
        UNROLL
        for (int v = 0; v < NV; v++) {
            vf y = acc[i].v[v];
            if (tile->residual)
                y = vf_add(y, vf_load(r + v * VL));
            vf_store(c + v * VL, vf_min(hi, vf_max(lo, y)));
        }
    }
}

/* a last panel with fewer than 16 outputs */
VF void finish_part(const tm_gemm_tile *tile, row_sums acc[ROWS])
{
    const vf lo = vf_set(tile->lo), hi = vf_set(tile->hi);
    UNROLL
    for (int i = 0; i < ROWS; i++) {
        if (i >= tile->m)
            break;
        float *c = tile->c + (size_t)i * tile->c_ld;
        const float *r = tile->residual + (size_t)i * tile->residual_ld;
        UNROLL
        for (int v = 0; v < NV + ENDS_IN_HALF; v++) {
            int left = tile->n - v * VL;
            if (left <= 0)
                break;
            vf y = sums_at(&acc[i], v);
            if (left >= VL) {
                if (tile->residual)
                    y = vf_add(y, vf_load(r + v * VL));
                vf_store(c + v * VL, vf_min(hi, vf_max(lo, y)));
            } else {
                vmask m = vm_first((size_t)left);
                if (tile->residual)
                    y = vf_add(y, vf_load_first(r + v * VL, m));
                vf_store_first(c + v * VL, vf_min(hi, vf_max(lo, y)), m);
            }
        }
    }
}

VF void start_from_bias(const float *bias, row_sums acc[ROWS])
{
    UNROLL
    for (int v = 0; v < NV; v++) {
        vf start = vf_load(bias + v * VL);
        UNROLL
        for (int i = 0; i < ROWS; i++)
            acc[i].v[v] = start;
    }
    UNROLL
    for (int i = 0; ENDS_IN_HALF && i < ROWS; i++)
        acc[i].half = vhalf_load(bias + NV * VL);
}

VF void start_from_sum(const tm_gemm_tile *tile, row_sums acc[ROWS])
{
    UNROLL
    for (int i = 0; i < ROWS; i++) {
        const float *sum = tile->sum + (size_t)(i < tile->m ? i : 0) * tile->sum_ld;
        UNROLL
        for (int v = 0; v < NV + ENDS_IN_HALF; v++) {
            int left = tile->n - v * VL;
            vf start = left >= VL  ? vf_load(sum + v * VL)
                       : left <= 0 ? vf_set(0.0f)
                                   : vf_load_first(sum + v * VL, vm_first((size_t)left));
            if (v < NV)
                acc[i].v[v] = start;
            else
                acc[i].half = vhalf_of(start);
        }
    }
}

/* The weights of vector v of a row of panels. */
VF const float *weights_at(const float *panel, size_t stride, int v)
{
    return panel + (size_t)(v / PER_PANEL) * stride + (v % PER_PANEL) * VL;
}

/* acc[i] += row[i][k] * the panels' row */
VF void add_products(const float *const row[ROWS], size_t k, const float *panel, size_t stride,
                     row_sums acc[ROWS], const int rows)
{
    vf w[NV];
    vhalf half = vhalf_of(vf_set(0.0f));
    UNROLL
    for (int v = 0; v < NV; v++) {
        w[v] = vf_load(weights_at(panel, stride, v));
        if (FILLS_REGISTERS) /* or it is read from memory for each row */
            VF_KEEP(w[v]);
    }
    if (ENDS_IN_HALF)
        half = vhalf_load(weights_at(panel, stride, NV));
    UNROLL
    for (int i = 0; i < rows; i++) {
        vf x = vf_set(row[i][k]);
        UNROLL
        for (int v = 0; v < NV; v++) {
            acc[i].v[v] = vf_fma(x, w[v], acc[i].v[v]);
            if (FILLS_REGISTERS)
                VF_KEEP(acc[i].v[v]);
        }
        if (ENDS_IN_HALF)
            acc[i].half = vhalf_fma(vhalf_of(x), half, acc[i].half);
        UNROLL
        for (int v = 0; v < NV; v++)
            VF_IN_ORDER(acc[i].v[v]);
    }
}

/* One row: the reading of the weights is all that takes time. */
VF void add_row(const tm_gemm_tile *tile, row_sums *acc)
{
    enum { AHEAD = 32 * TM_PANEL }; /* of each panel: the hardware looks not as far */
    const float *panel = tile->panel;
    const void *const *rows = tile->rows;
    for (int t = 0; t < tile->taps; t++, rows += tile->tap_stride) {
        const float *row = (const float *)rows[0] + tile->offset;
        for (size_t k = 0; k < (size_t)tile->kc; k++, panel += TM_PANEL) {
            vf x = vf_set(row[k]);
            UNROLL
            for (int v = 0; v < NV + ENDS_IN_HALF; v++) {
                const float *w = weights_at(panel, tile->panel_stride, v);
                if (v % PER_PANEL == 0)
                    vf_fetch(w + AHEAD);
                if (v < NV)
                    acc->v[v] = vf_fma(x, vf_load(w), acc->v[v]);
                else
                    acc->half = vhalf_fma(vhalf_of(x), vhalf_load(w), acc->half);
            }
        }
    }
}

/* `rows` of the tile, a constant */
VF void add_rows(const tm_gemm_tile *tile, row_sums acc[ROWS], const int rows)
{
    const size_t kc = (size_t)tile->kc, stride = tile->panel_stride, next_step = tile->next_step;
    const float *panel = tile->panel, *next = tile->next ? tile->next : panel;
    const void *const *pixels = tile->rows;
    for (int t = 0; t < tile->taps; t++, pixels += tile->tap_stride) {
        const float *row[ROWS];
        UNROLL
        for (int i = 0; i < rows; i++)
            row[i] = (const float *)pixels[i] + tile->offset;
        size_t k = 0;
        for (; k + TM_STEPS <= kc; k += TM_STEPS, next += next_step) {
            vf_fetch(next);
            UNROLL
            for (size_t u = 0; u < TM_STEPS; u++, panel += TM_PANEL)
                add_products(row, k + u, panel, stride, acc, rows);
        }
        for (; k < kc; k++, panel += TM_PANEL)
            add_products(row, k, panel, stride, acc, rows);
    }
}

void TM_GEMM_NAME(const tm_gemm_tile *tile)
{
    enum { FEW = ROWS * 2 / 3 };
    row_sums acc[ROWS];
    if (tile->bias)
        start_from_bias(tile->bias, acc);
    else
        start_from_sum(tile, acc);
    if (tile->m == 1)
        add_row(tile, acc);
    else if (tile->m <= FEW)
        add_rows(tile, acc, FEW);
    else
        add_rows(tile, acc, ROWS);
    if (tile->n == NV * VL && !ENDS_IN_HALF)
        finish_whole(tile, acc);
    else
        finish_part(tile, acc);
}
