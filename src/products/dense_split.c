/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "products/dense.h"

/* elements of a panel, and of a row tile */
static size_t elements(const tm_multiplier *m, size_t k)
{
    return tm_split_elements(m->terms, tm_split_steps(k));
}

static size_t panel_bytes(const tm_multiplier *m, size_t k)
{
    return elements(m, k) * sizeof(tm_bf16);
}

/* the row tiles */
static size_t room_bytes(const tm_multiplier *m, size_t k)
{
    return TM_DENSE_ROWS / TM_SPLIT_ROWS * panel_bytes(m, k);
}

static void pack(const tm_multiplier *m, const float *x, size_t ld, size_t k, size_t columns,
                 void *panel)
{
    m->split->panel(m->terms, k, (int)columns, x, ld, panel);
}

static void pack_t(const tm_multiplier *m, const float *x, size_t ld, size_t k, size_t columns,
                   void *panel)
{
    m->split->panel_t(m->terms, k, (int)columns, x, ld, panel);
}

static void split_rows(const tm_multiplier *m, const tm_dense *d, tm_bf16 *tiles)
{
    const void *rows[TM_SPLIT_ROWS];
    for (size_t i = 0; i < d->count; i += TM_SPLIT_ROWS, tiles += elements(m, d->k)) {
        size_t count = d->count - i < TM_SPLIT_ROWS ? d->count - i : TM_SPLIT_ROWS;
        for (size_t j = 0; j < count; j++)
            rows[j] = d->x + (i + j) * d->ld;
        m->split->rows(m->terms, (int)count, d->k, rows, tiles);
    }
}

static void multiply(const tm_multiplier *m, const tm_dense *d)
{
    enum { COLUMNS = TM_SPLIT_PANELS * TM_PANEL };
    split_rows(m, d, d->room);
    tm_split_tile tile = {.parts = m->terms,
                          .steps = tm_split_steps(d->k),
                          .a = d->room,
                          .b_stride = elements(m, d->k),
                          .begins = true,
                          .ends = true,
                          .bias = m->zeros,
                          .residual_ld = d->n,
                          .lo = -INFINITY,
                          .hi = INFINITY,
                          .c_ld = d->c_ld,
                          .m = (int)d->count};
    for (size_t j = 0; j < d->n; j += COLUMNS) {
        tile.n = (int)(d->n - j < COLUMNS ? d->n - j : COLUMNS);
        tile.b = (const tm_bf16 *)d->panels + j / TM_PANEL * tile.b_stride;
        tile.residual = d->addend ? d->addend + j : NULL;
        tile.c = d->c + j;
        m->split->multiply(&tile);
    }
}

const tm_dense_kind tm_dense_split = {.rows = TM_DENSE_ROWS,
                                      .panel_bytes = panel_bytes,
                                      .room_bytes = room_bytes,
                                      .pack = pack,
                                      .pack_t = pack_t,
                                      .multiply = multiply};
