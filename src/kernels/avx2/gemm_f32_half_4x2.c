/* SPDX-License-Identifier: Apache-2.0 */
#define ROWS 4
#define PANELS 2
#define HALF 1
#define TM_GEMM_NAME tm_gemm_f32_half_4x2__avx2
#include "kernels/vec/gemm_tile.h"
