/* SPDX-License-Identifier: Apache-2.0 */
/* Vectors of bytes on AVX2 and AVX-512, with and without VNNI; i8.h has the contract and includes
 * this. */
#ifndef TM_KERNELS_VEC_I8_AVX_H
#define TM_KERNELS_VEC_I8_AVX_H

#include <string.h>

#include "kernels/vec/vec.h"

/* clang-format off */
#if defined(__AVX512VNNI__)

VF vi vi_zero(void) { return _mm512_setzero_si512(); }
VF vi vi_load(const void *p) { return _mm512_loadu_si512(p); }
VF vi vi_dot(vi sum, vi bytes, vi weights) { return _mm512_dpbusd_epi32(sum, bytes, weights); }
VF vf vf_of_vi(vi x) { return _mm512_cvtepi32_ps(x); }
VF vi vi_of_vf(vf x) { return _mm512_cvtps_epi32(x); }
VF vi vi_bytes(const vi x[4])
{
    vi low = _mm512_packs_epi32(x[0], x[1]), high = _mm512_packs_epi32(x[2], x[3]);
    const vi order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    return _mm512_permutexvar_epi32(order, _mm512_packus_epi16(low, high));
}
VF void vi_store(void *p, vi x) { _mm512_storeu_si512(p, x); }
VF void vi_store_first(uint8_t *p, vi x, size_t n) { _mm512_mask_storeu_epi8(p, ((__mmask64)1 << n) - 1, x); }

#else

VF vi vi_zero(void) { return _mm256_setzero_si256(); }
VF vi vi_load(const void *p) { return _mm256_loadu_si256((const __m256i_u *)p); }
#if defined(__AVXVNNI__)
VF vi vi_dot(vi sum, vi bytes, vi weights) { return _mm256_dpbusd_avx_epi32(sum, bytes, weights); }
#else
/* as words, for sums of two products of bytes do not fit one */
VF vi vi_dot(vi sum, vi bytes, vi weights)
{
    vi even = _mm256_and_si256(bytes, _mm256_set1_epi16(0xFF)), odd = _mm256_srli_epi16(bytes, 8);
    vi even_w = _mm256_srai_epi16(_mm256_slli_epi16(weights, 8), 8);
    vi odd_w = _mm256_srai_epi16(weights, 8);
    return vi_add(sum, vi_add(_mm256_madd_epi16(even, even_w), _mm256_madd_epi16(odd, odd_w)));
}
#endif
VF vf vf_of_vi(vi x) { return _mm256_cvtepi32_ps(x); }
VF vi vi_of_vf(vf x) { return _mm256_cvtps_epi32(x); }
VF vi vi_bytes(const vi x[4])
{
    vi low = _mm256_packs_epi32(x[0], x[1]), high = _mm256_packs_epi32(x[2], x[3]);
    const vi order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    return _mm256_permutevar8x32_epi32(_mm256_packus_epi16(low, high), order);
}
VF void vi_store(void *p, vi x) { _mm256_storeu_si256((__m256i_u *)p, x); }
VF void vi_store_first(uint8_t *p, vi x, size_t n)
{
    uint8_t bytes[32];
    vi_store(bytes, x);
    memcpy(p, bytes, n);
}

#endif
/* clang-format on */

#if defined(__AVX512F__)
VF __m256 vf_halves_max(vf a)
{
    return _mm256_max_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
}
#else
VF __m256 vf_halves_max(vf a)
{
    return a;
}
#endif

VF void vf_hmax4(const vf a[4], float most[4])
{
    __m256 h[4];
    UNROLL
    for (int i = 0; i < 4; i++)
        h[i] = vf_halves_max(a[i]);
    __m256 ab = _mm256_max_ps(_mm256_unpacklo_ps(h[0], h[1]), _mm256_unpackhi_ps(h[0], h[1]));
    __m256 cd = _mm256_max_ps(_mm256_unpacklo_ps(h[2], h[3]), _mm256_unpackhi_ps(h[2], h[3]));
    __m256 all = _mm256_max_ps(_mm256_shuffle_ps(ab, cd, 0x44), _mm256_shuffle_ps(ab, cd, 0xEE));
    _mm_storeu_ps(most, _mm_max_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps(all, 1)));
}

/* in every sum's place */
VF vi vi_quad(const uint8_t *p)
{
    int32_t quad;
    memcpy(&quad, p, sizeof quad);
    return vi_set(quad);
}

VF vi vi_start(const float *weights)
{
    (void)weights;
    return vi_zero();
}

#endif
