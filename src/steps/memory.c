/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that lives as long as the steps, and the want of it. */
#include <string.h>

#include "steps/lowering.h"

/* Stands for memory that is counted alone: nothing reads or writes it. */
static _Alignas(64) float nowhere[TM_PANEL];

void tm_lowering_fail(tm_lowering *lowering, tm_status status)
{
    if (lowering->status == TM_OK)
        lowering->status = status;
}

void tm_lowering_no_memory(tm_lowering *lowering, size_t bytes)
{
    tm_fail(lowering->error, TM_NO_MEMORY, "no memory for %zu bytes of the model", bytes);
    tm_lowering_fail(lowering, TM_NO_MEMORY);
}

/* One block, so that packing takes few page faults and nothing is left over. */
void tm_lowering_take_memory(tm_lowering *lowering)
{
    tm_steps *steps = lowering->steps;
    size_t zeros, all;
    if (lowering->status)
        return;
    bool fits = tm_size_mul(lowering->zero_count, sizeof(float), &zeros) &&
                tm_size_add(lowering->used, zeros, &all);
    steps->memory = fits ? tm_alloc_huge(all) : NULL;
    if (!steps->memory) {
        tm_lowering_no_memory(lowering, fits ? all : SIZE_MAX);
        return;
    }
    lowering->zeros = memset(steps->memory + lowering->used, 0, zeros);
    lowering->used = 0;
    lowering->job_count = 0;
    steps->count = 0;
    tm_arena_free(&steps->args);
}

float *tm_lower_memory(tm_lowering *lowering, size_t floats)
{
    size_t bytes, end;
    if (lowering->status)
        return NULL;
    if (!tm_size_mul(floats, sizeof(float), &bytes) || !tm_size_add(bytes, 63, &bytes) ||
        !tm_size_add(lowering->used, bytes & ~(size_t)63, &end)) {
        tm_lowering_no_memory(lowering, floats);
        return NULL;
    }
    char *memory = lowering->steps->memory;
    float *result = memory ? (float *)(void *)(memory + lowering->used) : nowhere;
    lowering->used = end;
    return result;
}

const float *tm_lower_zeros(tm_lowering *lowering, size_t floats)
{
    if (floats > lowering->zero_count)
        lowering->zero_count = floats;
    return lowering->zeros ? lowering->zeros : nowhere;
}
