/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels that gather pixels through pointers or down columns. All of them keep the order of
 * additions that the contract states, so their bits are known. */
#ifndef TESTS_KERNELS_CASES_WINDOWS_H
#define TESTS_KERNELS_CASES_WINDOWS_H

#include "tests/kernels/cases_gemm.h"
#include "tests/kernels/harness.h"

static float dwconv_element(const tm_dwconv_tile *t, int i, int channel, bool fused)
{
    float sum = t->bias[channel];
    for (int tap = 0; tap < t->taps; tap++) {
        float x = t->px[(size_t)tap * t->tap_stride + (size_t)i][channel];
        float w = t->w[(size_t)tap * (size_t)t->channels + (size_t)channel];
        sum = fused ? fmaf(x, w, sum) : sum + x * w;
    }
    return clamped(sum, t->lo, t->hi);
}

static void check_dwconv_f32(check *c)
{
    static const int taps[] = {1, 3, 9, 25};
    static const float *px[25 * 12];
    size_t channels = coin(c) ? any_size(c) : 1 + (size_t)c->index % 50, spare = below(c, 3);
    tm_dwconv_tile t = {
        .taps = taps[below(c, 4)], .pixels = 1 + (int)below(c, 9), .channels = (int)channels};
    values kind = below(c, 4) ? VALUES_PLAIN : VALUES_SPECIAL;
    t.tap_stride = (size_t)t.pixels + spare;
    for (int tap = 0; tap < t.taps; tap++)
        for (int i = 0; i < t.pixels; i++)
            px[(size_t)tap * t.tap_stride + (size_t)i] = input(c, 1, channels, channels, kind).data;
    t.px = px;
    t.w = input(c, (size_t)t.taps, channels, channels, kind).data;
    t.bias = input(c, 1, channels, channels, VALUES_PLAIN).data;
    t.out_ld = channels + (coin(c) ? 0 : below(c, 20));
    choose_clamp(c, &t.lo, &t.hi);
    block out = take(c, (size_t)t.pixels, channels, t.out_ld);
    t.out = out.data;
    describe(c, "%d pixels, %d channels, %d taps, ld %zu, clamp %g %g", t.pixels, t.channels,
             t.taps, t.out_ld, (double)t.lo, (double)t.hi);
    for (int i = 0; i < t.pixels; i++)
        for (int k = 0; k < t.channels; k++)
            c->want[i * t.channels + k] = dwconv_element(&t, i, k, c->isa != TM_ISA_SCALAR);
    c->kernels->dwconv_f32(&t);
    expect_same(c, &out);
}

/* Sums may meet anything, maxima no NaN: the contract does not say what becomes of it. */
static values reducible(check *c, tm_reduce_op op)
{
    return op == TM_REDUCE_OP_SUM && coin(c) ? VALUES_SPECIAL
           : coin(c)                         ? VALUES_WIDE
                                             : VALUES_PLAIN;
}

static void check_pool_f32(check *c)
{
    static const int counts[] = {1, 2, 4, 6, 9, 25};
    tm_reduce_op op = coin(c) ? TM_REDUCE_OP_SUM : TM_REDUCE_OP_MAX;
    size_t n = coin(c) ? any_size(c) : 1 + (size_t)c->index % 50;
    int count = counts[below(c, 6)];
    float scale = op == TM_REDUCE_OP_MAX ? 1.0f : 1.0f / (float)count;
    values kind = reducible(c, op);
    const float *taps[25];
    for (int t = 0; t < count; t++)
        taps[t] = input(c, 1, n, n, kind).data;
    block out = take(c, 1, n, n);
    describe(c, "%s of %d, n %zu", op == TM_REDUCE_OP_SUM ? "sum" : "max", count, n);
    c->reference->pool_f32(op, count, taps, n, scale, c->want);
    c->kernels->pool_f32(op, count, taps, n, scale, out.data);
    expect_same(c, &out);
}

static void check_colreduce_f32(check *c)
{
    tm_reduce_op op = coin(c) ? TM_REDUCE_OP_SUM : TM_REDUCE_OP_MAX;
    size_t rows = coin(c) ? any_size(c) : 1 + below(c, 40);
    size_t n = coin(c) ? any_size(c) : 1 + (size_t)c->index % 50;
    block x = input(c, rows, n, n + (coin(c) ? 0 : below(c, 20)), reducible(c, op));
    block out = take(c, 1, n, n);
    describe(c, "%s of %zu x %zu, ld %zu", op == TM_REDUCE_OP_SUM ? "sum" : "max", rows, n, x.ld);
    c->reference->colreduce_f32(op, rows, n, x.data, x.ld, c->want);
    c->kernels->colreduce_f32(op, rows, n, x.data, x.ld, out.data);
    expect_same(c, &out);
}

#endif
