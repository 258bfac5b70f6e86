/* SPDX-License-Identifier: Apache-2.0 */
/* How operators become steps: what they find while they are lowered. */
#ifndef TM_STEPS_LOWER_H
#define TM_STEPS_LOWER_H

#include "graph/op.h"
#include "kernels/i8.h"
#include "kernels/kernels.h"
#include "kernels/split.h"
#include "steps/step.h"

static inline int tm_ceil_div(int a, int b)
{
    return (a + b - 1) / b;
}

static inline int tm_least(int a, int b)
{
    return a < b ? a : b;
}

/* The activation inputs[index] or the result. A constant input is evaluated and kept, in numbers of
 * the result's type. */
tm_tensor tm_lower_input(tm_lowering *lowering, const tm_node *node, int index);
tm_tensor tm_lower_output(tm_lowering *lowering, const tm_node *node);

/* The values of a constant, C order: all, or `rows` rows of its first dimension from `row` on,
 * which for most weights takes no more memory than those. Free with tm_lower_release; NULL after an
 * error. */
const float *tm_lower_constant(tm_lowering *lowering, const tm_node *constant);
const float *tm_lower_constant_rows(tm_lowering *lowering, const tm_node *constant, int64_t row,
                                    int64_t rows);
/* A part of a weight that stays in a core's cache while it is packed: a multiple of `unit` rows. */
int64_t tm_lower_rows_at_once(const tm_node *constant, int64_t unit);
/* The constant's weights will not be read again: their pages may go. */
void tm_lower_done(tm_lowering *lowering, const tm_node *constant);
void tm_lower_release(tm_lowering *lowering, const float *values);
/* Room for a job, freed by tm_lower_release; NULL after an error. */
float *tm_lower_temporary(tm_lowering *worker, size_t floats);
/* A constant, kept as long as the steps; there once the jobs have run. */
const float *tm_lower_keep(tm_lowering *lowering, const tm_node *constant);
/* The same in numbers of a type. */
const void *tm_lower_keep_as(tm_lowering *lowering, const tm_node *constant, tm_dtype type);

/* 64-byte aligned memory for constants, which lives as long as the steps; NULL after an error.
 * Jobs alone may use what is in it. */
float *tm_lower_memory(tm_lowering *lowering, size_t floats);
/* Room in a run's memory that a step leaves for the next one: every picture has `floats` of it,
 * as pixels of c floats. */
tm_tensor tm_lower_between(tm_lowering *lowering, int pixels, int c);
/* A row of at least `floats` zeros, shared by all steps. */
const float *tm_lower_zeros(tm_lowering *lowering, size_t floats);

/* Appends a step; args is copied. */
void tm_lower_step(tm_lowering *lowering, const tm_node *node, tm_step_run *run,
                   tm_step_units *units, const void *args, size_t args_size, size_t scratch);

/* The step just appended can also compute pixels of a picture one by one. */
void tm_lower_pixels(tm_lowering *lowering, tm_step_pixels *pixels);

/* Appends a step that prepares the node's own: it needs no scratch and counts no multiply-adds. */
void tm_lower_before(tm_lowering *lowering, const tm_node *node, tm_step_run *run,
                     tm_step_units *units, const void *args, size_t args_size);

/* Work on weights, run once after every step is laid out, on any thread: it may evaluate constants
 * through `worker` and write memory that was obtained before. args is copied. */
typedef void tm_lower_job(tm_lowering *worker, const void *args);
void tm_lower_defer(tm_lowering *lowering, tm_lower_job *job, const void *args, size_t args_size);

const tm_kernels *tm_lower_kernels(const tm_lowering *lowering);
/* The kernel of an operator for activations of a type. */
#define TM_LOWER_KERNEL(lowering, op, type)                                                        \
    ((type) == TM_DTYPE_BF16 ? tm_lower_kernels(lowering)->op##_bf16                               \
                             : tm_lower_kernels(lowering)->op##_f32)
/* NULL: no product is in bfloat16. */
const tm_bf16_kernels *tm_lower_bf16_kernels(const tm_lowering *lowering);
const tm_i8_kernels *tm_lower_i8_kernels(const tm_lowering *lowering);
/* NULL: the level has no units for split products. */
const tm_split_kernels *tm_lower_split_kernels(const tm_lowering *lowering);
tm_precision tm_lower_precision(const tm_lowering *lowering);
int tm_lower_threads(const tm_lowering *lowering);

#endif
