/* SPDX-License-Identifier: Apache-2.0 */
/* The vector shim on AVX2 and FMA; vec.h has the contract and includes this. */
#ifndef TM_KERNELS_VEC_VEC_AVX2_H
#define TM_KERNELS_VEC_VEC_AVX2_H

#include <immintrin.h>
#include <stddef.h>
#include <string.h>

#include "kernels/bf16.h"
#include "kernels/vec/inline.h"

/* clang-format off */

enum { VL = 8, VF_REGISTERS = 16 };
typedef __m256 vf;
typedef __m256i vi;
typedef __m256i vmask;

VF vf vf_set(float x) { return _mm256_set1_ps(x); }
VF vf vf_load(const float *p) { return _mm256_loadu_ps(p); }
VF void vf_store(float *p, vf x) { _mm256_storeu_ps(p, x); }
VF vmask vm_first(size_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
VF vf vf_load_first(const float *p, vmask m) { return _mm256_maskload_ps(p, m); }
VF void vf_store_first(float *p, vf x, vmask m) { _mm256_maskstore_ps(p, m, x); }
VF vf vf_add(vf a, vf b) { return _mm256_add_ps(a, b); }
VF vf vf_sub(vf a, vf b) { return _mm256_sub_ps(a, b); }
VF vf vf_mul(vf a, vf b) { return _mm256_mul_ps(a, b); }
VF vf vf_div(vf a, vf b) { return _mm256_div_ps(a, b); }
VF vf vf_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
VF vf vf_fnma(vf a, vf b, vf c) { return _mm256_fnmadd_ps(a, b, c); }
VF vf vf_max(vf a, vf b) { return _mm256_max_ps(a, b); }
VF vf vf_min(vf a, vf b) { return _mm256_min_ps(a, b); }
VF vf vf_max_nan(vf a, vf b)
{
    return _mm256_blendv_ps(_mm256_max_ps(a, b), a, _mm256_cmp_ps(a, a, _CMP_UNORD_Q));
}
VF vf vf_sqrt(vf a) { return _mm256_sqrt_ps(a); }
VF vf vf_abs(vf a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
VF vf vf_if_less(vf x, vf y, vf a, vf b)
{
    return _mm256_blendv_ps(b, a, _mm256_cmp_ps(x, y, _CMP_LT_OQ));
}
/* two halves, so that results near the ends of the range stay right */
VF vf vf_scale2(vf a, vf n)
{
    __m256i i = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(i, 1), rest = _mm256_sub_epi32(i, half);
    __m256i bias = _mm256_set1_epi32(127);
    vf s1 = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(half, bias), 23));
    vf s2 = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(rest, bias), 23));
    return _mm256_mul_ps(_mm256_mul_ps(a, s1), s2);
}
VF vf vf_power2(vf shifted)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(shifted), 23));
}
VF float vf_sum(vf a)
{
    __m128 q = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    q = _mm_add_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_add_ss(q, _mm_shuffle_ps(q, q, 1)));
}
VF float vf_hmax(vf a)
{
    __m128 q = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    q = _mm_max_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_max_ss(q, _mm_shuffle_ps(q, q, 1)));
}
VF vf vf_blend_first(vf a, vf other, vmask m) { return _mm256_blendv_ps(other, a, _mm256_castsi256_ps(m)); }

VF vi vi_set(int32_t x) { return _mm256_set1_epi32(x); }
VF vi vi_add(vi a, vi b) { return _mm256_add_epi32(a, b); }
VF vi vi_mul(vi a, vi b) { return _mm256_mullo_epi32(a, b); }
VF vi vi_shift_right(vi a, int bits) { return _mm256_srai_epi32(a, bits); }
VF vi vi_load_u8(const unsigned char *p)
{
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i_u *)p));
}
/* in the low half */
VF __m128i vi_to_u8(vi x)
{
    __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    return _mm_packus_epi16(words, words);
}
VF void vi_store_u8(unsigned char *p, vi x) { _mm_storel_epi64((__m128i_u *)p, vi_to_u8(x)); }
/* there are no masks for bytes */
VF vi vi_load_u8_first(const unsigned char *p, size_t n)
{
    unsigned char bytes[VL] = {0};
    memcpy(bytes, p, n);
    return vi_load_u8(bytes);
}
VF void vi_store_u8_first(unsigned char *p, vi x, size_t n)
{
    unsigned char bytes[VL];
    vi_store_u8(bytes, x);
    memcpy(p, bytes, n);
}

#define VF_KEEP(x) __asm__ volatile("" : "+v"(x))
#define VF_IN_ORDER(x) ((void)0)

/* clang-format on */

/* ---- bfloat16, the upper half of a float32 ---- */

VF vf vf_of_bf16(__m128i halves)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
}

/* A number's in the upper half. */
VF __m256i vf_nearest(vf x)
{
    __m256i bits = _mm256_castps_si256(x);
    __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    return _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7FFF)), odd);
}

/* NaN's made quiet, in the place of what they were rounded to */
VF __m256i vf_with_nan(vf x, __m256i nearest)
{
    __m256i quiet = _mm256_or_si256(_mm256_castps_si256(x), _mm256_set1_epi32(0x400000));
    return _mm256_castps_si256(_mm256_blendv_ps(_mm256_castsi256_ps(nearest),
                                                _mm256_castsi256_ps(quiet),
                                                _mm256_cmp_ps(x, x, _CMP_UNORD_Q)));
}

