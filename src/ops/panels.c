/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/panels.h"

#include <math.h>
#include <string.h>

void tm_pack_rows(const float *x, size_t ld, size_t rows, size_t n, float *panels)
{
    for (size_t first = 0; first < n; first += TM_PANEL, panels += rows * TM_PANEL) {
        size_t count = n - first < TM_PANEL ? n - first : TM_PANEL;
        for (size_t i = 0; i < rows; i++) {
            memcpy(panels + i * TM_PANEL, x + i * ld + first, count * sizeof *x);
            for (size_t j = count; j < TM_PANEL; j++)
                panels[i * TM_PANEL + j] = 0.0f;
        }
    }
}

/* A transpose, whose rows then go where their taps lie. */
void tm_pack_taps(const tm_kernels *kernels, const float *values, size_t rows, size_t kc,
                  size_t taps, float *panel)
{
    enum { COLUMNS = 64 };
    float block[COLUMNS * TM_PANEL];
    size_t n = kc * taps;
    if (taps == 1) {
        kernels->pack_f32(rows, n, values, n, panel);
        return;
    }
    for (size_t begin = 0; begin < n; begin += COLUMNS) {
        size_t count = n - begin < COLUMNS ? n - begin : COLUMNS;
        kernels->pack_f32(rows, count, values + begin, n, block);
        for (size_t j = 0; j < count; j++) {
            size_t input = (begin + j) / taps, tap = (begin + j) % taps;
            memcpy(panel + (tap * kc + input) * TM_PANEL, block + j * TM_PANEL,
                   TM_PANEL * sizeof *panel);
        }
    }
}

void tm_pack_bias(tm_lowering *worker, const tm_node *bias, int groups, int outputs, size_t padded,
                  float *out)
{
    size_t count = (size_t)outputs;
    const float *values = bias ? tm_lower_constant(worker, bias) : NULL;
    for (size_t g = 0; values && g < (size_t)groups; g++, out += padded) {
        memcpy(out, values + g * count, count * sizeof *out);
        memset(out + count, 0, (padded - count) * sizeof *out);
    }
    tm_lower_release(worker, values);
}

void tm_run_product(const tm_kernels *kernels, const float *zeros, const tm_product *p)
{
    tm_gemm_tile tile = {.tap_stride = 0,
                         .taps = 1,
                         .kc = (int)p->kc,
                         .panel_stride = p->kc * TM_PANEL,
                         .bias = zeros,
                         .lo = -INFINITY,
                         .hi = INFINITY,
                         .residual_ld = p->n,
                         .c_ld = p->c_ld};
    for (size_t column = 0, wide; column < p->n; column += wide * TM_PANEL) {
        wide = (size_t)tm_gemm_width(kernels, (int)tm_panels_of(p->n - column));
        const tm_gemm_kernel *kernel = &kernels->gemm[wide];
        size_t left = p->n - column;
        tile.n = (int)(left < wide * TM_PANEL ? left : wide * TM_PANEL);
        tile.panel = p->panels + column * p->kc;
        for (size_t i = 0; i < p->count; i += (size_t)kernel->rows) {
            size_t rows = p->count - i;
            tile.rows = p->rows + i;
            tile.m = rows < (size_t)kernel->rows ? (int)rows : kernel->rows;
            tile.c = p->c + i * p->c_ld + column;
            tile.residual = p->residual ? p->residual + i * p->n + column : NULL;
            kernel->run(&tile);
        }
    }
}

void tm_point_rows(const float **rows, const float *first, size_t count, size_t ld)
{
    for (size_t i = 0; i < count; i++)
        rows[i] = first + i * ld;
    for (size_t i = count; i < count + TM_MAX_ROWS; i++)
        rows[i] = rows[count - 1];
}
