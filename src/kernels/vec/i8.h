/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vectors of bytes and of their sums beside those of the shim: 4 * VL bytes, VL sums. i8_ISA.h
 * defines what is declared here, for what the compiler's options say.
 */
#ifndef TM_KERNELS_VEC_I8_H
#define TM_KERNELS_VEC_I8_H

#include "kernels/vec/vec.h"

#if defined(__AARCH64EL__)
#include "kernels/vec/i8_neon.h"
#else
#include "kernels/vec/i8_avx.h"
#endif

/* vi of the shim: a sum of 32 bits, or the four bytes that are multiplied for it */
VF vi vi_zero(void);
VF vi vi_load(const void *p);
VF void vi_store(void *p, vi x);
VF void vi_store_first(uint8_t *p, vi x, size_t n); /* n bytes, n < 4 * VL */

VF vi vi_quad(const uint8_t *p);           /* four bytes, as vi_dot takes them for every sum */
VF vi vi_start(const float *weights);      /* VL sums of no products; the sums of their weights */
VF vi vi_dot(vi sum, vi quad, vi weights); /* sum + the four products; weights: -127 to 127 */
VF vf vf_of_vi(vi x);

VF vi vi_of_vf(vf x); /* within -2^30 to 2^30, to the nearest, ties to even; of NaN none above 0 */
VF vi vi_bytes(const vi x[4]); /* x[0] to x[3], one behind the other, as the nearest bytes */

VF void vf_hmax4(const vf a[4], float most[4]); /* the largest of each, of vectors without NaN */

#endif
