/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vector shim: one vector of floats of the ISA that the file is compiled for (TM_ISA), with
 * masked heads for tails. Everything is static: nothing compiled for an ISA may be shared.
 */
#ifndef TM_KERNELS_VEC_VEC_H
#define TM_KERNELS_VEC_VEC_H

#include <immintrin.h>
#include <stddef.h>

#include "kernels/dispatch.h"

#define TM_PASTE2(a, b) a##__##b
#define TM_PASTE(a, b) TM_PASTE2(a, b)
/* tm_act_f32 -> tm_act_f32__avx2 */
#define TM_KERNEL(name) TM_PASTE(name, TM_ISA)

#define VF static inline __attribute__((always_inline, unused))

/* Added to a number below 2^22 it rounds it to an integer, which the low bits of the sum hold. */
#define VF_SHIFT 0x1.8p23f

/* the line at p will be wanted soon */
VF void vf_fetch(const float *p)
{
    _mm_prefetch((const char *)p, _MM_HINT_T0);
}

/* clang-format off */
#if defined(__AVX512F__)

enum { VL = 16 };
typedef __m512 vf;
typedef __mmask16 vmask;

VF vf vf_set(float x) { return _mm512_set1_ps(x); }
VF vf vf_load(const float *p) { return _mm512_loadu_ps(p); }
VF void vf_store(float *p, vf x) { _mm512_storeu_ps(p, x); }
VF vmask vm_first(size_t n) { return (vmask)((1u << n) - 1); } /* n < VL */
VF vf vf_load_first(const float *p, vmask m) { return _mm512_maskz_loadu_ps(m, p); }
VF void vf_store_first(float *p, vf x, vmask m) { _mm512_mask_storeu_ps(p, m, x); }
VF vf vf_add(vf a, vf b) { return _mm512_add_ps(a, b); }
VF vf vf_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
VF vf vf_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
VF vf vf_div(vf a, vf b) { return _mm512_div_ps(a, b); }
VF vf vf_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }   /* a * b + c */
VF vf vf_fnma(vf a, vf b, vf c) { return _mm512_fnmadd_ps(a, b, c); } /* c - a * b */
/* NaN in b stays NaN, as torch's clamps keep it */
VF vf vf_max(vf a, vf b) { return _mm512_max_ps(a, b); }
VF vf vf_min(vf a, vf b) { return _mm512_min_ps(a, b); }
/* NaN where either is */
VF vf vf_max_nan(vf a, vf b)
{
    return _mm512_mask_mov_ps(_mm512_max_ps(a, b), _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q), a);
}
VF vf vf_sqrt(vf a) { return _mm512_sqrt_ps(a); }
VF vf vf_abs(vf a) { return _mm512_abs_ps(a); }
/* a where x < y, else b */
VF vf vf_if_less(vf x, vf y, vf a, vf b)
{
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(x, y, _CMP_LT_OQ), b, a);
}
/* a * 2^n for integral n */
VF vf vf_scale2(vf a, vf n) { return _mm512_scalef_ps(a, n); }
/* the same where a and the result are normal numbers; shifted: n + VF_SHIFT */
VF vf vf_scale2_normal(vf a, vf shifted)
{
    __m512i n = _mm512_slli_epi32(_mm512_castps_si512(shifted), 23);
    return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(a), n));
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

#else

enum { VL = 8 };
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

#endif

/* clang-format on */

/* ---- curves ---- */

/* exp(sign * x) * scale = p * 2^n, p by a minimax polynomial on [-ln2/2, ln2/2] of relative error
 * 4e-9; shifted: n + VF_SHIFT */
typedef struct vf_power {
    vf p, n, shifted;
} vf_power;

VF vf_power vf_exp_parts(vf x, float sign, float scale)
{
    vf_power e = {.shifted = vf_fma(x, vf_set(sign * 1.44269504f), vf_set(VF_SHIFT))};
    e.n = vf_sub(e.shifted, vf_set(VF_SHIFT));
    vf r = vf_fnma(e.n, vf_set(sign * 0.693145752f), x);
    r = vf_fnma(e.n, vf_set(sign * 1.42860677e-6f), r);
    vf p = vf_set(scale * 1.38141739e-3f);
    p = vf_fma(p, r, vf_set(sign * scale * 8.36892147e-3f));
    p = vf_fma(p, r, vf_set(scale * 4.16684076e-2f));
    p = vf_fma(p, r, vf_set(sign * scale * 0.166665196f));
    p = vf_fma(p, r, vf_set(scale * 0.49999994f));
    p = vf_fma(p, r, vf_set(sign * scale));
    e.p = vf_fma(p, r, vf_set(scale));
    return e;
}

/* relative error below 2 ulp; 0 and inf at the ends */
VF vf vf_exp(vf x)
{
    vf_power e = vf_exp_parts(vf_min(vf_set(89.0f), vf_max(vf_set(-104.0f), x)), 1, 1);
    return vf_scale2(e.p, e.n);
}

/* exp(-x) / 2, not below e^-86 / 2: cheaper, for where such a result is as good as 0. The half is
 * finite for every x; its double is inf where exp(-x) is. */
VF vf vf_half_exp_minus(vf x)
{
    vf_power e = vf_exp_parts(vf_min(vf_set(86.0f), vf_max(vf_set(-89.0f), x)), -1, 0.5f);
    return vf_scale2_normal(e.p, e.shifted);
}

/* 1 + exp(-x): what the logistic function divides by */
VF vf vf_logistic_divisor(vf x)
{
    return vf_fma(vf_half_exp_minus(x), vf_set(2.0f), vf_set(1.0f));
}

VF vf vf_sigmoid(vf x)
{
    return vf_div(vf_set(1.0f), vf_logistic_divisor(x));
}

#endif
