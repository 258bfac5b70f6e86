/* SPDX-License-Identifier: Apache-2.0 */
/* The vector shim on NEON, as every 64-bit ARM has it; vec.h has the contract and includes this. */
#ifndef TM_KERNELS_VEC_VEC_NEON_H
#define TM_KERNELS_VEC_VEC_NEON_H

#include <arm_neon.h>
#include <stddef.h>
#include <string.h>

#include "kernels/bf16.h"
#include "kernels/vec/inline.h"

/* clang-format off */

enum { VL = 4, VF_REGISTERS = 32 };
typedef float32x4_t vf;
typedef int32x4_t vi;
typedef unsigned vmask; /* there are no masks: the count */

VF vf vf_set(float x) { return vdupq_n_f32(x); }
VF vf vf_load(const float *p) { return vld1q_f32(p); }
VF void vf_store(float *p, vf x) { vst1q_f32(p, x); }
VF vmask vm_first(size_t n) { return (vmask)n; }
VF vf vf_load_first(const float *p, vmask m)
{
    float32x2_t none = vdup_n_f32(0.0f);
    if (m & 2)
        return vcombine_f32(vld1_f32(p), m & 1 ? vld1_lane_f32(p + 2, none, 0) : none);
    return vcombine_f32(m & 1 ? vld1_lane_f32(p, none, 0) : none, none);
}
VF void vf_store_first(float *p, vf x, vmask m)
{
    if (m & 2)
        vst1_f32(p, vget_low_f32(x));
    if (m == 3)
        vst1q_lane_f32(p + 2, x, 2);
    else if (m & 1)
        vst1q_lane_f32(p, x, 0);
}
VF vf vf_add(vf a, vf b) { return vaddq_f32(a, b); }
VF vf vf_sub(vf a, vf b) { return vsubq_f32(a, b); }
VF vf vf_mul(vf a, vf b) { return vmulq_f32(a, b); }
VF vf vf_div(vf a, vf b) { return vdivq_f32(a, b); }
VF vf vf_fma(vf a, vf b, vf c) { return vfmaq_f32(c, a, b); }
VF vf vf_fnma(vf a, vf b, vf c) { return vfmsq_f32(c, a, b); }
/* not FMAX and FMIN: of NaN in a they make NaN, and of zeros they choose by the sign */
VF vf vf_max(vf a, vf b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
VF vf vf_min(vf a, vf b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
VF vf vf_max_nan(vf a, vf b) { return vbslq_f32(vceqq_f32(a, a), vf_max(a, b), a); }
VF vf vf_sqrt(vf a) { return vsqrtq_f32(a); }
VF vf vf_abs(vf a) { return vabsq_f32(a); }
VF vf vf_if_less(vf x, vf y, vf a, vf b) { return vbslq_f32(vcltq_f32(x, y), a, b); }
/* two halves, so that results near the ends of the range stay right */
VF vf vf_scale2(vf a, vf n)
{
    int32x4_t i = vcvtq_s32_f32(n), half = vshrq_n_s32(i, 1), rest = vsubq_s32(i, half);
    int32x4_t bias = vdupq_n_s32(127);
    vf s1 = vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(half, bias), 23));
    vf s2 = vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(rest, bias), 23));
    return vmulq_f32(vmulq_f32(a, s1), s2);
}
VF vf vf_power2(vf shifted)
{
    return vreinterpretq_f32_u32(vshlq_n_u32(vreinterpretq_u32_f32(shifted), 23));
}
VF float vf_sum(vf a)
{
    float32x2_t half = vadd_f32(vget_low_f32(a), vget_high_f32(a));
    return vget_lane_f32(half, 0) + vget_lane_f32(half, 1);
}
VF float vf_hmax(vf a) { return vmaxvq_f32(a); }
VF vf vf_blend_first(vf a, vf other, vmask m)
{
    const uint32_t places[VL] = {0, 1, 2, 3};
    return vbslq_f32(vcltq_u32(vld1q_u32(places), vdupq_n_u32(m)), a, other);
}

