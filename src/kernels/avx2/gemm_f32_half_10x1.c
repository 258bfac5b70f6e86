/* SPDX-License-Identifier: Apache-2.0 */
#define ROWS 10
#define PANELS 1
#define HALF 1
#define TM_GEMM_NAME tm_gemm_f32_half_10x1__avx2
#include "kernels/vec/gemm_tile.h"
