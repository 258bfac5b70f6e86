/* SPDX-License-Identifier: Apache-2.0 */
#define PANELS 1
#define TM_GEMM_NAME tm_gemm_i8_32x1__emulated
#include "kernels/emulated/tiles.h"

#include "kernels/amx/gemm_i8.h"
