/* SPDX-License-Identifier: Apache-2.0 */
/* Prototypes of every kernel of every target that this build has, and the choice among them. */
#ifndef TM_KERNELS_DISPATCH_H
#define TM_KERNELS_DISPATCH_H

#include "kernels/i8.h"
#include "kernels/split.h"

#define KERNEL(op, target) tm_##op##_fn tm_##op##__##target;
#define GEMM(rows, panels, target) tm_gemm_f32_fn tm_gemm_f32_##rows##x##panels##__##target;
#define GEMM_HALF(rows, panels, target)                                                            \
    tm_gemm_f32_fn tm_gemm_f32_half_##rows##x##panels##__##target;
#define BF16(op, target) tm_##op##_fn tm_##op##__##target;
#define GEMM_BF16(rows, panels, target) tm_gemm_bf16_fn tm_gemm_bf16_##rows##x##panels##__##target;
#define ROW_BF16(panels, target) GEMM_BF16(1, panels, target)
#define I8(op, target) tm_i8_##op##_fn tm_i8_##op##__##target;
#define GEMM_I8(rows, panels, target) tm_gemm_i8_fn tm_gemm_i8_##rows##x##panels##__##target;
#define SPLIT(op, target) tm_split_##op##_fn tm_split_##op##__##target;
#include "kernels/kernels.def"

typedef struct tm_kernel_tables {
    tm_kernels f32;
    tm_bf16_kernels bf16; /* to_bf16 NULL: none of these */
    tm_i8_kernels i8;
    tm_split_kernels split; /* multiply NULL: none of these */
} tm_kernel_tables;

/* For each entry the last kernel of kernels.def that needs no flag but these. */
void tm_kernels_choose(tm_cpu_flags flags, tm_kernel_tables *tables);

/* For tests, before anybody asks for a level's kernels: the highest level has emulated ones too,
 * where this machine lacks better ones. */
void tm_kernels_emulate(void);

#endif
