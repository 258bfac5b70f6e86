/* SPDX-License-Identifier: Apache-2.0 */
/* The transforms of Winograd convolution. Vector kernels fuse products and sums, the scalar ones
 * round both: their errors are bounded by what the largest element can contribute. */
#ifndef TESTS_KERNELS_CASES_WINOGRAD_H
#define TESTS_KERNELS_CASES_WINOGRAD_H

#include "tests/kernels/cases_gemm.h"
#include "tests/kernels/harness.h"

/* The largest sums of absolute coefficients of B^T and A^T, squared: two passes. */
#define GAIN_IN (4.5 * 4.5)
#define GAIN_OUT (7.37 * 7.37)
#define ROUNDINGS 8

static double largest(const float *const *px, size_t count, size_t n)
{
    double most = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t c = 0; c < n; c++)
            most = fmax(most, fabs((double)px[i][c]));
    return most;
}

static void check_winograd_in_f32(check *c)
{
    size_t n = 1 + (size_t)c->index % 70, step = n + (coin(c) ? 0 : below(c, 40));
    const float *px[TM_WINOGRAD_POSITIONS];
    for (int i = 0; i < TM_WINOGRAD_POSITIONS; i++)
        px[i] = input(c, 1, n, n, coin(c) ? VALUES_PLAIN : VALUES_SHIFTED).data;
    block out = take(c, TM_WINOGRAD_POSITIONS, n, step);
    describe(c, "%zu channels, step %zu", n, step);
    c->reference->winograd_in_f32(n, px, c->want, n);
    double bound = ROUNDINGS * HALF_ULP * GAIN_IN * largest(px, TM_WINOGRAD_POSITIONS, n);
    for (size_t i = 0; i < TM_WINOGRAD_POSITIONS * n; i++)
        c->bound[i] = bound;
    c->kernels->winograd_in_f32(n, px, out.data, step);
    expect_near(c, &out);
}

/* Outputs of the last rows or columns may be missing; what stands there must stay. */
static void check_winograd_out_f32(check *c)
{
    enum { OUTPUTS = TM_WINOGRAD_OUT * TM_WINOGRAD_OUT };
    size_t n = 1 + (size_t)c->index % 70, step = n + (coin(c) ? 0 : below(c, 40));
    block m = input(c, TM_WINOGRAD_POSITIONS, n, step, VALUES_PLAIN);
    block out = take(c, OUTPUTS, n, n + below(c, 20));
    const float *residual[OUTPUTS];
    float *to[OUTPUTS], *want[OUTPUTS];
    int rows = 1 + (int)below(c, TM_WINOGRAD_OUT), columns = 1 + (int)below(c, TM_WINOGRAD_OUT);
    tm_winograd_tile tile = {.n = n, .m = m.data, .step = step};
    tile.bias = input(c, 1, n, n, VALUES_PLAIN).data;
    choose_clamp(c, &tile.lo, &tile.hi);
    for (int i = 0; i < OUTPUTS; i++) {
        bool inside = i / TM_WINOGRAD_OUT < rows && i % TM_WINOGRAD_OUT < columns;
        residual[i] = input(c, 1, n, n, VALUES_PLAIN).data;
        to[i] = inside ? out.data + (size_t)i * out.ld : NULL;
        want[i] = inside ? c->want + (size_t)i * n : NULL;
    }
    tile.residual = coin(c) ? residual : NULL;
    describe(c, "%zu channels, step %zu, %d x %d outputs, residual %d, clamp %g %g", n, step, rows,
             columns, tile.residual != NULL, (double)tile.lo, (double)tile.hi);
    for (size_t i = 0; i < OUTPUTS * n; i++) {
        c->want[i] = out.data[i / n * out.ld + i % n] = 0.25f;
        c->bound[i] = want[i / n] ? ROUNDINGS * HALF_ULP * GAIN_OUT * 2 : 0;
    }
    tile.out = want;
    c->reference->winograd_out_f32(&tile);
    tile.out = to;
    c->kernels->winograd_out_f32(&tile);
    expect_near(c, &out);
}

#endif
