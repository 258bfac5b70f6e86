/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vector shim: one vector of floats of the ISA that the file is compiled for, with masked heads
 * for tails. vec_ISA.h defines for an ISA what is declared here; which one is used, the compiler's
 * options say. Everything is static: nothing compiled for a target may be shared.
 *
 * vec_ISA.h also gives
 *   VL            floats in a vector; divides TM_PANEL
 *   VF_REGISTERS  vectors that registers hold
 *   vf, vi, vmask a vector of floats, of int32_t; which of its elements count, always the first
 *                 ones
 *   VF_KEEP(x)    the compiler must compute the vector x here, and in a register
 *   VF_IN_ORDER(x)  likewise, where it would else load so much ahead that it runs out of registers
 */
#ifndef TM_KERNELS_VEC_VEC_H
#define TM_KERNELS_VEC_VEC_H

#include <stddef.h>

#include "kernels/dispatch.h"
#include "kernels/vec/inline.h"

/* Added to a number below 2^22 it rounds it to an integer, which the low bits of the sum hold. */
#define VF_SHIFT 0x1.8p23f

#if defined(__AVX512F__)
#include "kernels/vec/vec_avx512.h"
#elif defined(__AVX2__)
#include "kernels/vec/vec_avx2.h"
#elif defined(__AARCH64EL__)
#include "kernels/vec/vec_neon.h"
#else
#error "the compiler's options name no ISA that has a vec_ISA.h"
#endif

/* ---- what an ISA defines ---- */

VF vf vf_set(float x); /* x in every element */

/* no alignment is needed */
VF vf vf_load(const float *p);
VF void vf_store(float *p, vf x);

/* VL elements of bfloat16: the same numbers; stores round as tm_bf16_of_f32 does, to the bit. */
VF vf vf_load_bf16(const tm_bf16 *p);
VF void vf_store_bf16(tm_bf16 *p, vf x);
/* The same of 2 * VL elements; mixed: in an order of the ISA's own, which costs less. */
VF void vf_store_bf16_pair(tm_bf16 *p, const vf x[2]);
VF void vf_load_bf16_mixed(const tm_bf16 *p, vf x[2]);
VF void vf_store_bf16_mixed(tm_bf16 *p, const vf x[2]);

/* The first n elements, n < VL. Of what a mask leaves out no memory is touched; loads give 0. */
VF vmask vm_first(size_t n);
VF vf vf_load_first(const float *p, vmask m);
VF void vf_store_first(float *p, vf x, vmask m);
VF vf vf_load_bf16_first(const tm_bf16 *p, vmask m);
VF void vf_store_bf16_first(tm_bf16 *p, vf x, vmask m);
VF vf vf_blend_first(vf a, vf other, vmask m); /* other behind the first ones */

VF vf vf_add(vf a, vf b);
VF vf vf_sub(vf a, vf b);
VF vf vf_mul(vf a, vf b);
VF vf vf_div(vf a, vf b);
VF vf vf_div(vf a, vf b);        /* within 2 ulp; b is no denormal */
VF vf vf_fma(vf a, vf b, vf c);  /* a * b + c, rounded once */
VF vf vf_fnma(vf a, vf b, vf c); /* c - a * b, rounded once */
VF vf vf_sqrt(vf a);
VF vf vf_abs(vf a);

/* NaN in b stays NaN, as torch's clamps keep it; one in a does not count. */
VF vf vf_max(vf a, vf b);
VF vf vf_min(vf a, vf b);
VF vf vf_max_nan(vf a, vf b);             /* NaN where either is */
VF vf vf_if_less(vf x, vf y, vf a, vf b); /* a where x < y, else b */
VF vf vf_scale2(vf a, vf n);              /* a * 2^n for integral n, right to the ends */
VF vf vf_power2(vf shifted);              /* 2^(n - 127), n of 1 to 254; shifted: n + VF_SHIFT;
                                             any number if that is NaN */