VF __m256i vf_rounded(vf x)
{
    return vf_with_nan(x, vf_nearest(x));
}

/* Two vectors: one comparison finds that there is no NaN in either. */
VF void vf_rounded_pair(const vf x[2], __m256i y[2])
{
    y[0] = vf_nearest(x[0]);
    y[1] = vf_nearest(x[1]);
    if (__builtin_expect(_mm256_movemask_ps(_mm256_cmp_ps(x[0], x[1], _CMP_UNORD_Q)), 0)) {
        y[0] = vf_with_nan(x[0], y[0]);
        y[1] = vf_with_nan(x[1], y[1]);
    }
}

VF __m128i vf_to_bf16(vf x)
{
    __m256i halves = _mm256_srli_epi32(vf_rounded(x), 16);
    halves = _mm256_packus_epi32(halves, halves); /* in each lane its four, twice */
    return _mm256_castsi256_si128(_mm256_permute4x64_epi64(halves, 0x08));
}

VF vf vf_load_bf16(const tm_bf16 *p)
{
    return vf_of_bf16(_mm_loadu_si128((const __m128i_u *)p));
}

VF void vf_store_bf16(tm_bf16 *p, vf x)
{
    _mm_storeu_si128((__m128i_u *)p, vf_to_bf16(x));
}

VF void vf_store_bf16_pair(tm_bf16 *p, const vf x[2])
{
    __m256i y[2];
    vf_rounded_pair(x, y);
    /* packed lane by lane: four elements of one vector, four of the other */
    __m256i halves = _mm256_packus_epi32(_mm256_srli_epi32(y[0], 16), _mm256_srli_epi32(y[1], 16));
    _mm256_storeu_si256((__m256i_u *)p, _mm256_permute4x64_epi64(halves, 0xD8));
}

/* x[0]: those of even places */
VF void vf_load_bf16_mixed(const tm_bf16 *p, vf x[2])
{
    __m256i halves = _mm256_loadu_si256((const __m256i_u *)p);
    x[0] = _mm256_castsi256_ps(_mm256_slli_epi32(halves, 16));
    x[1] = _mm256_castsi256_ps(_mm256_and_si256(halves, _mm256_set1_epi32((int)0xFFFF0000)));
}

VF void vf_store_bf16_mixed(tm_bf16 *p, const vf x[2])
{
    __m256i y[2];
    vf_rounded_pair(x, y);
    y[0] = _mm256_srli_epi32(y[0], 16);
    _mm256_storeu_si256((__m256i_u *)p, _mm256_blend_epi16(y[0], y[1], 0xAA));
}

VF int vm_count(vmask m)
{
    return __builtin_popcount((unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(m)));
}

/* There are no masks for 16 bits: four elements, two and one, as the count has its bits. */
VF vf vf_load_bf16_first(const tm_bf16 *p, vmask m)
{
    int n = vm_count(m);
    uint64_t low = 0, high = 0;
    if (n & 1)
        high = p[n - 1];
    if (n & 2) {
        uint32_t two;
        memcpy(&two, p + (n & 4), sizeof two);
        high = high << 32 | two;
    }
    if (n & 4)
        memcpy(&low, p, sizeof low);
    return vf_of_bf16(n & 4 ? _mm_set_epi64x((long long)high, (long long)low)
                            : _mm_cvtsi64_si128((long long)high));
}

VF void vf_store_bf16_first(tm_bf16 *p, vf x, vmask m)
{
    int n = vm_count(m);
    __m128i halves = vf_to_bf16(x);
    uint64_t rest = (uint64_t)_mm_cvtsi128_si64(halves);
    if (n & 4) {
        memcpy(p, &rest, sizeof rest);
        rest = (uint64_t)_mm_extract_epi64(halves, 1);
        p += 4;
    }
    if (n & 2) {
        uint32_t two = (uint32_t)rest;
        memcpy(p, &two, sizeof two);
        rest >>= 32;
        p += 2;
    }
    if (n & 1)
        *p = (tm_bf16)rest;
}

VF void vf_transpose(vf r[VL])
{
    vf a[VL], b[VL];
    for (int i = 0; i < VL; i += 2) {
        a[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        a[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < VL; i += 4)
        for (int k = 0; k < 2; k++) {
            __m256d low = _mm256_castps_pd(a[i + k]), high = _mm256_castps_pd(a[i + 2 + k]);
            b[i + 2 * k] = _mm256_castpd_ps(_mm256_unpacklo_pd(low, high));
            b[i + 2 * k + 1] = _mm256_castpd_ps(_mm256_unpackhi_pd(low, high));
        }
    /* b[c] and b[4 + c] hold columns c and c + 4 of four rows, a lane each */
    for (int c = 0; c < 4; c++) {
        r[c] = _mm256_permute2f128_ps(b[c], b[4 + c], 0x20);
        r[c + 4] = _mm256_permute2f128_ps(b[c], b[4 + c], 0x31);
    }
}

#endif
