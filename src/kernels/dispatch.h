/* SPDX-License-Identifier: Apache-2.0 */
/* Prototypes of every kernel of every ISA that this build has. */
#ifndef TM_KERNELS_DISPATCH_H
#define TM_KERNELS_DISPATCH_H

#include "kernels/kernels.h"

#define GEMM(rows, panels, isa) tm_gemm_f32_fn tm_gemm_f32_##rows##x##panels##__##isa;
#if defined(__x86_64__)
#define VEC(op) tm_##op##_fn tm_##op##__scalar, tm_##op##__avx2, tm_##op##__avx512;
#else
#define VEC(op) tm_##op##_fn tm_##op##__scalar;
#endif
#include "kernels/kernels.def"
#undef VEC
#undef GEMM

#endif
