/* SPDX-License-Identifier: Apache-2.0 */
/*
 * float32 into bfloat16 parts, two vectors at a time. One or two parts are rounded; three are cut
 * off, which takes less than half as many instructions and loses nothing: what is left behind the
 * second has 8 bits.
 */
#ifndef TM_KERNELS_AMX_SPLIT_PARTS_H
#define TM_KERNELS_AMX_SPLIT_PARTS_H

#include "kernels/split.h"
#include "kernels/vec/vec.h"

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
VF __m512i take_part(int parts, vf x[2])
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
VF __m512i take_pairs(int parts, vf x[2])
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
