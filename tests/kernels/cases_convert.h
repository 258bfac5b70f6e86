/* SPDX-License-Identifier: Apache-2.0 */
/* Between float32 and bfloat16: on the bits, for every bfloat16 and what lies around it. */
#ifndef TESTS_KERNELS_CASES_CONVERT_H
#define TESTS_KERNELS_CASES_CONVERT_H

#include "tests/kernels/harness.h"

/* Rows of one type become rows of the other, to the bit of the definition, NaN's too. */
static void check_convert(check *c, tm_convert_rows_fn *kernel, elem from, elem to)
{
    size_t rows = 1 + below(c, 4), n = coin(c) ? any_size(c) : 1 + (size_t)c->index % 50;
    values kind = (values[]){VALUES_PLAIN, VALUES_WIDE, VALUES_SPECIAL}[below(c, 3)];
    block x = input_as(c, from, rows, n, n + (coin(c) ? 0 : below(c, 20)), kind);
    block y = take_as(c, to, rows, n, n + (coin(c) ? 0 : below(c, 20)));
    describe(c, "%zu x %zu, ld %zu and %zu", rows, n, x.ld, y.ld);
    widened(&x, c->want);
    kernel(rows, n, x.at, x.ld, y.at, y.ld);
    expect_same(c, &y);
}

static void check_f32_of_bf16(check *c)
{
    check_convert(c, c->kernels->f32_of_bf16, BF16, F32);
}

static void check_bf16_of_f32(check *c)
{
    check_convert(c, c->kernels->bf16_of_f32, F32, BF16);
}

/* ---- every number ---- */

enum { ALL_BF16 = 1 << 16 };

/* what bfloat16 the definition makes of these bits */
static tm_bf16 defined_bf16(uint32_t bits)
{
    uint32_t upper = bits >> 16, rest = bits & 0xFFFF;
    if ((bits & 0x7FFFFFFF) > 0x7F800000)
        return (tm_bf16)(upper | 0x40);
    return (tm_bf16)(rest > 0x8000 || (rest == 0x8000 && upper & 1) ? upper + 1 : upper);
}

static void check_every_f32_of_bf16(check *c)
{
    static tm_bf16 x[ALL_BF16];
    static float y[ALL_BF16];
    describe(c, "every bfloat16");
    for (uint32_t i = 0; i < ALL_BF16; i++)
        x[i] = (tm_bf16)i;
    c->kernels->f32_of_bf16(1, ALL_BF16, x, ALL_BF16, y, ALL_BF16);
    for (uint32_t i = 0; i < ALL_BF16; i++)
        if (bits_of(y[i]) != i << 16)
            report(c, "%04X: got %08X", i, bits_of(y[i]));
}

/* Every upper half with the lower ones about which a rounding turns: ties and their neighbours,
 * NaN's that nothing of is left above, what becomes infinite, subnormal numbers. */
static void check_every_bf16_of_f32(check *c)
{
    static const uint32_t rests[] = {0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF};
    static float x[ALL_BF16];
    static tm_bf16 y[ALL_BF16];
    for (size_t r = 0; r < sizeof rests / sizeof *rests; r++) {
        describe(c, "every upper half with %04X", rests[r]);
        for (uint32_t i = 0; i < ALL_BF16; i++) {
            uint32_t bits = i << 16 | rests[r];
            memcpy(&x[i], &bits, sizeof bits);
        }
        c->kernels->bf16_of_f32(1, ALL_BF16, x, ALL_BF16, y, ALL_BF16);
        for (uint32_t i = 0; i < ALL_BF16; i++)
            if (y[i] != defined_bf16(i << 16 | rests[r]))
                report(c, "%04X: got %04X, want %04X", i, y[i], defined_bf16(i << 16 | rests[r]));
    }
}

/* A number of which the result before its rounding is y. */
static void expect_rounded(check *c, uint32_t of, tm_bf16 got, float y)
{
    bool right = isnan(y) ? (got & 0x7FC0) == 0x7FC0 : got == defined_bf16(bits_of(y));
    if (!right)
        report(c, "%04X: got %04X, want %04X", of, got, defined_bf16(bits_of(y)));
}

/* The stores of kernels that round many numbers at once: every bfloat16 times a factor, whose
 * product is exact and often a tie, infinite or subnormal. */
static void check_every_product(check *c)
{
    static const float factors[] = {1, 0x1.01p0f, 0x1.81p0f, 0x1.03p-7f};
    static tm_bf16 x[ALL_BF16], pooled[ALL_BF16], scaled[ALL_BF16];
    static float mul[ALL_BF16], zeros[ALL_BF16];
    const void *taps[] = {x};
    for (size_t f = 0; f < sizeof factors / sizeof *factors; f++) {
        describe(c, "every bfloat16 times %a", (double)factors[f]);
        for (uint32_t i = 0; i < ALL_BF16; i++) {
            x[i] = (tm_bf16)i;
            mul[i] = factors[f];
        }
        c->kernels->pool_bf16(TM_REDUCE_OP_MAX, 1, taps, ALL_BF16, factors[f], pooled);
        c->kernels->affine_bf16(1, ALL_BF16, x, ALL_BF16, mul, zeros, -INFINITY, INFINITY, scaled,
                                ALL_BF16);
        for (uint32_t i = 0; i < ALL_BF16; i++) {
            float y = tm_f32_of_bf16(x[i]) * factors[f];
            expect_rounded(c, i, pooled[i], y);
            expect_rounded(c, i, scaled[i], y + 0.0f);
        }
    }
}

#endif
