/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/dispatch.h"

#include <pthread.h>

void tm_kernels_choose(tm_cpu_flags flags, tm_kernel_tables *tables)
{
    *tables = (tm_kernel_tables){0};
#define TARGET(name, needs, ...) const bool name = tm_cpu_has(flags, needs);
#define KERNEL(op, target)                                                                         \
    if (target)                                                                                    \
        tables->f32.op = tm_##op##__##target;
#define GEMM(height, panels, target)                                                               \
    if (target)                                                                                    \
        tables->f32.gemm[panels] =                                                                 \
            (tm_gemm_kernel){tm_gemm_f32_##height##x##panels##__##target, height};
#define GEMM_HALF(height, panels, target)                                                          \
    if (target)                                                                                    \
        tables->f32.gemm_half[panels] =                                                            \
            (tm_gemm_kernel){tm_gemm_f32_half_##height##x##panels##__##target, height};
#define BF16(op, target)                                                                           \
    if (target)                                                                                    \
        tables->bf16.op = tm_##op##__##target;
#define GEMM_BF16(height, panels, target)                                                          \
    if (target)                                                                                    \
        tables->bf16.gemm[panels] =                                                                \
            (tm_gemm_bf16_kernel){tm_gemm_bf16_##height##x##panels##__##target, height};
#define ROW_BF16(panels, target)                                                                   \
    if (target)                                                                                    \
        tables->bf16.gemm_row[panels] =                                                            \
            (tm_gemm_bf16_kernel){tm_gemm_bf16_1x##panels##__##target, 1};
#define I8(op, target)                                                                             \
    if (target)                                                                                    \
        tables->i8.op = tm_i8_##op##__##target;
#define GEMM_I8(height, panels, target)                                                            \
    if (target)                                                                                    \
        tables->i8.gemm[panels] =                                                                  \
            (tm_gemm_i8_kernel){tm_gemm_i8_##height##x##panels##__##target, height};
#define SPLIT(op, target)                                                                          \
    if (target)                                                                                    \
        tables->split.op = tm_split_##op##__##target;
#include "kernels/kernels.def"
}

/* ---- the levels' tables ---- */

static tm_kernel_tables levels[TM_ISA_COUNT];
static pthread_once_t chosen = PTHREAD_ONCE_INIT;

static tm_cpu_flags emulated;

void tm_kernels_emulate(void)
{
    emulated = TM_CPU_EMULATED;
}

static void choose_levels(void)
{
    for (int isa = 0; isa < TM_ISA_COUNT; isa++) {
        tm_cpu_flags flags = tm_cpu_flags_here() & tm_isa_flags((tm_isa)isa);
        tm_kernels_choose(isa == TM_ISA_COUNT - 1 ? flags | emulated : flags, &levels[isa]);
    }
}

static const tm_kernel_tables *tables_of(tm_isa isa)
{
    pthread_once(&chosen, choose_levels);
    return &levels[isa];
}

const tm_kernels *tm_kernels_for(tm_isa isa)
{
    return &tables_of(isa)->f32;
}

const tm_bf16_kernels *tm_bf16_kernels_for(tm_isa isa)
{
    const tm_bf16_kernels *kernels = &tables_of(isa)->bf16;
    return kernels->to_bf16 ? kernels : NULL;
}

const tm_i8_kernels *tm_i8_kernels_for(tm_isa isa)
{
    return &tables_of(isa)->i8;
}

const tm_split_kernels *tm_split_kernels_for(tm_isa isa)
{
    const tm_split_kernels *kernels = &tables_of(isa)->split;
    return kernels->multiply ? kernels : NULL;
}

/* Tiles of 3 and 4 panels fill the registers best: the count is made of these where it can be. */
static int width_of(bool wide, int left)
{
    if (!wide)
        return 1;
    if (left <= 4)
        return left;
    return left % 3 == 0 || left == 5 ? 3 : 4;
}

int tm_gemm_width(const tm_kernels *kernels, int left)
{
    return width_of(kernels->gemm[3].run && kernels->gemm[4].run, left);
}

const tm_gemm_kernel *tm_gemm_next(const tm_kernels *kernels, int left, int *panels)
{
    int all = (left + TM_PANEL - 1) / TM_PANEL;
    bool half = all <= TM_MAX_PANELS && left <= all * TM_PANEL - TM_PANEL / 2 &&
                kernels->gemm_half[all].run;
    *panels = half ? all : tm_gemm_width(kernels, all);
    return half ? &kernels->gemm_half[all] : &kernels->gemm[*panels];
}

int tm_gemm_i8_width(const tm_i8_kernels *kernels, int left)
{
    return width_of(kernels->gemm[3].run && kernels->gemm[4].run, left);
}
