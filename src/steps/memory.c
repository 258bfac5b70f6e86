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

/* The constants, and zeros behind them. SIZE_MAX: more than there are addresses. */
static size_t count_bytes(const tm_lowering *lowering)
{
    size_t zeros, all;
    return tm_size_mul(lowering->zero_count, sizeof(float), &zeros) &&
                   tm_size_add(lowering->used, zeros, &all)
               ? all
               : SIZE_MAX;
}

static void begin_again(tm_lowering *lowering)
{
    tm_steps *steps = lowering->steps;
    lowering->zeros = (const float *)(void *)(steps->memory + lowering->used);
    lowering->used = 0;
    lowering->job_count = 0;
    steps->count = 0;
    tm_arena_free(&steps->args);
}

/* One block, so that packing takes few page faults and nothing is left over. */
void tm_lowering_take_memory(tm_lowering *lowering)
{
    tm_steps *steps = lowering->steps;
    size_t bytes = count_bytes(lowering);
    if (lowering->status)
        return;
    steps->memory = bytes < SIZE_MAX ? tm_alloc_huge(bytes) : NULL;
    if (!steps->memory) {
        tm_lowering_no_memory(lowering, bytes);
        return;
    }
    steps->memory_bytes = bytes;
    memset(steps->memory + lowering->used, 0, bytes - lowering->used);
    begin_again(lowering);
}

bool tm_lowering_take_packed(tm_lowering *lowering, const tm_packed_memory *packed)
{
    tm_steps *steps = lowering->steps;
    if (count_bytes(lowering) != packed->bytes)
        return false;
    steps->packed = packed->map;
    steps->memory = (char *)packed->map.data + packed->offset;
    steps->memory_bytes = packed->bytes;
    begin_again(lowering);
    return true;
}

float *tm_lower_memory(tm_lowering *lowering, size_t floats)
{
    size_t bytes, end;
    if (lowering->status)
        return NULL;
    if (!tm_size_mul(floats, sizeof(float), &bytes) || !tm_size_add(bytes, TM_LINE - 1, &end) ||
        !tm_size_add(lowering->used, tm_whole_lines(bytes), &end)) {
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
