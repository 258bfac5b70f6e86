/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What split_multiply.h and split_pack.h are made of, on AMX and AVX512-BF16; emulated/unit.h has
 * the same for every processor.
 */
#ifndef TM_KERNELS_AMX_UNIT_H
#define TM_KERNELS_AMX_UNIT_H

#include "kernels/amx/tiles.h"
#include "kernels/split.h"
#include "kernels/vec/vec.h"

#define TM_SPLIT_UNIT

/* ---- vectors of 32 halves ---- */

typedef __m512i vh;
typedef __mmask32 vhmask;

#define VM_ALL ((vmask)0xFFFF)

/* the first n halves, 1 <= n <= 32 */
VF vhmask vhm_first(size_t n)
{
    return (vhmask)(0xFFFFFFFFu >> (TM_SPLIT_K - n));
}

VF vh vh_load(const tm_bf16 *p)
{
    return _mm512_loadu_si512(p);
}

VF vh vh_load_first(const tm_bf16 *p, vhmask m)
{
    return _mm512_maskz_loadu_epi16(m, p);
}

/* p is aligned to 64 bytes */
VF void vh_store(tm_bf16 *p, vh x)
{
    _mm512_store_si512(p, x);
}

VF void vh_store_any(tm_bf16 *p, vh x)
{
    _mm512_storeu_si512(p, x);
}

VF void vh_store_first(tm_bf16 *p, vh x, vhmask m)
{
    _mm512_mask_storeu_epi16(p, m, x);
}

VF void vh_fetch(const tm_bf16 *p)
{
    __builtin_prefetch(p);
}

/* 16 x 16 words of 32 bits */
VF void vh_transpose(const tm_bf16 *from, tm_bf16 *to)
{
    __m512i a[16], b[16];
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++)
        a[i] = _mm512_load_si512(from + i * TM_SPLIT_K);
#pragma GCC unroll 8
    for (int i = 0; i < 16; i += 2) {
        b[i] = _mm512_unpacklo_epi32(a[i], a[i + 1]);
        b[i + 1] = _mm512_unpackhi_epi32(a[i], a[i + 1]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 16; i += 4) {
        a[i] = _mm512_unpacklo_epi64(b[i], b[i + 2]);
        a[i + 1] = _mm512_unpackhi_epi64(b[i], b[i + 2]);
        a[i + 2] = _mm512_unpacklo_epi64(b[i + 1], b[i + 3]);
        a[i + 3] = _mm512_unpackhi_epi64(b[i + 1], b[i + 3]);
    }
    /* a[4 q + r]: lane l holds column 4 l + r of rows 4 q to 4 q + 3 */
#pragma GCC unroll 4
    for (int r = 0; r < 4; r++) {
        b[r] = _mm512_shuffle_i32x4(a[r], a[4 + r], 0x44);
        b[4 + r] = _mm512_shuffle_i32x4(a[r], a[4 + r], 0xEE);
        b[8 + r] = _mm512_shuffle_i32x4(a[8 + r], a[12 + r], 0x44);
        b[12 + r] = _mm512_shuffle_i32x4(a[8 + r], a[12 + r], 0xEE);
    }
#pragma GCC unroll 4
    for (int r = 0; r < 4; r++) {
        _mm512_store_si512(to + r * TM_SPLIT_K, _mm512_shuffle_i32x4(b[r], b[8 + r], 0x88));
        _mm512_store_si512(to + (4 + r) * TM_SPLIT_K, _mm512_shuffle_i32x4(b[r], b[8 + r], 0xDD));
        _mm512_store_si512(to + (8 + r) * TM_SPLIT_K,
                           _mm512_shuffle_i32x4(b[4 + r], b[12 + r], 0x88));
        _mm512_store_si512(to + (12 + r) * TM_SPLIT_K,
                           _mm512_shuffle_i32x4(b[4 + r], b[12 + r], 0xDD));
    }
}

/* ---- parts ----
 *
 * float32 into bfloat16 parts, two vectors at a time. One or two parts are rounded; three are cut
 * off, which takes less than half as many instructions and loses nothing: what is left behind the
 * second has 8 bits. */

/* bfloat16 in the upper halves */
VF vf widened(__m256i halves)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}

/* x without its upper half */
VF vf without_upper(vf x)
{
    __m512i upper = _mm512_and_si512(_mm512_castps_si512(x), _mm512_set1_epi32((int)0xFFFF0000));
    return vf_sub(x, _mm512_castsi512_ps(upper));
}

/* The next part of x[0] and x[1], one behind the other; what is left stays in x. */
VF vh take_part(int parts, vf x[2])
{
    if (parts < TM_SPLIT_PARTS) {
        __m512i part = (__m512i)_mm512_cvtne2ps_pbh(x[1], x[0]);
        x[0] = vf_sub(x[0], widened(_mm512_castsi512_si256(part)));
        x[1] = vf_sub(x[1], widened(_mm512_extracti64x4_epi64(part, 1)));
        return part;
    }
    /* packing works on lanes of 128 bits */
    const __m512i order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
    __m512i first = _mm512_srli_epi32(_mm512_castps_si512(x[0]), 16);
    __m512i second = _mm512_srli_epi32(_mm512_castps_si512(x[1]), 16);
    x[0] = without_upper(x[0]);
    x[1] = without_upper(x[1]);
    return _mm512_permutexvar_epi64(order, _mm512_packus_epi32(first, second));
}

/* The same in pairs: element 2 i of x[0], element 2 i + 1 of x[1]. */
VF vh take_pairs(int parts, vf x[2])
{
    if (parts < TM_SPLIT_PARTS) {
        __m256i first = (__m256i)_mm512_cvtneps_pbh(x[0]);
        __m256i second = (__m256i)_mm512_cvtneps_pbh(x[1]);
        __m512i upper = _mm512_slli_epi32(_mm512_cvtepu16_epi32(second), 16);
        x[0] = vf_sub(x[0], widened(first));
        x[1] = vf_sub(x[1], _mm512_castsi512_ps(upper));
        return _mm512_or_si512(_mm512_cvtepu16_epi32(first), upper);
    }
    __m512i first = _mm512_srli_epi32(_mm512_castps_si512(x[0]), 16);
    __m512i pairs = _mm512_mask_blend_epi16(0xAAAAAAAA, first, _mm512_castps_si512(x[1]));
    x[0] = without_upper(x[0]);
    x[1] = without_upper(x[1]);
    return pairs;
}

#endif
