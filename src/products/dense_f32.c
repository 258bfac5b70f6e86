/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "products/dense.h"
#include "products/window.h"

static size_t panel_bytes(const tm_multiplier *m, size_t k)
{
    (void)m;
    return k * TM_PANEL * sizeof(float);
}

/* pointers to the rows, and to more than a tile has */
static size_t room_bytes(const tm_multiplier *m, size_t k)
{
    (void)m, (void)k;
    return (TM_DENSE_ROWS + TM_MAX_ROWS) * sizeof(float *);
}

static void pack(const tm_multiplier *m, const float *x, size_t ld, size_t k, size_t columns,
                 void *panel)
{
    (void)m;
    float *out = panel;
    for (size_t i = 0; i < k; i++, x += ld, out += TM_PANEL) {
        memcpy(out, x, columns * sizeof *x);
        for (size_t j = columns; j < TM_PANEL; j++)
            out[j] = 0.0f;
    }
}

static void pack_t(const tm_multiplier *m, const float *x, size_t ld, size_t k, size_t columns,
                   void *panel)
{
    m->f32->pack_f32(columns, k, x, ld, panel);
}

static void multiply(const tm_multiplier *m, const tm_dense *d)
{
    const void **rows = d->room;
    tm_gemm_tile tile = {.taps = 1,
                         .kc = (int)d->k,
                         .panel_stride = d->k * TM_PANEL,
                         .bias = m->zeros,
                         .lo = -INFINITY,
                         .hi = INFINITY,
                         .residual_ld = d->n,
                         .c_ld = d->c_ld};
    tm_point_rows(rows, d->x, d->count, d->ld);
    int wide;
    for (size_t column = 0; column < d->n; column += (size_t)(wide * TM_PANEL)) {
        int left = (int)(d->n - column);
        const tm_gemm_kernel *kernel = tm_gemm_next(m->f32, left, &wide);
        tile.n = left < wide * TM_PANEL ? left : wide * TM_PANEL;
        tile.panel = (const float *)d->panels + column * d->k;
        for (size_t i = 0; i < d->count; i += (size_t)kernel->rows) {
            size_t count = d->count - i;
            tile.rows = rows + i;
            tile.m = count < (size_t)kernel->rows ? (int)count : kernel->rows;
            tile.c = d->c + i * d->c_ld + column;
            tile.residual = d->addend ? d->addend + i * d->n + column : NULL;
            kernel->run(&tile);
        }
    }
}

const tm_dense_kind tm_dense_f32 = {.rows = 48, /* a multiple of most tile heights */
                                    .panel_bytes = panel_bytes,
                                    .room_bytes = room_bytes,
                                    .pack = pack,
                                    .pack_t = pack_t,
                                    .multiply = multiply};
