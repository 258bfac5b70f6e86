/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TM_BASE_LOOPS_H
#define TM_BASE_LOOPS_H

/* Before a loop whose iterations are independent: gcc makes vector code at -O2 only where told to;
 * clang does so unasked, and where it is told it warns when a sanitizer prevents it. */
#ifdef __clang__
#define TM_VECTOR_LOOP
#else
#define TM_VECTOR_LOOP _Pragma("omp simd")
#endif

#endif
