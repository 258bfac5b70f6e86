/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How operators become steps. The plan implements this interface; operators only see it.
 *
 * A step's units are independent of one another: any thread may run any unit in any order, and
 * what a unit computes does not depend on how many threads or pictures there are.
 */
#ifndef TM_OPS_LOWER_H
#define TM_OPS_LOWER_H

#include <string.h>

#include "kernels/split.h"
#include "ops/ops.h"

static inline int tm_ceil_div(int a, int b)
{
    return (a + b - 1) / b;
}

/* Where an activation lives: pixel (n, y, x) begins at data + n * stride + (y * w + x) * ld. */
typedef struct tm_tensor {
    float *data;
    int h, w, c;
    size_t ld;     /* floats from pixel to pixel; c when dense */
    size_t stride; /* floats from picture to picture; 0: the same for every picture */
} tm_tensor;

static inline float *tm_tensor_at(const tm_tensor *t, int n, int y, int x)
{
    return t->data + (size_t)n * t->stride + ((size_t)y * (size_t)t->w + (size_t)x) * t->ld;
}

/* Pictures follow one another without a gap, so all pixels of a batch are one run of rows. */
static inline bool tm_tensor_is_run(const tm_tensor *t)
{
    return t->stride == (size_t)t->h * (size_t)t->w * t->ld;
}

typedef struct tm_step tm_step;
/* scratch: step->scratch bytes, 64-byte aligned, the calling thread's own */
typedef void tm_step_run(const tm_step *step, int batch, int unit, void *scratch);
typedef int tm_step_units(const tm_step *step, int batch);

struct tm_step {
    tm_step_run *run;
    tm_step_units *units;
    const void *args;
    size_t scratch;
    const char *name, *op; /* for the profile */
    double macs;
};

/* The activation inputs[index] or the result. A constant input is evaluated and kept. */
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
/* A constant, kept as long as the plan; padded with zeros to `padded` floats. */
const float *tm_lower_keep(tm_lowering *lowering, const tm_node *constant, size_t padded);

/* 64-byte aligned memory that lives as long as the plan; NULL after an error. */
float *tm_lower_memory(tm_lowering *lowering, size_t floats);
/* A row of at least `floats` zeros, shared by all steps. */
const float *tm_lower_zeros(tm_lowering *lowering, size_t floats);

/* Appends a step; args is copied. */
void tm_lower_step(tm_lowering *lowering, const tm_node *node, tm_step_run *run,
                   tm_step_units *units, const void *args, size_t args_size, size_t scratch);

/* Work on weights, run once after every step is laid out, on any thread: it may evaluate constants
 * through `worker` and write memory that was obtained before. args is copied. */
typedef void tm_lower_job(tm_lowering *worker, const void *args);
void tm_lower_defer(tm_lowering *lowering, tm_lower_job *job, const void *args, size_t args_size);

const tm_kernels *tm_lower_kernels(const tm_lowering *lowering);
/* NULL: the model computes in float32. */
const tm_bf16_kernels *tm_lower_bf16_kernels(const tm_lowering *lowering);
/* NULL: the level has no units for split products. */
const tm_split_kernels *tm_lower_split_kernels(const tm_lowering *lowering);
tm_precision tm_lower_precision(const tm_lowering *lowering);
int tm_lower_threads(const tm_lowering *lowering);
int tm_lower_batch(const tm_lowering *lowering); /* pictures of a run, at most */

#endif
