/* SPDX-License-Identifier: Apache-2.0 */
#define PANELS 4
#define TM_GEMM_NAME tm_gemm_i8_32x4__amxint8
#include "kernels/amx/gemm_i8.h"
