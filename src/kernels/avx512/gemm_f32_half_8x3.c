/* SPDX-License-Identifier: Apache-2.0 */
#define ROWS 8
#define PANELS 3
#define HALF 1
#define TM_GEMM_NAME tm_gemm_f32_half_8x3__avx512
#include "kernels/vec/gemm_tile.h"
