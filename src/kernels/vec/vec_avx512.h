/* SPDX-License-Identifier: Apache-2.0 */
/* The vector shim on AVX-512 (F, BW, DQ, VL); vec.h has the contract and includes this. */
#ifndef TM_KERNELS_VEC_VEC_AVX512_H
#define TM_KERNELS_VEC_VEC_AVX512_H

#include <immintrin.h>
#include <stddef.h>

#include "kernels/bf16.h"
#include "kernels/vec/inline.h"

/* clang-format off */

enum { VL = 16, VF_REGISTERS = 32 };
typedef __m512 vf;
typedef __m512i vi;
typedef __mmask16 vmask;

VF vf vf_set(float x) { return _mm512_set1_ps(x); }
VF vf vf_load(const float *p) { return _mm512_loadu_ps(p); }
VF void vf_store(float *p, vf x) { _mm512_storeu_ps(p, x); }
VF vmask vm_first(size_t n) { return (vmask)((1u << n) - 1); }
VF vf vf_load_first(const float *p, vmask m) { return _mm512_maskz_loadu_ps(m, p); }
VF void vf_store_first(float *p, vf x, vmask m) { _mm512_mask_storeu_ps(p, m, x); }
VF vf vf_add(vf a, vf b) { return _mm512_add_ps(a, b); }
VF vf vf_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
VF vf vf_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
VF vf vf_div(vf a, vf b) { return _mm512_div_ps(a, b); }
VF vf vf_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
VF vf vf_fnma(vf a, vf b, vf c) { return _mm512_fnmadd_ps(a, b, c); }
VF vf vf_max(vf a, vf b) { return _mm512_max_ps(a, b); }
VF vf vf_min(vf a, vf b) { return _mm512_min_ps(a, b); }
VF vf vf_max_nan(vf a, vf b)
{
    return _mm512_mask_mov_ps(_mm512_max_ps(a, b), _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q), a);
}
VF vf vf_sqrt(vf a) { return _mm512_sqrt_ps(a); }
VF vf vf_abs(vf a) { return _mm512_abs_ps(a); }
VF vf vf_if_less(vf x, vf y, vf a, vf b)
{
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(x, y, _CMP_LT_OQ), b, a);
}
VF vf vf_scale2(vf a, vf n) { return _mm512_scalef_ps(a, n); }
VF vf vf_power2(vf shifted)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(shifted), 23));
}
VF float vf_sum(vf a)
{
    __m256 h = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    __m128 q = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    q = _mm_add_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_add_ss(q, _mm_shuffle_ps(q, q, 1)));
}
VF float vf_hmax(vf a) { return _mm512_reduce_max_ps(a); }
VF vf vf_blend_first(vf a, vf other, vmask m) { return _mm512_mask_blend_ps(m, other, a); }

/* such a one costs half as much where 512 bits take two steps (Zen 4) */
#define VHALF_IS_NARROW
typedef __m256 vhalf;
VF vhalf vhalf_load(const float *p) { return _mm256_loadu_ps(p); }
VF vhalf vhalf_fma(vhalf a, vhalf b, vhalf c) { return _mm256_fmadd_ps(a, b, c); }
VF vhalf vhalf_of(vf a) { return _mm512_castps512_ps256(a); }
VF vf vf_of_half(vhalf a) { return _mm512_zextps256_ps512(a); }

VF vi vi_set(int32_t x) { return _mm512_set1_epi32(x); }
VF vi vi_add(vi a, vi b) { return _mm512_add_epi32(a, b); }
VF vi vi_mul(vi a, vi b) { return _mm512_mullo_epi32(a, b); }
VF vi vi_shift_right(vi a, int bits) { return _mm512_srai_epi32(a, (unsigned)bits); }
VF vi vi_load_u8(const unsigned char *p)
{
    return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i_u *)p));
}
VF __m128i vi_to_u8(vi x) { return _mm512_cvtusepi32_epi8(_mm512_max_epi32(x, vi_set(0))); }
VF void vi_store_u8(unsigned char *p, vi x) { _mm_storeu_si128((__m128i_u *)p, vi_to_u8(x)); }
VF vi vi_load_u8_first(const unsigned char *p, size_t n)
{
    return _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8((__mmask16)((1u << n) - 1), p));
}
VF void vi_store_u8_first(unsigned char *p, vi x, size_t n)
{
    _mm_mask_storeu_epi8(p, (__mmask16)((1u << n) - 1), vi_to_u8(x));
}

