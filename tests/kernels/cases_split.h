/* SPDX-License-Identifier: Apache-2.0 */
/* Products of bfloat16 parts, where the CPU has units for them: the parts and their order against
 * their definition on the bits, products against sums in double. */
#ifndef TESTS_KERNELS_CASES_SPLIT_H
#define TESTS_KERNELS_CASES_SPLIT_H

#include "kernels/split.h"
#include "tests/kernels/cases_bf16.h"

enum { SPLIT_STEPS = 6 };

static tm_bf16 upper_half(float x)
{
    return (tm_bf16)(bits_of(x) >> 16);
}

/* Part p of x of so many, as the definition says. */
static tm_bf16 part_of(int parts, float x, int p)
{
    tm_bf16 (*const first)(float) = parts < TM_SPLIT_PARTS ? nearest_bf16 : upper_half;
    for (; p > 0; p--)
        x -= of_bf16(first(x));
    return first(x);
}

static bool same_half(tm_bf16 a, tm_bf16 b)
{
    return a == b || (isnan(of_bf16(a)) && isnan(of_bf16(b)));
}

/* Halves in guarded memory, aligned to 64 bytes, all of them the pattern. */
static tm_bf16 *halves(check *c, size_t count)
{
    size_t floats = (count / 2 + 15) / 16 * 16;
    return (tm_bf16 *)(void *)take(c, 1, floats, floats).data;
}

/* where input k of row i, or of column i of a panel, stands in its part */
static size_t row_place(int parts, size_t k, size_t i, int p)
{
    return (k / TM_SPLIT_K * (size_t)parts + (size_t)p) * TM_SPLIT_TILE + i * TM_SPLIT_K +
           k % TM_SPLIT_K;
}

static size_t panel_place(int parts, size_t k, size_t j, int p)
{
    return (k / TM_SPLIT_K * (size_t)parts + (size_t)p) * TM_SPLIT_TILE +
           (k % TM_SPLIT_K / 2 * TM_PANEL + j) * 2 + k % 2;
}

static void check_split_rows(check *c)
{
    int parts = 1 + (int)below(c, 3), m = 1 + (int)below(c, TM_SPLIT_ROWS);
    size_t n = 1 + below(c, SPLIT_STEPS * TM_SPLIT_K), steps = (n + TM_SPLIT_K - 1) / TM_SPLIT_K;
    values kind = coin(c) ? VALUES_WIDE : coin(c) ? VALUES_SPECIAL : VALUES_PLAIN;
    const void *rows[TM_SPLIT_ROWS];
    for (int i = 0; i < m; i++)
        rows[i] = input(c, 1, n, n, kind).data;
    tm_bf16 *tile = halves(c, steps * (size_t)parts * TM_SPLIT_TILE), untouched = tile[0];
    describe(c, "rows: %d parts, %d x %zu", parts, m, n);
    c->split->rows(parts, m, n, rows, tile);
    for (size_t k = 0; k < steps * TM_SPLIT_K; k++)
        for (int p = 0; p < parts; p++)
            for (int i = 0; i < TM_SPLIT_ROWS; i++) {
                tm_bf16 got = tile[row_place(parts, k, (size_t)i, p)];
                tm_bf16 want = i >= m  ? got
                               : k < n ? part_of(parts, ((const float *)rows[i])[k], p)
                                       : 0;
                if (!same_half(got, want))
                    report(c, "part %d of row %d, %zu: got %04X, want %04X", p, i, k, got, want);
                if (i >= m && k % 2 == 0 && got != untouched)
                    report(c, "row %d was written", i);
            }
}

static void check_split_f32(check *c)
{
    int parts = 1 + (int)below(c, 3);
    size_t n = any_size(c), stride = n + below(c, 40);
    const float *x = input(c, 1, n, n, coin(c) ? VALUES_WIDE : VALUES_SPECIAL).data;
    tm_bf16 out[3 * 256];
    memset(out, 0x5A, sizeof out);
    describe(c, "f32: %d parts of %zu", parts, n);
    c->split->f32(parts, n, x, out, stride);
    for (int p = 0; p < 3; p++)
        for (size_t i = 0; i < stride; i++) {
            tm_bf16 want = p < parts && i < n ? part_of(parts, x[i], p) : 0x5A5A;
            if (!same_half(out[(size_t)p * stride + i], want))
                report(c, "part %d of %zu: got %04X, want %04X", p, i, out[(size_t)p * stride + i],
                       want);
        }
}

