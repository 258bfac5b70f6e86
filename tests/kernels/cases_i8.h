/* SPDX-License-Identifier: Apache-2.0 */
/* Products of bytes. The contract fixes every bit, of sums and of what becomes of them. */
#ifndef TESTS_KERNELS_CASES_I8_H
#define TESTS_KERNELS_CASES_I8_H

#include "kernels/i8.h"
#include "tests/kernels/cases_gemm.h"

typedef struct gemm_i8_entry {
    const char *name, *target;
    int rows, panels;
    tm_gemm_i8_fn *run;
} gemm_i8_entry;

static const gemm_i8_entry gemm_i8_entries[] = {
#define GEMM_I8(rows, panels, target)                                                              \
    {"gemm_i8_" #rows "x" #panels, #target, rows, panels, tm_gemm_i8_##rows##x##panels##__##target},
#include "kernels/kernels.def"
};

enum { GEMM_I8_ENTRIES = sizeof gemm_i8_entries / sizeof *gemm_i8_entries };

/* One product in guarded memory. */
typedef struct i8_problem {
    tm_gemm_i8_tile tile;
    const void *rows[9 * (TM_I8_MAX_ROWS + 3)];
    tm_i8_scale scales[TM_I8_MAX_ROWS];
} i8_problem;

/* the bytes of a row: any, or all the largest or the least, which are the largest less 128 */
static const unsigned char *row_of_bytes(check *c, size_t count, bool large)
{
    unsigned char *bytes = take_bytes(c, count), end = coin(c) ? 255 : 0;
    for (size_t i = 0; i < count; i++)
        bytes[i] = large ? end : (unsigned char)below(c, 256);
    seal(c);
    return bytes;
}

static void make_rows(check *c, i8_problem *p, int rows, bool large)
{
    tm_gemm_i8_tile *t = &p->tile;
    t->tap_stride = (size_t)rows + below(c, 3);
    t->offset = coin(c) ? 0 : below(c, 40);
    for (int tap = 0; tap < t->taps; tap++)
        for (int i = 0; i < rows; i++)
            p->rows[(size_t)tap * t->tap_stride + (size_t)i] =
                i < t->m ? row_of_bytes(c, t->offset + (size_t)t->kc, large)
                         : p->rows[(size_t)tap * t->tap_stride];
    t->rows = p->rows;
    for (int i = 0; i < t->m; i++)
        p->scales[i] = (tm_i8_scale){.scale = uniform(c, 0, 0.1),
                                     .zero = coin(c) ? 0 : (int32_t)below(c, 256)};
    if (below(c, 8) == 0)
        p->scales[0].scale = NAN;
    t->scales = p->scales;
}

/* A panel's weights, their scales and their sums. */
static void fill_panel(check *c, char *panel, size_t quads, bool large)
{
    float *scale = (float *)(void *)panel, *sums = scale + TM_PANEL;
    signed char *w = (signed char *)panel + TM_I8_HEAD;
    for (int j = 0; j < TM_PANEL; j++) {
        scale[j] = uniform(c, 0, 0.01);
        sums[j] = 0;
    }
    for (size_t i = 0; i < quads * TM_PANEL * TM_I8_QUAD; i++) {
        w[i] = large ? -127 : (signed char)((int)below(c, 255) - 127);
        sums[i / TM_I8_QUAD % TM_PANEL] += w[i];
    }
}

static void make_panels(check *c, i8_problem *p, int panels, bool large)
{
    tm_gemm_i8_tile *t = &p->tile;
    size_t quads = (size_t)t->taps * (size_t)t->kc / TM_I8_QUAD;
    size_t bytes = TM_I8_HEAD + quads * TM_PANEL * TM_I8_QUAD;
    t->panel_stride = bytes + 64 * below(c, 3);
    size_t all = t->panel_stride * (size_t)(panels - 1) + bytes;
    char *panel = (char *)take_bytes(c, all);
    for (int i = 0; i < panels; i++)
        fill_panel(c, panel + (size_t)i * t->panel_stride, quads, large);
    seal(c);
    t->panel = panel;
    t->next = coin(c) ? (const float *)(const void *)panel : NULL;
}

/* what the contract says of element i, j */
static float i8_element(const i8_problem *p, int i, int j)
{
    const tm_gemm_i8_tile *t = &p->tile;
    const char *panel = t->panel + (size_t)(j / TM_PANEL) * t->panel_stride;
    const float *head = (const float *)(const void *)panel;
    int column = j % TM_PANEL, k = 0;
    int64_t sum = 0;
    for (int tap = 0; tap < t->taps; tap++)
        for (int x = 0; x < t->kc; x++, k++) {
            const unsigned char *row = t->rows[(size_t)tap * t->tap_stride + (size_t)i];
            const signed char *w = (const signed char *)panel + TM_I8_HEAD;
            sum += row[t->offset + (size_t)x] * w[(k / 4 * TM_PANEL + column) * 4 + k % 4];
        }
    float whole = fmaf(-(float)t->scales[i].zero, head[TM_PANEL + column], (float)sum);
    float y = fmaf(whole, t->scales[i].scale * head[column], t->bias[j]);
    if (t->residual)
        y += t->residual[(size_t)i * t->residual_ld + (size_t)j];
    return clamped(y, t->lo, t->hi);
}

static void check_gemm_i8(check *c, const gemm_i8_entry *entry)
{
    static i8_problem p;
    static const int taps[] = {1, 1, 2, 9};
    int rows = entry->rows, panels = entry->panels;
    int m = coin(c) ? rows : 1 + (int)below(c, (size_t)rows);
    int n = TM_PANEL * panels - (coin(c) ? 0 : (int)below(c, TM_PANEL));
    bool large = below(c, 8) == 0;
    tm_gemm_i8_tile *t = &p.tile;
    *t = (tm_gemm_i8_tile){
        .m = m, .n = n, .taps = taps[below(c, 4)], .kc = 4 * (1 + (int)below(c, 60))};
    make_rows(c, &p, rows, large);
    make_panels(c, &p, panels, large);
    t->bias = input(c, 1, (size_t)panels * TM_PANEL, (size_t)panels * TM_PANEL, VALUES_PLAIN).data;
    choose_clamp(c, &t->lo, &t->hi);
    block out = take(c, (size_t)m, (size_t)n, (size_t)n + below(c, 5));
    if (coin(c)) {
        block added = input(c, (size_t)m, (size_t)n, (size_t)n + below(c, 5), VALUES_PLAIN);
        t->residual = added.data;
        t->residual_ld = added.ld;
    }
    t->c = out.data;
    t->c_ld = out.ld;
    describe(c, "m %d, n %d, taps %d, kc %d, offset %zu, residual %d, large %d", m, n, t->taps,
             t->kc, t->offset, t->residual != NULL, large);
    if ((uintptr_t)t->panel % 64 != 0)
        return;
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++)
            c->want[i * n + j] = i8_element(&p, i, j);
    entry->run(t);
    expect_same(c, &out);
}

