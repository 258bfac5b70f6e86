/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that lives as long as the steps, and the want of it. */
#include <stdlib.h>

#include "steps/lowering.h"

enum { CHUNK_BYTES = 8 << 20 };

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

/* Keeps a malloc'd block until the steps are freed; frees it at once when there is no room. */
static bool own(tm_lowering *lowering, void *block)
{
    tm_steps *steps = lowering->steps;
    if (steps->memory_count == steps->memory_capacity) {
        int capacity = steps->memory_capacity ? 2 * steps->memory_capacity : 256;
        void **grown = realloc(steps->memory, (size_t)capacity * sizeof *grown);
        if (!grown) {
            free(block);
            tm_lowering_no_memory(lowering, (size_t)capacity * sizeof *grown);
            return false;
        }
        steps->memory = grown;
        steps->memory_capacity = capacity;
    }
    steps->memory[steps->memory_count++] = block;
    return true;
}

/* Blocks of whole huge pages, so that packing takes few page faults. */
static void *new_chunk(tm_lowering *lowering, size_t bytes)
{
    size_t size = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
    char *block = tm_alloc_huge(size);
    if (!block) {
        tm_lowering_no_memory(lowering, bytes);
        return NULL;
    }
    if (!own(lowering, block))
        return NULL;
    if (size - bytes > lowering->chunk_left) {
        lowering->chunk = block + bytes;
        lowering->chunk_left = size - bytes;
    }
    return block;
}

float *tm_lower_memory(tm_lowering *lowering, size_t floats)
{
    size_t bytes;
    if (lowering->status)
        return NULL;
    if (!tm_size_mul(floats, sizeof(float), &bytes) || bytes > SIZE_MAX / 2) {
        tm_lowering_no_memory(lowering, floats);
        return NULL;
    }
    bytes = (bytes + 63) & ~(size_t)63;
    lowering->steps->weight_bytes += bytes;
    if (bytes > lowering->chunk_left)
        return new_chunk(lowering, bytes);
    void *result = lowering->chunk;
    lowering->chunk += bytes;
    lowering->chunk_left -= bytes;
    return result;
}

const float *tm_lower_zeros(tm_lowering *lowering, size_t floats)
{
    if (lowering->status)
        return NULL;
    if (floats > lowering->zero_count) {
        size_t count = floats < 16384 ? 16384 : floats;
        float *zeros = calloc(count, sizeof *zeros);
        if (!zeros) {
            tm_lowering_no_memory(lowering, count * sizeof *zeros);
            return NULL;
        }
        if (!own(lowering, zeros))
            return NULL;
        lowering->zeros = zeros;
        lowering->zero_count = count;
    }
    return lowering->zeros;
}