/* Every element of a tile is its own address, or was copied. */
static void check_split_copy(check *c)
{
    static tm_bf16 tile[SPLIT_STEPS * 3 * TM_SPLIT_TILE] __attribute__((aligned(64)));
    int parts = 1 + (int)below(c, 3), row = (int)below(c, TM_SPLIT_ROWS);
    size_t k = coin(c) ? below(c, 4) * TM_SPLIT_K : below(c, 64);
    size_t n = 1 + below(c, SPLIT_STEPS * TM_SPLIT_K - k), stride = n + below(c, 40);
    const tm_bf16 *x = input_bf16(c, 2 * stride + n);
    for (size_t i = 0; i < sizeof tile / sizeof *tile; i++)
        tile[i] = (tm_bf16)(i * 7);
    describe(c, "copy: %d parts, %zu to %zu of row %d", parts, n, k, row);
    c->split->copy(parts, n, x, stride, k, row, tile);
    for (size_t i = 0; i < n; i++)
        for (int p = 0; p < parts; p++) {
            size_t at = row_place(parts, k + i, (size_t)row, p);
            if (tile[at] != x[(size_t)p * stride + i])
                report(c, "part %d of %zu: got %04X, want %04X", p, i, tile[at],
                       x[(size_t)p * stride + i]);
            tile[at] = (tm_bf16)(at * 7);
        }
    for (size_t i = 0; i < sizeof tile / sizeof *tile; i++)
        if (tile[i] != (tm_bf16)(i * 7))
            report(c, "element %zu was written", i);
}

static void check_panel(check *c, tm_split_panel_fn *kernel, bool transposed)
{
    int parts = 1 + (int)below(c, 3), columns = coin(c) ? 16 : 1 + (int)below(c, 16);
    size_t n = 1 + below(c, SPLIT_STEPS * TM_SPLIT_K), steps = (n + TM_SPLIT_K - 1) / TM_SPLIT_K;
    size_t rows = transposed ? (size_t)columns : n, row = transposed ? n : (size_t)columns;
    block x = input(c, rows, row, row + below(c, 5), coin(c) ? VALUES_WIDE : VALUES_SPECIAL);
    tm_bf16 *panel = halves(c, steps * (size_t)parts * TM_SPLIT_TILE);
    describe(c, "panel%s: %d parts, %zu x %d", transposed ? "_t" : "", parts, n, columns);
    kernel(parts, n, columns, x.data, x.ld, panel);
    for (size_t k = 0; k < steps * TM_SPLIT_K; k++)
        for (size_t j = 0; j < TM_PANEL; j++)
            for (int p = 0; p < parts; p++) {
                tm_bf16 got = panel[panel_place(parts, k, j, p)];
                bool inside = k < n && j < (size_t)columns;
                float value = inside ? x.data[transposed ? j * x.ld + k : k * x.ld + j] : 0;
                if (!same_half(got, part_of(parts, value, p)))
                    report(c, "part %d of %zu, %zu: got %04X, want %04X", p, k, j, got,
                           part_of(parts, value, p));
            }
}

static void check_split_panel(check *c)
{
    check_panel(c, c->split->panel, false);
}

static void check_split_panel_t(check *c)
{
    check_panel(c, c->split->panel_t, true);
}

/* One product of m x n of `steps` steps. */
typedef struct split_problem {
    tm_split_tile tile;
    block x, y; /* [m][k], [k][n], float32 */
    tm_bf16 *a, *b;
    size_t steps;
    block residual;
} split_problem;