#define VF_KEEP(x) __asm__ volatile("" : "+v"(x))
#define VF_IN_ORDER(x) ((void)0)

/* clang-format on */

/* ---- bfloat16, the upper half of a float32 ---- */

VF vf vf_of_bf16(__m256i halves)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}

/* in the upper halves */
VF __m512i vf_rounded(vf x)
{
    __m512i bits = _mm512_castps_si512(x), one = _mm512_set1_epi32(1);
    __m512i near = _mm512_add_epi32(bits, _mm512_set1_epi32(0x7FFF));
    __mmask16 odd = _mm512_test_epi32_mask(bits, _mm512_set1_epi32(0x10000));
    near = _mm512_mask_add_epi32(near, odd, near, one);
    __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    return _mm512_mask_or_epi32(near, nan, bits, _mm512_set1_epi32(0x400000)); /* quiet */
}

VF __m512i vf_rounded_low(vf x)
{
    return _mm512_srli_epi32(vf_rounded(x), 16);
}

VF __m256i vf_to_bf16(vf x)
{
    return _mm512_cvtepi32_epi16(vf_rounded_low(x));
}

VF vf vf_load_bf16(const tm_bf16 *p)
{
    return vf_of_bf16(_mm256_loadu_si256((const __m256i_u *)p));
}

VF void vf_store_bf16(tm_bf16 *p, vf x)
{
    _mm256_storeu_si256((__m256i_u *)p, vf_to_bf16(x));
}

VF void vf_store_bf16_pair(tm_bf16 *p, const vf x[2])
{
    /* packed lane by lane: four elements of one vector, four of the other */
    __m512i halves = _mm512_packus_epi32(vf_rounded_low(x[0]), vf_rounded_low(x[1]));
    const __m512i order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
    _mm512_storeu_si512(p, _mm512_permutexvar_epi64(order, halves));
}

/* x[0]: those of even places */
VF void vf_load_bf16_mixed(const tm_bf16 *p, vf x[2])
{
    __m512i halves = _mm512_loadu_si512(p);
    x[0] = _mm512_castsi512_ps(_mm512_slli_epi32(halves, 16));
    x[1] = _mm512_castsi512_ps(_mm512_and_si512(halves, _mm512_set1_epi32((int)0xFFFF0000)));
}

VF void vf_store_bf16_mixed(tm_bf16 *p, const vf x[2])
{
    __m512i even = vf_rounded_low(x[0]), odd = vf_rounded(x[1]);
    _mm512_storeu_si512(p, _mm512_mask_blend_epi16(0xAAAAAAAA, even, odd));
}

VF vf vf_load_bf16_first(const tm_bf16 *p, vmask m)
{
    return vf_of_bf16(_mm256_maskz_loadu_epi16(m, p));
}

VF void vf_store_bf16_first(tm_bf16 *p, vf x, vmask m)
{
    _mm256_mask_storeu_epi16(p, m, vf_to_bf16(x));
}

VF void vf_transpose(vf r[VL])
{
    vf a[VL], b[VL];
    for (int i = 0; i < VL; i += 2) {
        a[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        a[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < VL; i += 4)
        for (int k = 0; k < 2; k++) {
            __m512d low = _mm512_castps_pd(a[i + k]), high = _mm512_castps_pd(a[i + 2 + k]);
            b[i + 2 * k] = _mm512_castpd_ps(_mm512_unpacklo_pd(low, high));
            b[i + 2 * k + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low, high));
        }
    /* b[4 q + c] holds columns c, c + 4, c + 8, c + 12 of rows 4 q to 4 q + 3, a lane each */
    for (int c = 0; c < 4; c++) {
        vf even01 = _mm512_shuffle_f32x4(b[c], b[4 + c], 0x88);
        vf odd01 = _mm512_shuffle_f32x4(b[c], b[4 + c], 0xDD);
        vf even23 = _mm512_shuffle_f32x4(b[8 + c], b[12 + c], 0x88);
        vf odd23 = _mm512_shuffle_f32x4(b[8 + c], b[12 + c], 0xDD);
        r[c] = _mm512_shuffle_f32x4(even01, even23, 0x88);
        r[c + 4] = _mm512_shuffle_f32x4(odd01, odd23, 0x88);
        r[c + 8] = _mm512_shuffle_f32x4(even01, even23, 0xDD);
        r[c + 12] = _mm512_shuffle_f32x4(odd01, odd23, 0xDD);
    }
}

#endif
