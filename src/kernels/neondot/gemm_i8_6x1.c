/* SPDX-License-Identifier: Apache-2.0 */
#define ROWS 6
#define PANELS 1
#define TM_GEMM_NAME tm_gemm_i8_6x1__neondot
#include "kernels/vec/gemm_i8.h"
