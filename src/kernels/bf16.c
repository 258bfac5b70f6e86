/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/bf16.h"

#include <string.h>

static const char *const names[TM_PRECISION_COUNT] = {"f32", "bf16x3", "bf16"};

const char *tm_precision_name(tm_precision precision)
{
    return names[precision];
}

bool tm_precision_parse(const char *name, tm_precision *precision)
{
    for (int i = 0; i < TM_PRECISION_COUNT; i++)
        if (strcmp(name, names[i]) == 0) {
            *precision = (tm_precision)i;
            return true;
        }
    return false;
}

#if defined(__x86_64__)

#define TILE(rows, panels) tm_gemm_bf16_fn tm_gemm_bf16_##rows##x##panels##__avx512;
#define ROW_TILE(panels) TILE(1, panels)
#include "kernels/avx512/gemm_bf16.def"
#undef ROW_TILE
#undef TILE
tm_to_bf16_fn tm_to_bf16__avx512;

const tm_bf16_kernels *tm_bf16_kernels_for(tm_isa isa)
{
    static const tm_bf16_kernels kernels = {
#define TILE(height, panels)                                                                       \
    .gemm[panels] = {.run = tm_gemm_bf16_##height##x##panels##__avx512, .rows = height},
#define ROW_TILE(panels)                                                                           \
    .gemm_row[panels] = {.run = tm_gemm_bf16_1x##panels##__avx512, .rows = 1},
#include "kernels/avx512/gemm_bf16.def"
#undef ROW_TILE
#undef TILE
        .to_bf16 = tm_to_bf16__avx512};
    return isa >= TM_ISA_AVX512 && __builtin_cpu_supports("avx512bf16") ? &kernels : NULL;
}

#else

const tm_bf16_kernels *tm_bf16_kernels_for(tm_isa isa)
{
    (void)isa;
    return NULL;
}

#endif
