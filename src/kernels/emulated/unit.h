/* SPDX-License-Identifier: Apache-2.0 */
/*
 * amx/unit.h in plain C, so that the loops and the packing of amx/ run on every processor: for
 * tests, no CPU has TM_CPU_EMULATED.
 *
 * The conversions and the transposition give the instructions' bits. A product of tiles follows
 * the pseudo-code of TDPBF16PS in Intel's manual: the even and the odd inputs of a step are added
 * up in two chains of fused multiply-adds that begin with zero, the two are added, then the sum;
 * subnormal numbers count as zero before and after each. Which NaN comes of several is not
 * followed.
 */
#ifndef TM_KERNELS_EMULATED_UNIT_H
#define TM_KERNELS_EMULATED_UNIT_H

#include <math.h>
#include <string.h>

#include "base/floats.h"
#include "kernels/dispatch.h"
#include "kernels/emulated/tiles.h"

#define TM_SPLIT_UNIT

/* ---- vectors of floats, as vec/vec.h has them ---- */

enum { VL = 16 };
typedef struct vf {
    float at[VL];
} vf;
typedef uint16_t vmask;

#define VM_ALL ((vmask)0xFFFF)

#define EACH(expression)                                                                           \
    vf y;                                                                                          \
    for (int i = 0; i < VL; i++)                                                                   \
        y.at[i] = expression;                                                                      \
    return y

VF vmask vm_first(size_t n)
{
    return (vmask)((1u << n) - 1);
}

VF vf vf_set(float x)
{
    EACH(x);
}

VF vf vf_load(const float *p)
{
    EACH(p[i]);
}

VF vf vf_load_first(const float *p, vmask m)
{
    EACH(m >> i & 1 ? p[i] : 0.0f);
}

VF void vf_store_first(float *p, vf x, vmask m)
{
    for (int i = 0; i < VL; i++)
        if (m >> i & 1)
            p[i] = x.at[i];
}

VF vf vf_add(vf a, vf b)
{
    EACH(a.at[i] + b.at[i]);
}

VF vf vf_max(vf a, vf b)
{
    EACH(a.at[i] > b.at[i] ? a.at[i] : b.at[i]);
}

VF vf vf_min(vf a, vf b)
{
    EACH(a.at[i] < b.at[i] ? a.at[i] : b.at[i]);
}

VF void vf_fetch(const float *p)
{
    __builtin_prefetch(p);
}

#undef EACH

/* ---- vectors of 32 halves ---- */

typedef struct vh {
    tm_bf16 at[TM_SPLIT_K];
} vh;
typedef uint32_t vhmask;

VF vhmask vhm_first(size_t n)
{
    return 0xFFFFFFFFu >> (TM_SPLIT_K - n);
}

VF vh vh_load_first(const tm_bf16 *p, vhmask m)
{
    vh x = {0};
    for (int i = 0; i < TM_SPLIT_K; i++)
        if (m >> i & 1)
            x.at[i] = p[i];
    return x;
}

VF vh vh_load(const tm_bf16 *p)
{
    return vh_load_first(p, vhm_first(TM_SPLIT_K));
}

VF void vh_store_first(tm_bf16 *p, vh x, vhmask m)
{
    for (int i = 0; i < TM_SPLIT_K; i++)
        if (m >> i & 1)
            p[i] = x.at[i];
}

VF void vh_store_any(tm_bf16 *p, vh x)
{
    vh_store_first(p, x, vhm_first(TM_SPLIT_K));
}

VF void vh_store(tm_bf16 *p, vh x)
{
    if ((uintptr_t)p % 64 != 0)
        __builtin_trap(); /* the instruction faults */
    vh_store_any(p, x);
}

VF void vh_fetch(const tm_bf16 *p)
{
    __builtin_prefetch(p);
}

/* 16 x 16 words of 32 bits */
VF void vh_transpose(const tm_bf16 *from, tm_bf16 *to)
{
    for (int i = 0; i < 16; i++)
        for (int j = 0; j < 16; j++)
            memcpy(to + (j * 16 + i) * 2, from + (i * 16 + j) * 2, 2 * sizeof *to);
}

/* ---- parts ---- */

VF float without_subnormals(float x)
{
    return fabsf(x) < 0x1p-126f ? copysignf(0, x) : x;
}

/* The next part of x; what is left stays in x. */
VF tm_bf16 take_one(int parts, float *x)
{
    tm_bf16 part = parts < TM_SPLIT_PARTS ? tm_bf16_of_f32(without_subnormals(*x))
                                          : (tm_bf16)(tm_f32_bits(*x) >> 16);
    *x -= tm_f32_of_bf16(part);
    return part;
}

VF vh take_part(int parts, vf x[2])
{
    vh part;
    for (int i = 0; i < TM_SPLIT_K; i++)
        part.at[i] = take_one(parts, &x[i / VL].at[i % VL]);
    return part;
}

VF vh take_pairs(int parts, vf x[2])
{
    vh part;
    for (int i = 0; i < TM_SPLIT_K; i++)
        part.at[i] = take_one(parts, &x[i % 2].at[i / 2]);
    return part;
}

/* ---- tiles ---- */

/* Halves as floats, DAZ. */
VF void widen(const tile_register *t, float out[TM_SPLIT_ROWS][TM_SPLIT_K])
{
    for (int i = 0; i < TM_SPLIT_ROWS; i++)
        for (int k = 0; k < TM_SPLIT_K; k++)
            out[i][k] = without_subnormals(tm_f32_of_bf16(t->halves[i][k]));
}

/* a * b + sum of bfloat16 numbers and a float, rounded once, FTZ. The product is exact in double;
 * nearly always so is the sum, which the differences tell. */
VF float fused(float a, float b, float sum)
{
    double product = (double)a * (double)b, total = product + (double)sum;
    bool exact = total - product == (double)sum && total - (double)sum == product;
    return without_subnormals(exact ? (float)total : fmaf(a, b, sum));
}

__attribute__((unused)) static void tile_multiply(tile_register *c, const tile_register *a,
                                                  const tile_register *b)
{
    float x[TM_SPLIT_ROWS][TM_SPLIT_K], y[TM_SPLIT_ROWS][TM_SPLIT_K];
    widen(a, x);
    widen(b, y);
    for (int i = 0; i < TM_SPLIT_ROWS; i++)
        for (int j = 0; j < TM_PANEL; j++) {
            float even = 0, odd = 0;
            for (int k = 0; k < TM_SPLIT_K / 2; k++) {
                even = fused(x[i][2 * k], y[k][2 * j], even);
                odd = fused(x[i][2 * k + 1], y[k][2 * j + 1], odd);
            }
            float sum = without_subnormals(even + odd) + without_subnormals(c->sums[i][j]);
            c->sums[i][j] = without_subnormals(sum);
        }
}

#define TILE_MULTIPLY(c, a, b) tile_multiply(tile_of(c), tile_of(a), tile_of(b))

#endif