VF float vf_sum(vf a);  /* in halves: of the upper and the lower half, and so on */
VF float vf_hmax(vf a); /* of an a without NaN */

VF void vf_transpose(vf r[VL]); /* a square of VL vectors */

/* The first half of a vector; the vector itself where half a panel fills one. */
#ifndef VHALF_IS_NARROW
typedef vf vhalf;
VF vhalf vhalf_load(const float *p)
{
    return vf_load(p);
}
VF vhalf vhalf_fma(vhalf a, vhalf b, vhalf c)
{
    return vf_fma(a, b, c);
}
VF vhalf vhalf_of(vf a)
{
    return a;
}
VF vf vf_of_half(vhalf a)
{
    return a;
}
#endif
VF vhalf vhalf_load(const float *p);
VF vhalf vhalf_fma(vhalf a, vhalf b, vhalf c);
VF vhalf vhalf_of(vf a);
VF vf vf_of_half(vhalf a); /* what follows is anything */

/* ---- whole numbers: VL of 32 bits ---- */

VF vi vi_set(int32_t x);
VF vi vi_add(vi a, vi b);
VF vi vi_mul(vi a, vi b); /* the low 32 bits */
VF vi vi_shift_right(vi a, int bits);
VF vi vi_load_u8(const unsigned char *p);    /* VL bytes */
VF void vi_store_u8(unsigned char *p, vi x); /* clamped to bytes */
/* The first n of them, n <= VL; no other memory is touched. */
VF vi vi_load_u8_first(const unsigned char *p, size_t n);
VF void vi_store_u8_first(unsigned char *p, vi x, size_t n);

/* ---- prefetch ---- */

/* the line at p will be wanted soon */
VF void vf_fetch(const float *p)
{
    __builtin_prefetch(p);
}

/* ---- curves ---- */

/* exp(sign * x) = p * 2^n, p by a minimax polynomial on [-ln2/2, ln2/2] of relative error 4e-9;
 * shifted: n + shift */
typedef struct vf_power {
    vf p, n, shifted;
} vf_power;

VF vf_power vf_exp_parts(vf x, float sign, float shift)
{
    vf_power e = {.shifted = vf_fma(x, vf_set(sign * 1.44269504f), vf_set(shift))};
    e.n = vf_sub(e.shifted, vf_set(shift));
    vf r = vf_fnma(e.n, vf_set(sign * 0.693145752f), x);
    r = vf_fnma(e.n, vf_set(sign * 1.42860677e-6f), r);
    vf r2 = vf_mul(r, r); /* in pairs: half as long a chain as by Horner's rule */
    vf p12 = vf_fma(vf_set(0.49999994f), r, vf_set(sign));
    vf p34 = vf_fma(vf_set(4.16684076e-2f), r, vf_set(sign * 0.166665196f));
    vf p56 = vf_fma(vf_set(1.38141739e-3f), r, vf_set(sign * 8.36892147e-3f));
    e.p = vf_fma(vf_fma(vf_fma(p56, r2, p34), r2, p12), r, vf_set(1.0f));
    return e;
}

/* relative error below 2 ulp; 0 and inf at the ends */
VF vf vf_exp(vf x)
{
    vf_power e = vf_exp_parts(vf_min(vf_set(89.0f), vf_max(vf_set(-104.0f), x)), 1, VF_SHIFT);
    return vf_scale2(e.p, e.n);
}

/* exp(-x) / 2, not below e^-86 / 2: cheaper, for where such a result is as good as 0. The half is
 * finite for every x; its double is inf where exp(-x) is. The power is multiplied, not added to the
 * exponent: bits added to NaN may make a number of it. */
VF vf vf_half_exp_minus(vf x)
{
    const float half_bias = 126; /* of 2^n / 2; even, so that n is rounded as without it */
    vf clamped = vf_min(vf_set(86.0f), vf_max(vf_set(-89.0f), x));
    vf_power e = vf_exp_parts(clamped, -1, VF_SHIFT + half_bias);
    return vf_mul(e.p, vf_power2(e.shifted));
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
