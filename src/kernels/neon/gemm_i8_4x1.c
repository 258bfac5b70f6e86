/* SPDX-License-Identifier: Apache-2.0 */
#define ROWS 4
#define PANELS 1
#define TM_GEMM_NAME tm_gemm_i8_4x1__neon
#include "kernels/vec/gemm_i8.h"
