/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/dispatch.h"

/* Each level's table takes the GEMM rows of its own ISA from the list: LEVEL_OF_isa is KEEP or
 * DROP. */
#define KEEP(...) __VA_ARGS__
#define DROP(...)
#define scalar_OF_scalar KEEP
#define scalar_OF_avx2 DROP
#define scalar_OF_avx512 DROP
#define avx2_OF_scalar DROP
#define avx2_OF_avx2 KEEP
#define avx2_OF_avx512 DROP
#define avx512_OF_scalar DROP
#define avx512_OF_avx2 DROP
#define avx512_OF_avx512 KEEP

#define ROW(rows_, panels, isa_) [panels] = {tm_gemm_f32_##rows_##x##panels##__##isa_, rows_},
#define NO_GEMM(rows, panels, isa)
#define NO_VEC(op)

static const tm_kernels scalar_kernels = {
    .isa = TM_ISA_SCALAR,
#define VEC(op) .op = tm_##op##__scalar,
#define GEMM NO_GEMM
#include "kernels/kernels.def"
#undef VEC
#undef GEMM
    .gemm = {
#define VEC NO_VEC
#define GEMM(rows, panels, isa) scalar_OF_##isa(ROW(rows, panels, isa))
#include "kernels/kernels.def"
#undef VEC
#undef GEMM
    }};

#if defined(__x86_64__)
static const tm_kernels avx2_kernels = {
    .isa = TM_ISA_AVX2,
#define VEC(op) .op = tm_##op##__avx2,
#define GEMM NO_GEMM
#include "kernels/kernels.def"
#undef VEC
#undef GEMM
    .gemm = {
#define VEC NO_VEC
#define GEMM(rows, panels, isa) avx2_OF_##isa(ROW(rows, panels, isa))
#include "kernels/kernels.def"
#undef VEC
#undef GEMM
    }};

static const tm_kernels avx512_kernels = {
    .isa = TM_ISA_AVX512,
#define VEC(op) .op = tm_##op##__avx512,
#define GEMM NO_GEMM
#include "kernels/kernels.def"
#undef VEC
#undef GEMM
    .gemm = {
#define VEC NO_VEC
#define GEMM(rows, panels, isa) avx512_OF_##isa(ROW(rows, panels, isa))
#include "kernels/kernels.def"
#undef VEC
#undef GEMM
    }};
#endif

const tm_kernels *tm_kernels_for(tm_isa isa)
{
#if defined(__x86_64__)
    if (isa >= TM_ISA_AVX512)
        return &avx512_kernels;
    if (isa >= TM_ISA_AVX2)
        return &avx2_kernels;
#endif
    (void)isa;
    return &scalar_kernels;
}

/* Tiles of 3 and 4 panels fill the registers best: the count is made of these where it can be. */
int tm_gemm_width(const tm_kernels *kernels, int left)
{
    if (!kernels->gemm[3].run || !kernels->gemm[4].run)
        return 1;
    if (left <= 4)
        return left;
    return left % 3 == 0 || left == 5 ? 3 : 4;
}
