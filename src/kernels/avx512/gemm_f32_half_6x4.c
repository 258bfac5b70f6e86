/* SPDX-License-Identifier: Apache-2.0 */
#define ROWS 6
#define PANELS 4
#define HALF 1
#define TM_GEMM_NAME tm_gemm_f32_half_6x4__avx512
#include "kernels/vec/gemm_tile.h"
