/* SPDX-License-Identifier: Apache-2.0 */
/* Products of bfloat16, where the CPU has them: against sums in double, whose distance is bounded
 * by what was added; and the conversion, against its definition on the bits. */
#ifndef TESTS_KERNELS_CASES_BF16_H
#define TESTS_KERNELS_CASES_BF16_H

#include "kernels/bf16.h"
#include "tests/kernels/cases_gemm.h"
#include "tests/kernels/harness.h"

static float of_bf16(tm_bf16 half)
{
    uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* `count` halves in guarded memory; a float of the block holds two. */
static const tm_bf16 *input_bf16(check *c, size_t count)
{
    tm_bf16 *halves = malloc((count + 1) / 2 * sizeof(float));
    for (size_t i = 0; i < count; i++)
        halves[i] = (tm_bf16)(bits_of(value(c, VALUES_PLAIN)) >> 16);
    block b = take(c, 1, (count + 1) / 2, (count + 1) / 2);
    memcpy(b.data, halves, count * sizeof *halves);
    mprotect(b.slot, SLOT_BYTES, PROT_READ);
    free(halves);
    return (const tm_bf16 *)(const void *)b.data;
}

/* Element i, j in double; *size: of what was added. */
static double bf16_sum(const tm_gemm_bf16_tile *t, int i, int j, double *size)
{
    const tm_bf16 *panel = t->panel + (size_t)(j / TM_PANEL) * t->panel_stride;
    double sum = (double)t->bias[j];
    *size = fabs(sum);
    for (size_t k = 0; k < t->kc; k++) {
        double w = (double)of_bf16(panel[(k / 2 * TM_PANEL + (size_t)j % TM_PANEL) * 2 + k % 2]);
        double product = (double)of_bf16(t->a[(size_t)i * t->a_ld + k]) * w;
        sum += product;
        *size += fabs(product);
    }
    return sum;
}

typedef struct gemm_bf16_entry {
    const char *name, *target;
    int rows, panels;
    tm_gemm_bf16_fn *run;
} gemm_bf16_entry;

static const gemm_bf16_entry gemm_bf16_entries[] = {
#define GEMM_BF16(rows, panels, target)                                                            \
    {"gemm_bf16_" #rows "x" #panels, #target, rows, panels,                                        \
     tm_gemm_bf16_##rows##x##panels##__##target},
#define ROW_BF16(panels, target) GEMM_BF16(1, panels, target)
#include "kernels/kernels.def"
    {0} /* a build may have none */
};

enum { GEMM_BF16_ENTRIES = sizeof gemm_bf16_entries / sizeof *gemm_bf16_entries - 1 };

static void check_gemm_bf16(check *c, const gemm_bf16_entry *entry)
{
    int rows = entry->rows, panels = entry->panels;
    int m = coin(c) ? rows : 1 + (int)below(c, (size_t)rows);
    int n = TM_PANEL * panels - (coin(c) ? 0 : (int)below(c, TM_PANEL));
    tm_gemm_bf16_tile t = {.m = m, .n = n, .kc = 2 * (1 + below(c, 100))};
    t.a_ld = t.kc + 2 * below(c, 3);
    t.a = input_bf16(c, (size_t)(m - 1) * t.a_ld + t.kc);
    t.panel_stride = t.kc * TM_PANEL; /* a multiple of 64 bytes: panels are aligned */
    t.panel = input_bf16(c, (size_t)panels * t.panel_stride);
    t.bias = input(c, 1, (size_t)panels * TM_PANEL, (size_t)panels * TM_PANEL, VALUES_PLAIN).data;
    choose_clamp(c, &t.lo, &t.hi);
    block out = take(c, (size_t)m, (size_t)n, (size_t)n + below(c, 5)), added = out;
    bool has_residual = coin(c);
    if (has_residual)
        added = input(c, (size_t)m, (size_t)n, (size_t)n + below(c, 5), VALUES_PLAIN);
    t.residual = has_residual ? added.data : NULL;
    t.residual_ld = added.ld;
    t.c = out.data;
    t.c_ld = out.ld;
    describe(c, "%d x %d of %d x %d, kc %zu, a_ld %zu, residual %d", m, n, rows, panels * TM_PANEL,
             t.kc, t.a_ld, has_residual);
    if ((uintptr_t)t.panel % 64 != 0)
        return;
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            double size, sum = bf16_sum(&t, i, j, &size);
            if (has_residual)
                sum += (double)added.data[(size_t)i * added.ld + (size_t)j];
            c->want[i * n + j] = clamped((float)sum, t.lo, t.hi);
            c->bound[i * n + j] = HALF_ULP * (size + 2) * sqrt((double)t.kc + 4);
        }
    entry->run(&t);
    expect_near(c, &out);
}

static tm_bf16 nearest_bf16(float x)
{
    uint32_t bits = bits_of(x);
    if (isnan(x))
        return (tm_bf16)(bits >> 16 | 0x40);
    if ((bits & 0x7F800000) == 0) /* subnormals count as zero */
        return (tm_bf16)(bits >> 16 & 0x8000);
    return (tm_bf16)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

/* no row asks for it where the compiler makes code for another processor */
__attribute__((unused)) static void check_to_bf16(check *c)
{
    size_t n = 1 + below(c, 100);
    bool has_lo = coin(c);
    const float *x = input(c, 1, n, n, coin(c) ? VALUES_WIDE : VALUES_SPECIAL).data;
    tm_bf16 hi[128], lo[128];
    describe(c, "to_bf16, %zu values, lo %d", n, has_lo);
    memset(hi, 0x5A, sizeof hi);
    memset(lo, 0x5A, sizeof lo);
    c->bf16->to_bf16(n, x, hi, has_lo ? lo : NULL);
    for (size_t i = 0; i < 128; i++) {
        bool used = i < n;
        tm_bf16 want = used ? nearest_bf16(x[i]) : 0x5A5A;
        tm_bf16 rest = used && has_lo ? nearest_bf16(x[i] - of_bf16(want)) : 0x5A5A;
        if (hi[i] != want)
            report(c, "hi %zu: got %04X, want %04X", i, hi[i], want);
        if (lo[i] != rest && !(used && isnan(of_bf16(rest)) && isnan(of_bf16(lo[i]))))
            report(c, "lo %zu: got %04X, want %04X", i, lo[i], rest);
    }
}

#endif
