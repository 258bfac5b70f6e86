/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vectors of bytes on NEON; i8.h has the contract and includes this. Only i8mm multiplies bytes of
 * 0 to 255 by signed ones; elsewhere they are multiplied less 128, and a sum starts with what that
 * takes from it.
 */
#ifndef TM_KERNELS_VEC_I8_NEON_H
#define TM_KERNELS_VEC_I8_NEON_H

#include <string.h>

#include "kernels/vec/vec.h"

/* clang-format off */

VF vi vi_zero(void) { return vdupq_n_s32(0); }
VF vi vi_load(const void *p) { return vreinterpretq_s32_u8(vld1q_u8((const uint8_t *)p)); }
VF void vi_store(void *p, vi x) { vst1q_u8((uint8_t *)p, vreinterpretq_u8_s32(x)); }
VF vf vf_of_vi(vi x) { return vcvtq_f32_s32(x); }
VF vi vi_of_vf(vf x) { return vcvtnq_s32_f32(x); }

/* clang-format on */

VF void vi_store_first(uint8_t *p, vi x, size_t n)
{
    uint8_t bytes[16];
    vi_store(bytes, x);
    memcpy(p, bytes, n);
}

VF vi vi_bytes(const vi x[4])
{
    int16x8_t low = vcombine_s16(vqmovn_s32(x[0]), vqmovn_s32(x[1]));
    int16x8_t high = vcombine_s16(vqmovn_s32(x[2]), vqmovn_s32(x[3]));
    return vreinterpretq_s32_u8(vcombine_u8(vqmovun_s16(low), vqmovun_s16(high)));
}

VF void vf_hmax4(const vf a[4], float most[4])
{
    vf_store(most, vpmaxq_f32(vpmaxq_f32(a[0], a[1]), vpmaxq_f32(a[2], a[3])));
}

/* ---- products ---- */

#if defined(__ARM_FEATURE_MATMUL_INT8)

/* in the first place alone, from which SUDOT takes them */
VF vi vi_quad(const uint8_t *p)
{
    uint32_t quad;
    memcpy(&quad, p, sizeof quad);
    return vcombine_s32(vcreate_s32(quad), vcreate_s32(0));
}

VF vi vi_start(const float *weights)
{
    (void)weights;
    return vi_zero();
}

VF vi vi_dot(vi sum, vi quad, vi weights)
{
    uint8x8_t x = vreinterpret_u8_s32(vget_low_s32(quad));
    return vsudotq_lane_s32(sum, vreinterpretq_s8_s32(weights), x, 0);
}

#else

/* less 128 each, in every sum's place */
VF vi vi_quad(const uint8_t *p)
{
    uint32_t quad;
    memcpy(&quad, p, sizeof quad);
    return vreinterpretq_s32_u32(vdupq_n_u32(quad ^ 0x80808080U));
}

/* 128 * the weights, exactly: 128 * 127 * TM_I8_INPUTS_MAX < 2^30 */
VF vi vi_start(const float *weights)
{
    return vshlq_n_s32(vcvtq_s32_f32(vf_load(weights)), 7);
}

#if defined(__ARM_FEATURE_DOTPROD)

VF vi vi_dot(vi sum, vi quad, vi weights)
{
    return vdotq_s32(sum, vreinterpretq_s8_s32(quad), vreinterpretq_s8_s32(weights));
}

#else

/* two products fit 16 bits: 2 * 128 * 127 < 2^15 */
VF vi vi_dot(vi sum, vi quad, vi weights)
{
    int8x16_t x = vreinterpretq_s8_s32(quad), w = vreinterpretq_s8_s32(weights);
    int16x8_t low = vmull_s8(vget_low_s8(x), vget_low_s8(w)), high = vmull_high_s8(x, w);
    return vpadalq_s16(sum, vpaddq_s16(low, high));
}

#endif
#endif

#endif
