/* SPDX-License-Identifier: Apache-2.0 */
/* Steps under construction: what stands behind steps/lower.h, for whoever lowers a graph. */
#ifndef TM_STEPS_LOWERING_H
#define TM_STEPS_LOWERING_H

#include "base/error.h"
#include "steps/lower.h"
#include "steps/steps.h"
#include "weights/weights.h"

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

/* A job that waits for the end of the list. */
typedef struct tm_deferred {
    tm_lower_job *job;
    void *args;
} tm_deferred;

struct tm_lowering {
    tm_steps *steps;
    const tm_tensor *tensors; /* of the activations, by node id */
    size_t between;           /* where the arena ends, in bytes: room between steps begins there */
    const tm_weights *weights;
    tm_isa isa;
    const tm_kernels *kernels; /* of isa */
    tm_precision precision;
    int threads;
    size_t used; /* of the steps' memory, or what they will need of it */
    size_t zero_count;
    const float *zeros;
    tm_temporaries temporaries;
    tm_deferred *jobs;
    int job_count, job_capacity;
    tm_error *error;
    tm_status status;
};

/* Each records the first error only. */
void tm_lowering_fail(tm_lowering *lowering, tm_status status);
void tm_lowering_no_memory(tm_lowering *lowering, size_t bytes);

/* A graph is lowered twice: at first memory is only counted, and no job may run; then one of these
 * takes it and forgets the steps, which come again to be kept. */
void tm_lowering_take_memory(tm_lowering *lowering);
/* Constants that stand there packed: no job must run. The map becomes the steps'. False: they take
 * another number of bytes, and nothing is done. */
bool tm_lowering_take_packed(tm_lowering *lowering, const tm_packed_memory *packed);

/* Runs what was deferred, on the threads. */
void tm_lowering_run_jobs(tm_lowering *lowering);
/* All but the steps. */
void tm_lowering_free(tm_lowering *lowering);

void tm_lowering_free_temporaries(tm_lowering *lowering);

#endif
