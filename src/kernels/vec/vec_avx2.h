/* SPDX-License-Identifier: Apache-2.0 */
/* The vector shim on AVX2 and FMA; vec.h has the contract and includes this. */
#ifndef TM_KERNELS_VEC_VEC_AVX2_H
#define TM_KERNELS_VEC_VEC_AVX2_H

#include <immintrin.h>
#include <stddef.h>

#include "kernels/vec/inline.h"

/* clang-format off */

enum { VL = 8, VF_REGISTERS = 16 };
typedef __m256 vf;
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
VF vf vf_scale2_normal(vf a, vf shifted)
{
    __m256i n = _mm256_slli_epi32(_mm256_castps_si256(shifted), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(a), n));
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

#define VF_KEEP(x) __asm__ volatile("" : "+v"(x))

/* clang-format on */

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
