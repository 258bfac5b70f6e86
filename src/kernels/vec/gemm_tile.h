/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The body of a GEMM tile kernel: ROWS rows x PANELS panels of 16, all accumulators in registers.
 * Included by the per-ISA files, which define ROWS and PANELS; more than 10 rows leave too few
 * registers for their pointers. Loops with these bounds unroll completely, so the arrays below are
 * registers (check with objdump after a change: no stack traffic between the multiply-adds).
 */
#include "kernels/vec/vec.h"

enum { NV = PANELS * TM_PANEL / VL, PER_PANEL = TM_PANEL / VL };

VF void finish_whole(const tm_gemm_tile *tile, vf acc[ROWS][NV])
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
            vf y = acc[i][v];
            if (tile->residual)
                y = vf_add(y, vf_load(r + v * VL));
            vf_store(c + v * VL, vf_min(hi, vf_max(lo, y)));
        }
    }
}

/* a last panel with fewer than 16 outputs */
VF void finish_part(const tm_gemm_tile *tile, vf acc[ROWS][NV])
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
            int left = tile->n - v * VL;
            if (left <= 0)
                break;
            vf y = acc[i][v];
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

VF void start_from_bias(const float *bias, vf acc[ROWS][NV])
{
    UNROLL
    for (int v = 0; v < NV; v++) {
        vf start = vf_load(bias + v * VL);
        UNROLL
        for (int i = 0; i < ROWS; i++)
            acc[i][v] = start;
    }
}

VF void start_from_sum(const tm_gemm_tile *tile, vf acc[ROWS][NV])
{
    UNROLL
    for (int i = 0; i < ROWS; i++) {
        const float *sum = tile->sum + (size_t)(i < tile->m ? i : 0) * tile->sum_ld;
        UNROLL
        for (int v = 0; v < NV; v++) {
            int left = tile->n - v * VL;
            acc[i][v] = left >= VL  ? vf_load(sum + v * VL)
                        : left <= 0 ? vf_set(0.0f)
                                    : vf_load_first(sum + v * VL, vm_first((size_t)left));
        }
    }
}

/* acc[i] += row[i][k] * the panels' row */
VF void add_products(const float *const row[ROWS], size_t k, const float *panel, size_t stride,
                     vf acc[ROWS][NV])
{
    vf w[NV];
    UNROLL
    for (int v = 0; v < NV; v++)
        w[v] = vf_load(panel + (size_t)(v / PER_PANEL) * stride + (v % PER_PANEL) * VL);
    UNROLL
    for (int i = 0; i < ROWS; i++) {
        vf x = vf_set(row[i][k]);
        UNROLL
        for (int v = 0; v < NV; v++)
            acc[i][v] = vf_fma(x, w[v], acc[i][v]);
        UNROLL
        for (int v = 0; v < NV; v++)
            VF_IN_ORDER(acc[i][v]);
    }
}

/* One row: the reading of the weights is all that takes time. */
VF void add_row(const tm_gemm_tile *tile, vf acc[NV])
{
    enum { AHEAD = 32 * TM_PANEL }; /* of each panel: the hardware looks not as far */
    const float *panel = tile->panel;
    const void *const *rows = tile->rows;
    for (int t = 0; t < tile->taps; t++, rows += tile->tap_stride) {
        const float *row = (const float *)rows[0] + tile->offset;
        for (size_t k = 0; k < (size_t)tile->kc; k++, panel += TM_PANEL) {
            vf x = vf_set(row[k]);
            UNROLL
            for (int v = 0; v < NV; v++) {
                const float *w =
                    panel + (size_t)(v / PER_PANEL) * tile->panel_stride + (v % PER_PANEL) * VL;
                if (v % PER_PANEL == 0)
                    vf_fetch(w + AHEAD);
                acc[v] = vf_fma(x, vf_load(w), acc[v]);
            }
        }
    }
}

void TM_GEMM_NAME(const tm_gemm_tile *tile)
{
    vf acc[ROWS][NV];
    if (tile->bias)
        start_from_bias(tile->bias, acc);
    else
        start_from_sum(tile, acc);
    if (tile->m == 1) {
        add_row(tile, acc[0]);
        if (tile->n == PANELS * TM_PANEL)
            finish_whole(tile, acc);
        else
            finish_part(tile, acc);
        return;
    }
    const size_t kc = (size_t)tile->kc, stride = tile->panel_stride;
    const float *panel = tile->panel, *next = tile->next ? tile->next : panel;
    const void *const *rows = tile->rows;
    for (int t = 0; t < tile->taps; t++, rows += tile->tap_stride) {
        const float *row[ROWS];
        UNROLL
        for (int i = 0; i < ROWS; i++)
            row[i] = (const float *)rows[i] + tile->offset;
        size_t k = 0;
        for (; k + TM_STEPS <= kc; k += TM_STEPS, next += TM_PANEL) {
            vf_fetch(next);
            UNROLL
            for (size_t u = 0; u < TM_STEPS; u++, panel += TM_PANEL)
                add_products(row, k + u, panel, stride, acc);
        }
        for (; k < kc; k++, panel += TM_PANEL)
            add_products(row, k, panel, stride, acc);
    }
    if (tile->n == PANELS * TM_PANEL)
        finish_whole(tile, acc);
    else
        finish_part(tile, acc);
}
