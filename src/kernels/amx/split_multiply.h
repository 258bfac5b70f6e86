/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The product of up to 2 row tiles and 2 panels by tiles (unit.h): tiles 0 to 3 hold sums, 4 and 5
 * rows, 6 and 7 panels. On AMX a product takes 16 cycles whatever its size and a tile load 8 from
 * L1 and 23 from L2, so the parts are walked in an order that changes one side at a time.
 */
#ifndef TM_KERNELS_AMX_SPLIT_MULTIPLY_H
#define TM_KERNELS_AMX_SPLIT_MULTIPLY_H

#ifndef TM_SPLIT_UNIT
#include "kernels/amx/unit.h"
#endif
#include "kernels/amx/blocks.h"

VF void load_rows(extent e, const tm_bf16 *a, size_t stride)
{
    TILE_LOAD(4, a);
    if (e.two_rows)
        TILE_LOAD(5, a + stride);
}

VF void load_panels(extent e, const tm_bf16 *b, size_t stride)
{
    TILE_LOAD(6, b);
    if (e.two_panels)
        TILE_LOAD(7, b + stride);
}

VF void multiply(extent e)
{
    EACH_PRODUCT(TILE_MULTIPLY, e);
}

/* One step: small products first. */
VF void step(extent e, int parts, const tm_bf16 *a, size_t a_stride, const tm_bf16 *b,
             size_t b_stride)
{
    enum { PART = TM_SPLIT_TILE };
    if (parts == 1) {
        load_rows(e, a, a_stride);
        load_panels(e, b, b_stride);
        multiply(e);
    } else if (parts == 2) {
        load_rows(e, a + PART, a_stride);
        load_panels(e, b, b_stride);
        multiply(e);
        load_rows(e, a, a_stride);
        multiply(e);
        load_panels(e, b + PART, b_stride);
        multiply(e);
    } else {
        load_rows(e, a + 2 * PART, a_stride);
        load_panels(e, b, b_stride);
        multiply(e);
        load_rows(e, a, a_stride);
        multiply(e);
        load_panels(e, b + 2 * PART, b_stride);
        multiply(e);
        load_panels(e, b + PART, b_stride);
        multiply(e);
        load_rows(e, a + PART, a_stride);
        multiply(e);
        load_panels(e, b, b_stride);
        multiply(e);
    }
}

/* ---- the next panels ---- */

/* Pairs of inputs are split while the tiles compute, the same number with every step. */
typedef struct feeder {
    const float *from;
    tm_bf16 *to;
    size_t pair, pairs; /* of a panel: the next one, all */
    size_t gap;         /* floats between panels */
    int panels;         /* left */
    size_t at_once;
} feeder;

VF feeder feeder_of(const tm_split_tile *tile)
{
    const tm_split_source *next = &tile->next;
    size_t pairs = next->steps * TM_SPLIT_K / 2;
    size_t blocks = ((size_t)tile->m + 2 * TM_SPLIT_ROWS - 1) / (2 * TM_SPLIT_ROWS);
    size_t slots = blocks * tile->steps;
    return (feeder){.from = next->from,
                    .to = next->to,
                    .pairs = pairs,
                    .gap = next->from_stride - pairs * 2 * TM_PANEL,
                    .panels = next->panels,
                    .at_once = (pairs * (size_t)next->panels + slots - 1) / slots};
}

VF void feed(feeder *f, int parts)
{
    enum { AHEAD = 4096 / sizeof(float) }; /* a load that waits for memory holds up the tiles */
    for (size_t i = 0; i < f->at_once && f->panels; i++) {
        vf_fetch(f->from + AHEAD);
        vf_fetch(f->from + AHEAD + TM_PANEL);
        vf x[2] = {vf_load(f->from), vf_load(f->from + TM_PANEL)};
        for (int p = 0; p < parts; p++) {
            /* where the next step's go: a store that misses L1 holds up those behind it */
            vh_fetch(f->to + (p + parts) * TM_SPLIT_TILE);
            vh_store(f->to + p * TM_SPLIT_TILE, take_pairs(parts, x));
        }
        f->from += 2 * TM_PANEL;
        f->to += 2 * TM_PANEL;
        if (++f->pair % (TM_SPLIT_K / 2) == 0)
            f->to += (parts - 1) * TM_SPLIT_TILE;
        if (f->pair == f->pairs) {
            f->pair = 0;
            f->from += f->gap;
            f->panels--;
        }
    }
}

/* ---- results ---- */

/* What every row of results needs. */
typedef struct finish {
    vf lo, hi, bias[2];
    vmask columns[2];
    bool two_panels;
} finish;

VF finish finish_of(const tm_split_tile *tile, bool two_panels)
{
    int first = tile->n < TM_PANEL ? tile->n : TM_PANEL, second = tile->n - TM_PANEL;
    finish f = {.lo = vf_set(tile->lo), .hi = vf_set(tile->hi), .two_panels = two_panels};
    f.bias[0] = vf_load(tile->bias);
    f.bias[1] = two_panels ? vf_load(tile->bias + TM_PANEL) : f.bias[0];
    f.columns[0] = first == TM_PANEL ? VM_ALL : vm_first((size_t)first);
    f.columns[1] = second >= TM_PANEL ? VM_ALL : vm_first(second > 0 ? (size_t)second : 0);
    return f;
}

