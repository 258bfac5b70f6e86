/* SPDX-License-Identifier: Apache-2.0 */
#define ROWS 8
#define PANELS 3
#define TM_GEMM_NAME tm_gemm_i8_8x3__avx512vnni
#include "kernels/vec/gemm_i8.h"
