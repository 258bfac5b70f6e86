/* SPDX-License-Identifier: Apache-2.0 */
#define ROWS 8
#define PANELS 3
#define TM_GEMM_NAME tm_gemm_f32_8x3__avx512
#include "kernels/vec/gemm_tile.h"
