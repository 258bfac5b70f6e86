/* SPDX-License-Identifier: Apache-2.0 */
#define ROWS 6
#define PANELS 4
#define TM_GEMM_NAME tm_gemm_i8_6x4__avx512vnni
#include "kernels/vec/gemm_i8.h"
