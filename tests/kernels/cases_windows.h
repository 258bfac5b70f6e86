/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels that gather pixels through pointers or down columns. All of them keep the order of
 * additions that the contract states, so their bits are known. */
#ifndef TESTS_KERNELS_CASES_WINDOWS_H
#define TESTS_KERNELS_CASES_WINDOWS_H

#include "tests/kernels/cases_gemm.h"
#include "tests/kernels/harness.h"

static float dwconv_element(const tm_dwconv_tile *t, const block *pixels, int i, int channel,
                            bool fused)
{
    float sum = t->bias[channel];
    for (int tap = 0; tap < t->rows * t->kernel_w; tap++) {
        int row = tap / t->kernel_w, k = tap % t->kernel_w;
        int column = t->left + i * t->stride + k * t->dilation;
        if (column < 0 || column >= t->width)
            continue;
        size_t at = (size_t)row * t->x_row + (size_t)column * t->x_ld + (size_t)channel;
        float x = get(pixels, (ptrdiff_t)at);
        float w = t->w[(size_t)tap * t->w_ld + (size_t)channel];
        sum = fused ? fmaf(x, w, sum) : sum + x * w;
    }
    return clamped(sum, t->lo, t->hi);
}

static block choose_dwconv_input(check *c, elem type, tm_dwconv_tile *t)
{
    size_t channels = (size_t)t->channels, gap = coin(c) ? 0 : below(c, 20);
    int rows = t->rows > 0 ? t->rows : 1;
    size_t pixels = (size_t)(rows * t->width);
    values kind = below(c, 4) ? VALUES_PLAIN : VALUES_SPECIAL;
    block x = input_as(c, type, pixels, channels, channels + gap, kind);
    t->x = x.at;
    t->x_ld = x.ld;
    t->x_row = (size_t)t->width * x.ld;
    block w = input(c, (size_t)(rows * t->kernel_w), channels, channels + gap, VALUES_PLAIN);
    t->w = w.data;
    t->w_ld = w.ld;
    t->bias = input(c, 1, channels, channels, VALUES_PLAIN).data;
    return x;
}

static void check_dwconv(check *c, elem type)
{
    static const int kernels[] = {1, 2, 3, 3, 5, 5, 7, 7, 9, 11, 22, 60}, strides[] = {1, 1, 2, 3};
    size_t channels = coin(c) ? any_size(c) : 1 + (size_t)c->index % 50;
    tm_dwconv_tile t = {.rows = (int)below(c, 8),
                        .kernel_w = kernels[below(c, 12)],
                        .stride = strides[below(c, 4)],
                        .dilation = below(c, 4) ? 1 : 2,
                        .pixels = 1 + (int)below(c, 20),
                        .width = 1 + (int)below(c, coin(c) ? 24 : 80),
                        .channels = (int)channels};
    t.left = (int)below(c, 12) - 9;
    block x = choose_dwconv_input(c, type, &t);
    t.out_ld = channels + (coin(c) ? 0 : below(c, 20));
    choose_clamp(c, &t.lo, &t.hi);
    block out = take_as(c, type, (size_t)t.pixels, channels, t.out_ld);
    t.out = out.at;
    describe(c,
             "%d pixels of %d from %d, %d channels, %d x %d taps, stride %d, dilation %d, "
             "ld %zu and %zu, clamp %g %g",
             t.pixels, t.width, t.left, t.channels, t.rows, t.kernel_w, t.stride, t.dilation,
             t.x_ld, t.out_ld, (double)t.lo, (double)t.hi);
    for (int i = 0; i < t.pixels; i++)
        for (int k = 0; k < t.channels; k++)
            c->want[i * t.channels + k] = dwconv_element(&t, &x, i, k, c->fused);
    TYPED(c->kernels, dwconv, type)(&t);
    expect_same(c, &out);
}

static void check_dwconv_f32(check *c)
{
    check_dwconv(c, F32);
}

static void check_dwconv_bf16(check *c)
{
    check_dwconv(c, BF16);
}

static values reducible(check *c)
{
    return coin(c) ? VALUES_SPECIAL : coin(c) ? VALUES_WIDE : VALUES_PLAIN;
}

static void check_pool(check *c, elem type)
{
    static const int counts[] = {1, 2, 4, 6, 9, 25};
    tm_reduce_op op = coin(c) ? TM_REDUCE_OP_SUM : TM_REDUCE_OP_MAX;
    size_t n = coin(c) ? any_size(c) : 1 + (size_t)c->index % 50;
    int count = counts[below(c, 6)];
    float scale = op == TM_REDUCE_OP_MAX ? 1.0f : 1.0f / (float)count;
    values kind = reducible(c);
    const void *taps[25], *wide[25];
    for (int t = 0; t < count; t++) {
        block x = input_as(c, type, 1, n, n, kind);
        taps[t] = x.at;
        wide[t] = widened(&x, c->wide + (size_t)t * n);
    }
    block out = take_as(c, type, 1, n, n);
    describe(c, "%s of %d, n %zu", op == TM_REDUCE_OP_SUM ? "sum" : "max", count, n);
    c->reference->pool_f32(op, count, wide, n, scale, c->want);
    TYPED(c->kernels, pool, type)(op, count, taps, n, scale, out.at);
    expect_same(c, &out);
}

static void check_pool_f32(check *c)
{
    check_pool(c, F32);
}

static void check_pool_bf16(check *c)
{
    check_pool(c, BF16);
}

static void check_colreduce(check *c, elem type)
{
    tm_reduce_op op = coin(c) ? TM_REDUCE_OP_SUM : TM_REDUCE_OP_MAX;
    size_t rows = coin(c) ? any_size(c) : 1 + below(c, 40);
    size_t n = coin(c) ? any_size(c) : 1 + (size_t)c->index % 50;
    block x = input_as(c, type, rows, n, n + (coin(c) ? 0 : below(c, 20)), reducible(c));
    block out = take(c, 1, n, n);
    describe(c, "%s of %zu x %zu, ld %zu", op == TM_REDUCE_OP_SUM ? "sum" : "max", rows, n, x.ld);
    c->reference->colreduce_f32(op, rows, n, widened(&x, c->wide), n, c->want);
    TYPED(c->kernels, colreduce, type)(op, rows, n, x.at, x.ld, out.data);
    expect_same(c, &out);
}

static void check_colreduce_f32(check *c)
{
    check_colreduce(c, F32);
}

static void check_colreduce_bf16(check *c)
{
    check_colreduce(c, BF16);
}

#endif