static const float *i8_numbers(check *c, size_t n)
{
    static const values kinds[] = {VALUES_PLAIN, VALUES_SHIFTED, VALUES_WIDE, VALUES_SPECIAL};
    return input(c, 1, n, n, kinds[below(c, 4)]).data;
}

static void check_i8_range(check *c)
{
    size_t n = coin(c) ? any_size(c) : 1 + below(c, 400);
    const float *x = i8_numbers(c, n);
    tm_i8_range got = {coin(c) ? 0 : -1, coin(c) ? 0 : 2, 0}, want = got;
    describe(c, "%zu numbers", n);
    bool finite = true;
    for (size_t i = 0; i < n; i++) {
        finite = finite && isfinite(x[i]);
        want.lo = fminf(want.lo, x[i]);
        want.hi = fmaxf(want.hi, x[i]);
    }
    c->i8->range(n, x, &got);
    if (finite ? got.odd != 0 || got.lo != want.lo || got.hi != want.hi : !isnan(got.odd))
        report(c, "got %g to %g, odd %g, want %g to %g, odd %g", (double)got.lo, (double)got.hi,
               (double)got.odd, (double)want.lo, (double)want.hi, finite ? 0 : (double)NAN);
}

static int nearest_byte(float x, const tm_i8_scale *scale)
{
    float byte = rintf(fmaf(x, scale->inverse, (float)scale->zero));
    return !(byte > 0) ? 0 : byte > 255 ? 255 : (int)byte;
}

