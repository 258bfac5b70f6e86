/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The product of up to 2 row tiles and 2 panels on AMX: tiles 0 to 3 hold sums, 4 and 5 rows, 6 and
 * 7 panels. A TDPBF16PS takes 16 cycles whatever its size and a tile load 8 from L1 and 23 from L2,
 * so the parts are walked in an order that changes one side at a time.
 *
 * The instructions are written out: GCC 12's intrinsics name too little of the memory that they
 * touch.
 */
#include "kernels/amx/split_parts.h"

enum { SUMS = TM_SPLIT_ROWS * TM_PANEL /* of a tile */ };

#define TILE_LOAD(t, p)                                                                            \
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm" #t ::"r"(p), "r"(64L) : "memory")
#define TILE_STORE(t, p)                                                                           \
    __asm__ volatile("tilestored %%tmm" #t ", (%0,%1,1)" ::"r"(p), "r"(64L) : "memory")
#define TILE_ZERO(t) __asm__ volatile("tilezero %%tmm" #t ::)
#define MULTIPLY(c, a, b) __asm__ volatile("tdpbf16ps %%tmm" #b ", %%tmm" #a ", %%tmm" #c ::)

/* palette 1: 8 tiles of 16 rows of 64 bytes */
static const struct {
    uint8_t palette, start, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} whole_tiles __attribute__((aligned(64))) = {
    .palette = 1,
    .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
    .rows = {16, 16, 16, 16, 16, 16, 16, 16},
};

/* How many row tiles and panels there are; constants where this is inlined. */
typedef struct extent {
    bool two_rows, two_panels;
} extent;

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
    MULTIPLY(0, 4, 6);
    if (e.two_panels)
        MULTIPLY(1, 4, 7);
    if (e.two_rows)
        MULTIPLY(2, 5, 6);
    if (e.two_rows && e.two_panels)
        MULTIPLY(3, 5, 7);
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
        for (int p = 0; p < parts; p++)
            _mm512_store_si512(f->to + p * TM_SPLIT_TILE, take_pairs(parts, x));
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

/* ---- the results' places ---- */

/* Brings the places of two row tiles' results, from row `first` on, into L1 to be written: a store
 * that misses holds up all stores behind it. */
VF void fetch_results(const tm_split_tile *tile, bool two_panels, int first)
{
    int rows = tile->m - first < 2 * TM_SPLIT_ROWS ? tile->m - first : 2 * TM_SPLIT_ROWS;
    const float *c = tile->c + (size_t)first * tile->c_ld;
    for (int i = 0; i < rows; i++, c += tile->c_ld) {
        __builtin_prefetch(c, 1, 3);
        if (two_panels)
            __builtin_prefetch(c + TM_PANEL, 1, 3);
    }
}

/* ---- sums ---- */

VF void begin_sums(const tm_split_tile *tile, extent e, const float *sums)
{
    if (tile->begins) {
        TILE_ZERO(0);
        TILE_ZERO(1);
        TILE_ZERO(2);
        TILE_ZERO(3);
        return;
    }
    TILE_LOAD(0, sums);
    if (e.two_panels)
        TILE_LOAD(1, sums + SUMS);
    if (e.two_rows)
        TILE_LOAD(2, sums + 2 * SUMS);
    if (e.two_rows && e.two_panels)
        TILE_LOAD(3, sums + 3 * SUMS);
}

VF void keep_sums(extent e, float *sums)
{
    TILE_STORE(0, sums);
    if (e.two_panels)
        TILE_STORE(1, sums + SUMS);
    if (e.two_rows)
        TILE_STORE(2, sums + 2 * SUMS);
    if (e.two_rows && e.two_panels)
        TILE_STORE(3, sums + 3 * SUMS);
}

/* One or two row tiles from a on; from: the sums so far. */
VF void sum(const tm_split_tile *tile, extent e, int parts, const tm_bf16 *a, feeder *next,
            const float *from, float *to)
{
    const size_t advance = (size_t)parts * TM_SPLIT_TILE, a_stride = tile->steps * advance;
    const tm_bf16 *b = tile->b;
    begin_sums(tile, e, from);
    for (size_t k = 0; k < tile->steps; k++, a += advance, b += advance) {
        step(e, parts, a, a_stride, b, tile->b_stride);
        feed(next, parts);
    }
    keep_sums(e, to);
}

/* ---- results ---- */

/* Up to 16 rows of one panel, from a tile's sums. */
VF void finish_tile(const tm_split_tile *tile, int first, int column, const float *sums)
{
    const vf lo = vf_set(tile->lo), hi = vf_set(tile->hi), bias = vf_load(tile->bias + column);
    int left = tile->n - column, rows = tile->m - first;
    rows = rows < TM_SPLIT_ROWS ? rows : TM_SPLIT_ROWS;
    vmask m = left >= VL ? (vmask)0xFFFF : vm_first((size_t)left);
    float *c = tile->c + (size_t)first * tile->c_ld + column;
    if (!tile->residual) {
        for (int i = 0; i < rows; i++, c += tile->c_ld, sums += TM_PANEL)
            vf_store_first(c, vf_min(hi, vf_max(lo, vf_add(vf_load(sums), bias))), m);
        return;
    }
    const float *r = tile->residual + (size_t)first * tile->residual_ld + column;
    for (int i = 0; i < rows; i++, c += tile->c_ld, r += tile->residual_ld, sums += TM_PANEL) {
        vf y = vf_add(vf_add(vf_load(sums), bias), vf_load_first(r, m));
        vf_store_first(c, vf_min(hi, vf_max(lo, y)), m);
    }
}

/* The results of two row tiles, or of what is left, from row `first` on. */
VF void finish(const tm_split_tile *tile, bool two_panels, int first, const float *sums)
{
    bool two_rows = tile->m - first > TM_SPLIT_ROWS;
    finish_tile(tile, first, 0, sums);
    if (two_panels)
        finish_tile(tile, first, TM_PANEL, sums + SUMS);
    if (two_rows)
        finish_tile(tile, first + TM_SPLIT_ROWS, 0, sums + 2 * SUMS);
    if (two_rows && two_panels)
        finish_tile(tile, first + TM_SPLIT_ROWS, TM_PANEL, sums + 3 * SUMS);
}

/* All rows times one panel or two. Results are finished while the sums of the next rows are under
 * way: their multiplications are few instructions and wait for nothing. */
VF void run(const tm_split_tile *tile, bool two_panels, int parts)
{
    _Alignas(64) float results[2][4 * SUMS];
    const size_t row_tile = tile->steps * (size_t)parts * TM_SPLIT_TILE;
    feeder next = feeder_of(tile);
    const tm_bf16 *a = tile->a;
    float *sums = tile->sums;
    int i = 0, turn = 0;
    for (; i < tile->m; i += 2 * TM_SPLIT_ROWS, a += 2 * row_tile, turn ^= 1) {
        float *to = tile->ends ? results[turn] : sums;
        if (tile->ends)
            fetch_results(tile, two_panels, i);
        if (tile->m - i > TM_SPLIT_ROWS)
            sum(tile, (extent){true, two_panels}, parts, a, &next, sums, to);
        else
            sum(tile, (extent){false, two_panels}, parts, a, &next, sums, to);
        if (tile->ends && i > 0)
            finish(tile, two_panels, i - 2 * TM_SPLIT_ROWS, results[turn ^ 1]);
        if (!(tile->begins && tile->ends))
            sums += 4 * SUMS;
    }
    if (tile->ends)
        finish(tile, two_panels, i - 2 * TM_SPLIT_ROWS, results[turn ^ 1]);
}

void tm_split_multiply__amx(const tm_split_tile *tile)
{
    bool two_panels = tile->n > TM_PANEL;
    __asm__ volatile("ldtilecfg %0" ::"m"(whole_tiles));
    if (tile->parts == 1)
        two_panels ? run(tile, true, 1) : run(tile, false, 1);
    else if (tile->parts == 2)
        two_panels ? run(tile, true, 2) : run(tile, false, 2);
    else
        two_panels ? run(tile, true, 3) : run(tile, false, 3);
    __asm__ volatile("tilerelease");
}
