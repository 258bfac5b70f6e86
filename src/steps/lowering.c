/* SPDX-License-Identifier: Apache-2.0 */
#include "steps/lowering.h"

#include <stdlib.h>
#include <string.h>

#include "graph/constant.h"

tm_tensor tm_lower_output(tm_lowering *lowering, const tm_node *node)
{
    return lowering->tensors[node->id];
}

tm_tensor tm_lower_input(tm_lowering *lowering, const tm_node *node, int index)
{
    const tm_node *x = node->inputs[index];
    if (!x->constant)
        return lowering->tensors[x->id];
    tm_shape shape = tm_constant_shape(x);
    return (tm_tensor){.constant = tm_lower_keep_as(lowering, x, node->type),
                       .type = node->type,
                       .h = shape.h,
                       .w = shape.w,
                       .c = shape.c,
                       .ld = (size_t)shape.c};
}

tm_tensor tm_lower_between(tm_lowering *lowering, int pixels, int c)
{
    tm_tensor between = {.space = TM_SPACE_ARENA,
                         .offset = lowering->between,
                         .type = TM_DTYPE_F32,
                         .h = 1,
                         .w = pixels,
                         .c = c,
                         .ld = (size_t)c,
                         .stride = (size_t)pixels * (size_t)c};
    size_t bytes = between.stride * tm_dtype_size(between.type);
    if (bytes > lowering->steps->between_bytes)
        lowering->steps->between_bytes = bytes;
    return between;
}

static bool grow(tm_lowering *lowering)
{
    tm_steps *steps = lowering->steps;
    int capacity = steps->capacity ? 2 * steps->capacity : 256;
    if (steps->count < steps->capacity)
        return true;
    tm_step *grown = realloc(steps->rows, (size_t)capacity * sizeof *grown);
    if (!grown) {
        tm_lowering_no_memory(lowering, (size_t)capacity * sizeof *grown);
        return false;
    }
    steps->rows = grown;
    steps->capacity = capacity;
    return true;
}

/* The step, to be told of; NULL after an error. */
static tm_step *append(tm_lowering *lowering, const tm_node *node, tm_step_run *run,
                       tm_step_units *units, const void *args, size_t args_size)
{
    tm_steps *steps = lowering->steps;
    if (lowering->status || !grow(lowering))
        return NULL;
    void *copy = tm_arena_alloc(&steps->args, args_size);
    if (!copy) {
        tm_lowering_no_memory(lowering, args_size);
        return NULL;
    }
    memcpy(copy, args, args_size);
    tm_step *step = &steps->rows[steps->count++];
    *step = (tm_step){
        .run = run, .units = units, .args = copy, .name = node->name, .op = node->op->name};
    return step;
}

void tm_lower_step(tm_lowering *lowering, const tm_node *node, tm_step_run *run,
                   tm_step_units *units, const void *args, size_t args_size, size_t scratch)
{
    tm_step *step = append(lowering, node, run, units, args, args_size);
    if (!step)
        return;
    step->scratch = scratch;
    step->macs = node->op->macs ? node->op->macs(node) : 0;
    if (scratch > lowering->steps->scratch_bytes)
        lowering->steps->scratch_bytes = scratch;
}

void tm_lower_pixels(tm_lowering *lowering, tm_step_pixels *pixels)
{
    if (!lowering->status)
        lowering->steps->rows[lowering->steps->count - 1].pixels = pixels;
}

void tm_lower_before(tm_lowering *lowering, const tm_node *node, tm_step_run *run,
                     tm_step_units *units, const void *args, size_t args_size)
{
    append(lowering, node, run, units, args, args_size);
}

const tm_kernels *tm_lower_kernels(const tm_lowering *lowering)
{
    return lowering->kernels;
}

const tm_bf16_kernels *tm_lower_bf16_kernels(const tm_lowering *lowering)
{
    return tm_precision_takes_bf16(lowering->precision) ? tm_bf16_kernels_for(lowering->isa) : NULL;
}

const tm_i8_kernels *tm_lower_i8_kernels(const tm_lowering *lowering)
{
    return tm_i8_kernels_for(lowering->isa);
}

const tm_split_kernels *tm_lower_split_kernels(const tm_lowering *lowering)
{
    return tm_split_kernels_for(lowering->isa);
}

tm_precision tm_lower_precision(const tm_lowering *lowering)
{
    return lowering->precision;
}

int tm_lower_threads(const tm_lowering *lowering)
{
    return lowering->threads;
}

void tm_lowering_free(tm_lowering *lowering)
{
    tm_lowering_free_temporaries(lowering);
    free(lowering->jobs);
    lowering->jobs = NULL;
}

void tm_steps_free(tm_steps *steps)
{
    if (!steps->packed.file)
        free(steps->memory);
    tm_status verdict = tm_unmap(&steps->packed, TM_OK, NULL); /* each run has asked for it */
    (void)verdict;
    free(steps->rows);
    tm_arena_free(&steps->args);
    *steps = (tm_steps){0};
}
