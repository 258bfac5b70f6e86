/* SPDX-License-Identifier: Apache-2.0 */
#define ROWS 10
#define PANELS 2
#define TM_GEMM_NAME tm_gemm_i8_10x2__avx512vnni
#include "kernels/vec/gemm_i8.h"