/* Two row tiles' sums on their way to c. */
typedef struct pending {
    const float *sums; /* [2 row tiles][2 panels][16][16] */
    float *c;
    const float *residual;
    int row, rows; /* the next one, all; row == rows: nothing is left */
} pending;

VF void finish_panel(const finish *f, const pending *p, const float *sums, int panel)
{
    int column = panel * TM_PANEL;
    vf y = vf_add(vf_load(sums + panel * TILE_SUMS), f->bias[panel]);
    if (p->residual)
        y = vf_add(y, vf_load_first(p->residual + column, f->columns[panel]));
    vf_store_first(p->c + column, vf_min(f->hi, vf_max(f->lo, y)), f->columns[panel]);
}

VF void finish_rows(const tm_split_tile *tile, const finish *f, pending *p, int count)
{
    for (; count > 0 && p->row < p->rows; count--, p->row++, p->c += tile->c_ld) {
        const float *sums =
            p->sums + p->row / TM_SPLIT_ROWS * 2 * TILE_SUMS + p->row % TM_SPLIT_ROWS * TM_PANEL;
        finish_panel(f, p, sums, 0);
        if (f->two_panels)
            finish_panel(f, p, sums, 1);
        if (p->residual)
            p->residual += tile->residual_ld;
    }
}

VF pending pending_of(const tm_split_tile *tile, int first, const float *sums)
{
    int rows = tile->m - first;
    return (pending){.sums = sums,
                     .c = tile->c + (size_t)first * tile->c_ld,
                     .residual =
                         tile->residual ? tile->residual + (size_t)first * tile->residual_ld : NULL,
                     .rows = rows < 2 * TM_SPLIT_ROWS ? rows : 2 * TM_SPLIT_ROWS};
}

/* ---- sums ---- */

VF void begin_sums(const tm_split_tile *tile, extent e, const float *sums)
{
    if (tile->begins) {
        ZERO_SUMS();
        return;
    }
    EACH_SUM(TILE_LOAD, e, sums);
}

/* One or two row tiles from a on; from: the sums so far. What vector code has to do meanwhile goes
 * step by step: in one piece it would keep the next multiplications out of the reorder buffer. */
VF void sum(const tm_split_tile *tile, extent e, int parts, const tm_bf16 *a, feeder *next,
            const finish *f, pending *before, const float *from, float *to)
{
    const size_t advance = (size_t)parts * TM_SPLIT_TILE, a_stride = tile->steps * advance;
    const int at_once = (2 * TM_SPLIT_ROWS + (int)tile->steps - 1) / (int)tile->steps;
    const tm_bf16 *b = tile->b;
    begin_sums(tile, e, from);
    for (size_t k = 0; k < tile->steps; k++, a += advance, b += advance) {
        step(e, parts, a, a_stride, b, tile->b_stride);
        feed(next, parts);
        finish_rows(tile, f, before, at_once);
    }
    EACH_SUM(TILE_STORE, e, to);
}

/* All rows times one panel or two. */
VF void run(const tm_split_tile *tile, bool two_panels, int parts)
{
    _Alignas(64) float results[2][4 * TILE_SUMS];
    const size_t row_tile = tile->steps * (size_t)parts * TM_SPLIT_TILE;
    const finish f = finish_of(tile, two_panels);
    feeder next = feeder_of(tile);
    pending before = {0};
    const tm_bf16 *a = tile->a;
    float *sums = tile->sums;
    for (int i = 0, turn = 0; i < tile->m; i += 2 * TM_SPLIT_ROWS, a += 2 * row_tile, turn ^= 1) {
        float *to = tile->ends ? results[turn] : sums;
        if (tile->m - i > TM_SPLIT_ROWS)
            sum(tile, (extent){true, two_panels}, parts, a, &next, &f, &before, sums, to);
        else
            sum(tile, (extent){false, two_panels}, parts, a, &next, &f, &before, sums, to);
        if (tile->ends)
            before = pending_of(tile, i, to);
        if (!(tile->begins && tile->ends))
            sums += 4 * TILE_SUMS;
    }
    finish_rows(tile, &f, &before, 2 * TM_SPLIT_ROWS);
}

void TM_KERNEL(tm_split_multiply)(const tm_split_tile *tile)
{
    bool two_panels = tile->n > TM_PANEL;
    TILES_BEGIN();
    if (tile->parts == 1)
        two_panels ? run(tile, true, 1) : run(tile, false, 1);
    else if (tile->parts == 2)
        two_panels ? run(tile, true, 2) : run(tile, false, 2);
    else
        two_panels ? run(tile, true, 3) : run(tile, false, 3);
    TILES_END();
}

#endif