static void make_split(check *c, split_problem *s)
{
    int parts = 1 + (int)below(c, 3), m = 1 + (int)below(c, 70), n = 1 + (int)below(c, 32);
    s->steps = 1 + below(c, SPLIT_STEPS);
    size_t k = s->steps * TM_SPLIT_K, tile = s->steps * (size_t)parts * TM_SPLIT_TILE;
    s->x = input(c, (size_t)m, k, k, VALUES_PLAIN);
    s->y = input(c, k, (size_t)n, (size_t)n, VALUES_PLAIN);
    s->a = halves(c, (size_t)(m + 15) / 16 * tile);
    memset(s->a, 0, (size_t)(m + 15) / 16 * tile * sizeof *s->a);
    s->b = halves(c, (size_t)(n + 15) / 16 * tile);
    for (int i = 0; i < m; i += TM_SPLIT_ROWS) {
        const void *rows[TM_SPLIT_ROWS];
        int count = m - i < TM_SPLIT_ROWS ? m - i : TM_SPLIT_ROWS;
        for (int j = 0; j < count; j++)
            rows[j] = s->x.data + (size_t)(i + j) * k;
        c->split->rows(parts, count, k, rows, s->a + (size_t)(i / 16) * tile);
    }
    for (int j = 0; j < n; j += TM_PANEL)
        c->split->panel(parts, k, n - j < TM_PANEL ? n - j : TM_PANEL, s->y.data + j, s->y.ld,
                        s->b + (size_t)(j / 16) * tile);
    s->tile = (tm_split_tile){.parts = parts, .m = m, .n = n, .b_stride = tile};
    s->tile.bias = input(c, 1, 32, 32, VALUES_PLAIN).data;
    choose_clamp(c, &s->tile.lo, &s->tile.hi);
    s->residual = input(c, (size_t)m, (size_t)n, (size_t)n + below(c, 5), VALUES_PLAIN);
    s->tile.residual = coin(c) ? s->residual.data : NULL;
    s->tile.residual_ld = s->residual.ld;
}

/* Rows of `steps` steps from step `begin` on, as a call of these steps alone wants them. */
static tm_bf16 *some_steps(check *c, const split_problem *s, size_t begin, size_t steps)
{
    size_t step = (size_t)s->tile.parts * TM_SPLIT_TILE, tiles = (size_t)(s->tile.m + 15) / 16;
    tm_bf16 *a = halves(c, tiles * steps * step);
    for (size_t t = 0; t < tiles; t++)
        memcpy(a + t * steps * step, s->a + (t * s->steps + begin) * step,
               steps * step * sizeof *a);
    return a;
}

static void want_split(check *c, const split_problem *s)
{
    /* what the parts that are left out may amount to, per product */
    static const double lost[] = {0, 0x1p-8, 0x1p-15, 0x1p-23};
    const tm_split_tile *t = &s->tile;
    for (int i = 0; i < t->m; i++)
        for (int j = 0; j < t->n; j++) {
            double sum = (double)t->bias[j], size = fabs(sum);
            for (size_t k = 0; k < s->steps * TM_SPLIT_K; k++) {
                double product = (double)s->x.data[(size_t)i * s->x.ld + k] *
                                 (double)s->y.data[k * s->y.ld + (size_t)j];
                sum += product;
                size += fabs(product);
            }
            if (t->residual)
                sum += (double)t->residual[(size_t)i * t->residual_ld + (size_t)j];
            c->want[i * t->n + j] = clamped((float)sum, t->lo, t->hi);
            c->bound[i * t->n + j] = (lost[t->parts] + 8 * HALF_ULP) * (size + 2);
        }
}

/* All steps in one call or in two; both calls must give the same as one of another m. */
static void check_split_multiply(check *c)
{
    static float sums[3 * 4 * TM_SPLIT_ROWS * TM_PANEL] __attribute__((aligned(64)));
    static split_problem s;
    make_split(c, &s);
    tm_split_tile t = s.tile;
    block out = take(c, (size_t)t.m, (size_t)t.n, (size_t)t.n + below(c, 5));
    size_t first = coin(c) ? s.steps : 1 + below(c, s.steps);
    describe(c, "%d parts, %d x %d, %zu steps, %zu of them first, residual %d", t.parts, t.m, t.n,
             s.steps, first, t.residual != NULL);
    t.c = out.data;
    t.c_ld = out.ld;
    t.sums = first < s.steps ? sums : NULL;
    t.begins = true;
    t.ends = first == s.steps;
    t.steps = first;
    t.a = some_steps(c, &s, 0, first);
    t.b = s.b;
    c->split->multiply(&t);
    if (first < s.steps) {
        t.begins = false;
        t.ends = true;
        t.steps = s.steps - first;
        t.a = some_steps(c, &s, first, t.steps);
        t.b = s.b + first * (size_t)t.parts * TM_SPLIT_TILE;
        c->split->multiply(&t);
    }
    want_split(c, &s);
    expect_near(c, &out);
}

#endif
