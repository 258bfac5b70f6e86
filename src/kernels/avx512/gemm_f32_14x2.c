/* SPDX-License-Identifier: Apache-2.0 */
#define ROWS 14
#define PANELS 2
#define TM_GEMM_NAME tm_gemm_f32_14x2__avx512
#include "kernels/vec/gemm_tile.h"
