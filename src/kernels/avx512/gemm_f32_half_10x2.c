/* SPDX-License-Identifier: Apache-2.0 */
#define ROWS 10
#define PANELS 2
#define HALF 1
#define TM_GEMM_NAME tm_gemm_f32_half_10x2__avx512
#include "kernels/vec/gemm_tile.h"
