/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The body of a GEMM tile kernel of bytes: gemm_tile.h with four inputs in the place of one. ROWS
 * and PANELS are defined by who includes it.
 */
#include "kernels/vec/i8.h"

enum { NV = PANELS * TM_PANEL / VL, PER_PANEL = TM_PANEL / VL, QUAD_ROW = TM_PANEL * TM_I8_QUAD };

/* vector v of a panel's row of 64 bytes */
VF const char *part_of(const char *row, size_t stride, int v)
{
    return row + (size_t)(v / PER_PANEL) * stride + (v % PER_PANEL) * VL * TM_I8_QUAD;
}

/* the scales of vector v's outputs; the sums of their weights are TM_PANEL further */
VF const float *head_of(const tm_gemm_i8_tile *tile, int v)
{
    return (const float *)part_of(tile->panel, tile->panel_stride, v);
}

VF vf clamped(const tm_gemm_i8_tile *tile, vf y)
{
    return vf_min(vf_set(tile->hi), vf_max(vf_set(tile->lo), y));
}

VF void finish(const tm_gemm_i8_tile *tile, vi acc[ROWS][NV])
{
    const bool whole = tile->n == PANELS * TM_PANEL;
    UNROLL
    for (int i = 0; i < ROWS; i++) {
        if (i >= tile->m)
            break;
        const vf zero = vf_set((float)tile->scales[i].zero), scale = vf_set(tile->scales[i].scale);
        float *c = tile->c + (size_t)i * tile->c_ld;
        const float *r = tile->residual ? tile->residual + (size_t)i * tile->residual_ld : NULL;
        UNROLL
        for (int v = 0; v < NV; v++) {
            const float *head = head_of(tile, v);
            vf t = vf_fnma(zero, vf_load(head + TM_PANEL), vf_of_vi(acc[i][v]));
            vf y = vf_fma(t, vf_mul(scale, vf_load(head)), vf_load(tile->bias + v * VL));
            int left = whole ? VL : tile->n - v * VL;
            if (left <= 0)
                break;
            vmask m = vm_first(left < VL ? (size_t)left : 0);
            if (r)
                y = vf_add(y, left >= VL ? vf_load(r + v * VL) : vf_load_first(r + v * VL, m));
            if (left >= VL)
                vf_store(c + v * VL, clamped(tile, y));
            else
                vf_store_first(c + v * VL, clamped(tile, y), m);
        }
    }
}

/* acc[i] += row[i][k .. k + 3] * the panels' row */
VF void add_products(const uint8_t *const row[ROWS], size_t k, const char *panel, size_t stride,
                     vi acc[ROWS][NV])
{
    vi w[NV];
    UNROLL
    for (int v = 0; v < NV; v++)
        w[v] = vi_load(part_of(panel, stride, v));
    UNROLL
    for (int i = 0; i < ROWS; i++) {
        vi x = vi_quad(row[i] + k);
        UNROLL
        for (int v = 0; v < NV; v++)
            acc[i][v] = vi_dot(acc[i][v], x, w[v]);
        UNROLL
        for (int v = 0; v < NV; v++)
            VF_IN_ORDER(acc[i][v]);
    }
}

/* One row: the reading of the weights is all that takes time. */
VF void add_row(const tm_gemm_i8_tile *tile, vi acc[NV])
{
    enum { AHEAD = 32 * QUAD_ROW }; /* of each panel: the hardware looks not as far */
    const char *panel = tile->panel + TM_I8_HEAD;
    const void *const *rows = tile->rows;
    for (int t = 0; t < tile->taps; t++, rows += tile->tap_stride) {
        const uint8_t *row = (const uint8_t *)rows[0] + tile->offset;
        for (size_t k = 0; k < (size_t)tile->kc; k += TM_I8_QUAD, panel += QUAD_ROW) {
            vi x = vi_quad(row + k);
            UNROLL
            for (int v = 0; v < NV; v++) {
                const char *w = part_of(panel, tile->panel_stride, v);
                if (v % PER_PANEL == 0)
                    vf_fetch((const float *)(w + AHEAD));
                acc[v] = vi_dot(acc[v], x, vi_load(w));
            }
        }
    }
}

VF void add_rows(const tm_gemm_i8_tile *tile, vi acc[ROWS][NV])
{
    const size_t kc = (size_t)tile->kc, stride = tile->panel_stride;
    const char *panel = tile->panel + TM_I8_HEAD;
    const float *next = tile->next ? tile->next : (const float *)panel;
    const size_t next_step = tile->next_step;
    const void *const *rows = tile->rows;
    for (int t = 0; t < tile->taps; t++, rows += tile->tap_stride) {
        const uint8_t *row[ROWS];
        UNROLL
        for (int i = 0; i < ROWS; i++)
            row[i] = (const uint8_t *)rows[i] + tile->offset;
        size_t k = 0;
        for (; k + TM_STEPS * TM_I8_QUAD <= kc; k += TM_STEPS * TM_I8_QUAD, next += next_step) {
            vf_fetch(next);
            UNROLL
            for (size_t u = 0; u < TM_STEPS; u++, panel += QUAD_ROW)
                add_products(row, k + u * TM_I8_QUAD, panel, stride, acc);
        }
        for (; k < kc; k += TM_I8_QUAD, panel += QUAD_ROW)
            add_products(row, k, panel, stride, acc);
    }
}

void TM_GEMM_NAME(const tm_gemm_i8_tile *tile)
{
    vi acc[ROWS][NV];
    UNROLL
    for (int i = 0; i < ROWS; i++) {
        UNROLL
        for (int v = 0; v < NV; v++)
            acc[i][v] = vi_start(head_of(tile, v) + TM_PANEL);
    }
    if (tile->m == 1)
        add_row(tile, acc[0]);
    else
        add_rows(tile, acc);
    finish(tile, acc);
}