static void check_i8_bytes(check *c)
{
    size_t n = coin(c) ? any_size(c) : 1 + below(c, 400);
    const float *x = i8_numbers(c, n);
    tm_i8_scale scale = {.zero = (int32_t)below(c, 256)};
    float most = 0;
    for (size_t i = 0; i < n; i++)
        if (fabsf(x[i]) > most) /* no NaN is */
            most = fabsf(x[i]);
    if (below(c, 8) && most > 0x1p-90f)
        scale.inverse = uniform(c, 0, 512) / most;
    unsigned char *to = take_bytes(c, n + 8) + 4; /* the four on either side stay */
    memset(to - 4, 0x5A, n + 8);
    describe(c, "%zu numbers, inverse %g, zero %d", n, (double)scale.inverse, (int)scale.zero);
    c->i8->bytes(n, x, &scale, to);
    for (size_t i = 0; i < n; i++)
        if (to[i] != nearest_byte(x[i], &scale))
            report(c, "byte %zu of %g: got %d, want %d", i, (double)x[i], to[i],
                   nearest_byte(x[i], &scale));
    for (size_t i = 0; i < 4; i++)
        if (to[-1 - (ptrdiff_t)i] != 0x5A || to[n + i] != 0x5A)
            report(c, "wrote beside its %zu bytes", n);
}

/* The rows of a case: pointers of each tap, and what they mean. */
static void make_i8_rows(check *c, tm_i8_rows *r, const void **pointers)
{
    size_t width = r->offset + r->kc;
    for (int tap = 0; tap < r->taps; tap++)
        for (int i = 0; i < r->m; i++)
            pointers[(size_t)tap * r->tap_stride + (size_t)i] = i8_numbers(c, width);
    r->rows = pointers;
}

static void expect_row(check *c, const tm_i8_rows *r, int i)
{
    tm_i8_range range = {0};
    for (int tap = 0; tap < r->taps; tap++)
        for (size_t k = 0; k < r->kc; k++) {
            const void *row = r->rows[(size_t)tap * r->tap_stride + (size_t)i];
            float x = ((const float *)row)[r->offset + k];
            range.lo = fminf(range.lo, x);
            range.hi = fmaxf(range.hi, x);
            range.odd += x * 0.0f;
        }
    tm_i8_scale scale = tm_i8_scale_of(&range), got = r->scales[i];
    if (isnan(scale.scale) ? !isnan(got.scale) : memcmp(&scale, &got, sizeof scale) != 0)
        report(c, "row %d: scale %g, zero %d, want %g, %d", i, (double)got.scale, (int)got.zero,
               (double)scale.scale, (int)scale.zero);
    const uint8_t *to = r->to + (size_t)i * (size_t)r->taps * r->step;
    for (int tap = 0; tap < r->taps; tap++, to += r->step)
        for (size_t k = 0; k < r->step; k++) {
            const void *row = r->rows[(size_t)tap * r->tap_stride + (size_t)i];
            const float *x = (const float *)row + r->offset;
            int want = k < r->kc ? nearest_byte(x[k], &scale) : 0;
            if (to[k] != want)
                report(c, "row %d, tap %d, byte %zu: got %d, want %d", i, tap, k, to[k], want);
        }
}

static void check_i8_rows(check *c)
{
    enum { MOST = 10, TAPS = 4 };
    const void *pointers[TAPS * (MOST + 2)];
    tm_i8_scale scales[MOST + 1];
    tm_i8_rows r = {.m = 1 + (int)below(c, MOST),
                    .taps = coin(c) ? 1 : 1 + (int)below(c, TAPS),
                    .kc = 1 + below(c, coin(c) ? 40 : 300),
                    .offset = coin(c) ? 0 : below(c, 20),
                    .scales = scales};
    r.tap_stride = (size_t)r.m + below(c, 3);
    r.step = (r.kc + 3) / 4 * 4;
    make_i8_rows(c, &r, pointers);
    size_t bytes = (size_t)r.m * (size_t)r.taps * r.step;
    r.to = take_bytes(c, bytes + 8) + 4;
    memset(r.to - 4, 0x5A, bytes + 8);
    memset(scales, 0x5A, sizeof scales);
    describe(c, "m %d, taps %d, kc %zu, offset %zu", r.m, r.taps, r.kc, r.offset);
    c->i8->rows(&r);
    for (int i = 0; i < r.m; i++)
        expect_row(c, &r, i);
    for (size_t i = 0; i < 4; i++)
        if (r.to[-1 - (ptrdiff_t)i] != 0x5A || r.to[bytes + i] != 0x5A)
            report(c, "wrote beside its %zu bytes", bytes);
    if (((const unsigned char *)&scales[r.m])[0] != 0x5A)
        report(c, "wrote a scale more than %d", r.m);
}

#endif
