/* SPDX-License-Identifier: Apache-2.0 */
/* How kernels are named, and their functions and loops written out where they are used. */
#ifndef TM_KERNELS_VEC_INLINE_H
#define TM_KERNELS_VEC_INLINE_H

#define TM_PASTE2(a, b) a##__##b
#define TM_PASTE(a, b) TM_PASTE2(a, b)
/* tm_act_f32 -> tm_act_f32__avx2 */
#define TM_KERNEL(name) TM_PASTE(name, TM_TARGET)

#define VF static inline __attribute__((always_inline, unused))

/* A loop with constant bounds is written out, so that the arrays that it walks are registers. With
 * the checks of a sanitizer around every step the compiler would take minutes for that. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define UNROLL _Pragma("GCC unroll 1")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

/* Of the functions that follow: several chains of operations that are written one after another
 * become one step of each in turn. */
#if defined(__GNUC__) && !defined(__clang__)
#define CHAINS_IN_TURN _Pragma("GCC optimize(\"schedule-insns\")")
#else
#define CHAINS_IN_TURN
#endif

#endif