VF vi vi_set(int32_t x) { return vdupq_n_s32(x); }
VF vi vi_add(vi a, vi b) { return vaddq_s32(a, b); }
VF vi vi_mul(vi a, vi b) { return vmulq_s32(a, b); }
VF vi vi_shift_right(vi a, int bits) { return vshlq_s32(a, vdupq_n_s32(-bits)); }
VF vi vi_load_u8_first(const unsigned char *p, size_t n)
{
    uint32_t bytes = 0;
    memcpy(&bytes, p, n);
    return vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(bytes)))));
}
VF void vi_store_u8_first(unsigned char *p, vi x, size_t n)
{
    uint16x4_t halves = vqmovun_s32(x);
    uint32_t bytes = vget_lane_u32(vreinterpret_u32_u8(vqmovn_u16(vcombine_u16(halves, halves))), 0);
    memcpy(p, &bytes, n);
}
VF vi vi_load_u8(const unsigned char *p) { return vi_load_u8_first(p, VL); }
VF void vi_store_u8(unsigned char *p, vi x) { vi_store_u8_first(p, x, VL); }

#define VF_KEEP(x) __asm__ volatile("" : "+w"(x))
#define VF_IN_ORDER(x) VF_KEEP(x)

/* clang-format on */

/* ---- bfloat16, the upper half of a float32 ---- */

VF vf vf_of_bf16(uint16x4_t halves)
{
    return vreinterpretq_f32_u32(vshll_n_u16(halves, 16));
}

/* In the upper halves; what is below them is of no use. */
VF uint32x4_t vf_rounded(vf x)
{
    uint32x4_t bits = vreinterpretq_u32_f32(x), near = vaddq_u32(bits, vdupq_n_u32(0x7FFF));
    near = vsraq_n_u32(near, vshlq_n_u32(bits, 15), 31); /* one more where it is odd */
    uint32x4_t quiet = vorrq_u32(bits, vdupq_n_u32(0x400000));
    return vbslq_u32(vceqq_f32(x, x), near, quiet);
}

VF uint16x4_t vf_to_bf16(vf x)
{
    return vshrn_n_u32(vf_rounded(x), 16);
}

VF vf vf_load_bf16(const tm_bf16 *p)
{
    return vf_of_bf16(vld1_u16(p));
}

VF void vf_store_bf16(tm_bf16 *p, vf x)
{
    vst1_u16(p, vf_to_bf16(x));
}

VF void vf_store_bf16_pair(tm_bf16 *p, const vf x[2])
{
    uint16x8_t low = vreinterpretq_u16_u32(vf_rounded(x[0]));
    uint16x8_t high = vreinterpretq_u16_u32(vf_rounded(x[1]));
    vst1q_u16(p, vuzp2q_u16(low, high));
}

/* in their own order, which costs nothing here */
VF void vf_load_bf16_mixed(const tm_bf16 *p, vf x[2])
{
    uint16x8_t halves = vld1q_u16(p), zeros = vdupq_n_u16(0);
    x[0] = vreinterpretq_f32_u16(vzip1q_u16(zeros, halves));
    x[1] = vreinterpretq_f32_u16(vzip2q_u16(zeros, halves));
}

VF void vf_store_bf16_mixed(tm_bf16 *p, const vf x[2])
{
    vf_store_bf16_pair(p, x);
}

VF vf vf_load_bf16_first(const tm_bf16 *p, vmask m)
{
    uint16x4_t halves = vdup_n_u16(0);
    if (m > 0)
        halves = vld1_lane_u16(p, halves, 0);
    if (m > 1)
        halves = vld1_lane_u16(p + 1, halves, 1);
    if (m > 2)
        halves = vld1_lane_u16(p + 2, halves, 2);
    return vf_of_bf16(halves);
}

VF void vf_store_bf16_first(tm_bf16 *p, vf x, vmask m)
{
    uint16x4_t halves = vf_to_bf16(x);
    if (m > 0)
        vst1_lane_u16(p, halves, 0);
    if (m > 1)
        vst1_lane_u16(p + 1, halves, 1);
    if (m > 2)
        vst1_lane_u16(p + 2, halves, 2);
}

VF void vf_transpose(vf r[VL])
{
    vf a[VL];
    for (int i = 0; i < VL; i += 2) {
        a[i] = vtrn1q_f32(r[i], r[i + 1]);
        a[i + 1] = vtrn2q_f32(r[i], r[i + 1]);
    }
    /* a[c] and a[2 + c] hold columns c and c + 2 of two rows, side by side */
    for (int c = 0; c < 2; c++) {
        float64x2_t upper = vreinterpretq_f64_f32(a[c]), lower = vreinterpretq_f64_f32(a[2 + c]);
        r[c] = vreinterpretq_f32_f64(vzip1q_f64(upper, lower));
        r[c + 2] = vreinterpretq_f32_f64(vzip2q_f64(upper, lower));
    }
}

#endif
