/* SPDX-License-Identifier: Apache-2.0 */
#define ROWS 6
#define PANELS 1
#define TM_GEMM_NAME tm_gemm_f32_6x1__neon
#include "kernels/vec/gemm_tile.h"
