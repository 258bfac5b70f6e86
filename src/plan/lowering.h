/* SPDX-License-Identifier: Apache-2.0 */
/* The plan under construction: what stands behind ops/lower.h. */
#ifndef TM_PLAN_LOWERING_H
#define TM_PLAN_LOWERING_H

#include "plan/layout.h"
#include "plan/plan.h"

enum { TM_MAX_TEMPORARIES = 64 /* constants under evaluation at once */ };

/* Buffers for constants under evaluation, used again and again: fresh memory would cost a page
 * fault for every 4 KB of every tensor. */
typedef struct tm_temporaries {
    struct tm_temporary {
        float *data;
        size_t bytes;
        bool taken;
    } slots[TM_MAX_TEMPORARIES];
} tm_temporaries;

/* A job that waits for the end of the layout. */
typedef struct tm_deferred {
    tm_lower_job *job;
    void *args;
} tm_deferred;

struct tm_lowering {
    tm_plan *plan;
    const tm_graph *graph;
    const tm_weights *weights;
    tm_isa isa;
    const tm_kernels *kernels; /* of isa */
    tm_precision precision;
    tm_arena_layout layout;
    const float *zeros;
    size_t zero_count;
    char *chunk; /* what is left of the last block of plan memory */
    size_t chunk_left;
    tm_temporaries temporaries;
    tm_deferred *jobs;
    int job_count, job_capacity;
    tm_error *error;
    tm_status status;
};

/* Each records the first error only. */
void tm_lowering_fail(tm_lowering *lowering, tm_status status);
void tm_lowering_no_memory(tm_lowering *lowering, size_t bytes);

void tm_lowering_free_temporaries(tm_lowering *lowering);

/* Runs what was deferred, on the plan's threads. */
void tm_lowering_run_jobs(tm_lowering *lowering);

#endif
