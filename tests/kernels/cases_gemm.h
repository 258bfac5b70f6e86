/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GEMM tiles. The contract fixes the order of every addition, so the vector kernels must give the
 * very bits of a chain of fmaf, and the scalar one those of a chain of products and sums.
 */
#ifndef TESTS_KERNELS_CASES_GEMM_H
#define TESTS_KERNELS_CASES_GEMM_H

#include "tests/kernels/harness.h"

typedef struct gemm_entry {
    const char *name, *target;
    int rows, panels, columns; /* columns: the most of a tile */
    tm_gemm_f32_fn *run;
} gemm_entry;

static const gemm_entry gemm_entries[] = {
#define GEMM(rows, panels, target)                                                                 \
    {"gemm_f32_" #rows "x" #panels,                                                                \
     #target,                                                                                      \
     rows,                                                                                         \
     panels,                                                                                       \
     panels * TM_PANEL,                                                                            \
     tm_gemm_f32_##rows##x##panels##__##target},
#define GEMM_HALF(rows, panels, target)                                                            \
    {"gemm_f32_half_" #rows "x" #panels,                                                           \
     #target,                                                                                      \
     rows,                                                                                         \
     panels,                                                                                       \
     panels * TM_PANEL - TM_PANEL / 2,                                                             \
     tm_gemm_f32_half_##rows##x##panels##__##target},
#include "kernels/kernels.def"
};

enum { GEMM_ENTRIES = sizeof gemm_entries / sizeof *gemm_entries };

/* columns that tiles of 1, 2, 3 and 4 panels cut without a rest */
enum { ALL_WIDTHS = 12 * TM_PANEL };

/* One product in guarded memory. */
typedef struct gemm_problem {
    tm_gemm_tile tile; /* of the whole; c is set by who runs it */
    const void *rows[9 * (2 * TM_MAX_ROWS + 3)];
    float added[TM_MAX_ROWS * ALL_WIDTHS], begun[TM_MAX_ROWS * ALL_WIDTHS]; /* copies of the
                                                  residual and of the sum that is continued */
    bool has_residual, continues;
} gemm_problem;

static void choose_clamp(check *c, float *lo, float *hi)
{
    static const float limits[][2] = {{-INFINITY, INFINITY}, {0, INFINITY}, {0, 6}, {-0.25f, 0.5f}};
    const float *chosen = limits[below(c, 4)];
    *lo = chosen[0];
    *hi = chosen[1];
}

static float clamped(float x, float lo, float hi)
{
    x = x < lo ? lo : x;
    return x > hi ? hi : x;
}

static void make_problem(check *c, gemm_problem *p, int rows, int m, int n)
{
    static const int taps[] = {1, 1, 2, 9};
    values kind = below(c, 4) ? VALUES_PLAIN : VALUES_SPECIAL;
    tm_gemm_tile *t = &p->tile;
    *t = (tm_gemm_tile){.m = m, .n = n, .taps = taps[below(c, 4)], .kc = (int)any_size(c)};
    size_t offset = coin(c) ? 0 : below(c, 40);
    size_t spare = below(c, 3), panels = (size_t)(n + TM_PANEL - 1) / TM_PANEL;
    size_t k = (size_t)t->taps * (size_t)t->kc;
    t->tap_stride = (size_t)rows + spare;
    for (int tap = 0; tap < t->taps; tap++)
        for (int i = 0; i < rows; i++)
            p->rows[(size_t)tap * t->tap_stride + (size_t)i] =
                i < m ? input(c, 1, offset + (size_t)t->kc, offset + (size_t)t->kc, kind).data
                      : p->rows[(size_t)tap * t->tap_stride];
    t->rows = p->rows;
    t->offset = offset;
    t->panel_stride = (k + spare) * TM_PANEL; /* keeps the alignment */
    t->panel = input(c, panels, k * TM_PANEL, t->panel_stride, kind).data;
    t->next = coin(c) ? t->panel : NULL;
    t->bias = input(c, 1, panels * TM_PANEL, panels * TM_PANEL, VALUES_PLAIN).data;
    choose_clamp(c, &t->lo, &t->hi);
    p->continues = below(c, 4) == 0;
    if (p->continues)
        t->bias = NULL;
    p->has_residual = coin(c);
    for (int i = 0; i < m * n; i++) {
        p->added[i] = value(c, kind);
        p->begun[i] = value(c, kind);
    }
}

/* what the contract says of element i, j */
static float chain(const gemm_problem *p, int i, int j, bool fused)
{
    const tm_gemm_tile *t = &p->tile;
    const float *panel = t->panel + (size_t)(j / TM_PANEL) * t->panel_stride + j % TM_PANEL;
    float sum = t->bias ? t->bias[j] : p->begun[i * t->n + j];
    for (int tap = 0; tap < t->taps; tap++)
        for (int k = 0; k < t->kc; k++, panel += TM_PANEL) {
            const float *row = t->rows[(size_t)tap * t->tap_stride + (size_t)i];
            float x = row[t->offset + (size_t)k];
            sum = fused ? fmaf(x, *panel, sum) : sum + x * *panel;
        }
    if (p->has_residual)
        sum += p->added[i * t->n + j];
    return clamped(sum, t->lo, t->hi);
}

static void copy_dense(const gemm_problem *p, const float *numbers, block to)
{
    size_t n = (size_t)p->tile.n;
    for (size_t i = 0; i < (size_t)p->tile.m; i++)
        memcpy(to.data + i * to.ld, numbers + i * n, n * sizeof(float));
}

/* [m][n] numbers: in the output, or apart and not to be written. */
static block take_numbers(check *c, const gemm_problem *p, const float *numbers, block out,
                          bool in_place)
{
    size_t m = (size_t)p->tile.m, n = (size_t)p->tile.n;
    block to = in_place ? out : take(c, m, n, n + below(c, 5));
    copy_dense(p, numbers, to);
    if (!in_place)
        mprotect(to.slot, SLOT_BYTES, PROT_READ);
    return to;
}

/* An output; its residual or the sum that it continues, if any, is itself or stands elsewhere. */
static block take_output(check *c, gemm_problem *p, size_t ld)
{
    tm_gemm_tile *t = &p->tile;
    bool place_for_sum = coin(c), place_for_residual = coin(c) && !(p->continues && place_for_sum);
    block out = take(c, (size_t)t->m, (size_t)t->n, ld);
    t->c = out.data;
    t->c_ld = ld;
    t->residual = NULL;
    if (p->continues) {
        block from = take_numbers(c, p, p->begun, out, place_for_sum);
        t->sum = from.data;
        t->sum_ld = from.ld;
    }
    if (p->has_residual) {
        block from = take_numbers(c, p, p->added, out, place_for_residual);
        t->residual = from.data;
        t->residual_ld = from.ld;
    }
    return out;
}

static void check_gemm(check *c, const gemm_entry *entry)
{
    static gemm_problem p;
    int m = coin(c) ? entry->rows : 1 + (int)below(c, (size_t)entry->rows);
    int partial = entry->columns - TM_PANEL * (entry->panels - 1);
    int n = entry->columns - (coin(c) ? 0 : c->index % partial);
    make_problem(c, &p, entry->rows, m, n);
    size_t ld = (size_t)n + (coin(c) ? 0 : below(c, 20));
    block out = take_output(c, &p, ld);
    describe(c, "m %d, n %d, taps %d, kc %d, tap_stride %zu, ld %zu, clamp %g %g, residual %s", m,
             n, p.tile.taps, p.tile.kc, p.tile.tap_stride, ld, (double)p.tile.lo, (double)p.tile.hi,
             !p.tile.residual              ? "none"
             : p.tile.residual == out.data ? "in place"
                                           : "apart");
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++)
            c->want[i * n + j] = chain(&p, i, j, c->fused);
    entry->run(&p.tile);
    expect_same(c, &out);
}

/* Covers the whole product with tiles of one kernel, as a lowering would. */
static void run_with(const gemm_entry *entry, const gemm_problem *p)
{
    tm_gemm_tile t = p->tile;
    for (int j = 0; j < p->tile.n; j += TM_PANEL * entry->panels)
        for (int i = 0; i < p->tile.m; i += entry->rows) {
            int columns = p->tile.n - j, rows = p->tile.m - i;
            t.n = columns < TM_PANEL * entry->panels ? columns : TM_PANEL * entry->panels;
            t.m = rows < entry->rows ? rows : entry->rows;
            t.rows = p->tile.rows + i;
            t.panel = p->tile.panel + (size_t)(j / TM_PANEL) * t.panel_stride;
            t.bias = p->tile.bias ? p->tile.bias + j : NULL;
            t.c = p->tile.c + (size_t)i * t.c_ld + j;
            if (!t.bias)
                t.sum = p->tile.sum + (size_t)i * t.sum_ld + j;
            if (t.residual)
                t.residual = p->tile.residual + (size_t)i * t.residual_ld + j;
            entry->run(&t);
        }
}

/* Every width of a target gives an output element the same bits: the plan may cut as it likes.
 * Those of half a panel cover no more than a last part; check_gemm holds them to the same sum. */
static void check_gemm_widths(check *c)
{
    static gemm_problem p;
    int m = 1 + (int)below(c, TM_MAX_ROWS), n = ALL_WIDTHS - (int)below(c, TM_PANEL);
    bool first = true;
    make_problem(c, &p, 2 * TM_MAX_ROWS, m, n);
    for (int e = 0; e < GEMM_ENTRIES; e++) {
        const gemm_entry *entry = &gemm_entries[e];
        if (strcmp(entry->target, c->target) != 0 || entry->columns % TM_PANEL != 0)
            continue;
        block out = take_output(c, &p, (size_t)n);
        describe(c, "%s against the first kernel: m %d, n %d, taps %d, kc %d", entry->name, m, n,
                 p.tile.taps, p.tile.kc);
        run_with(entry, &p);
        for (int i = 0; first && i < m * n; i++)
            c->want[i] = out.data[i];
        expect_same(c, &out);
        first = false;
    }
}

#endif
