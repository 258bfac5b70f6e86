/* SPDX-License-Identifier: Apache-2.0 */
/* Work on weights that waits until all steps are there, and then runs on all threads. */
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "steps/lowering.h"

void tm_lower_defer(tm_lowering *lowering, tm_lower_job *job, const void *args, size_t args_size)
{
    if (lowering->status)
        return;
    if (lowering->job_count == lowering->job_capacity) {
        int capacity = lowering->job_capacity ? 2 * lowering->job_capacity : 256;
        tm_deferred *grown = realloc(lowering->jobs, (size_t)capacity * sizeof *grown);
        if (!grown) {
            tm_lowering_no_memory(lowering, (size_t)capacity * sizeof *grown);
            return;
        }
        lowering->jobs = grown;
        lowering->job_capacity = capacity;
    }
    void *copy = tm_arena_alloc(&lowering->steps->args, args_size);
    if (!copy) {
        tm_lowering_no_memory(lowering, args_size);
        return;
    }
    memcpy(copy, args, args_size);
    lowering->jobs[lowering->job_count++] = (tm_deferred){job, copy};
}

/* Each thread has its own temporaries and error. */
typedef struct workers {
    const tm_lowering *lowering;
    tm_lowering *of_thread;
    tm_error *errors;
} workers;

static void run_job(void *context, int i, int thread)
{
    workers *w = context;
    tm_lowering *worker = &w->of_thread[thread];
    if (!worker->status)
        w->lowering->jobs[i].job(worker, w->lowering->jobs[i].args);
}

void tm_lowering_run_jobs(tm_lowering *lowering)
{
    int threads = lowering->threads;
    workers w = {.lowering = lowering,
                 .of_thread = calloc((size_t)threads, sizeof *w.of_thread),
                 .errors = calloc((size_t)threads, sizeof *w.errors)};
    for (int i = 0; w.of_thread && w.errors && i < threads; i++) {
        w.of_thread[i] = *lowering;
        w.of_thread[i].temporaries = (tm_temporaries){0};
        w.of_thread[i].error = &w.errors[i];
    }
    if (w.of_thread && w.errors) {
        tm_parallel_for(threads, lowering->job_count, run_job, &w);
        for (int i = 0; i < threads; i++) {
            tm_lowering_free_temporaries(&w.of_thread[i]);
            if (w.of_thread[i].status) {
                tm_fail(lowering->error, w.errors[i].status, "%s", w.errors[i].message);
                tm_lowering_fail(lowering, w.of_thread[i].status);
            }
        }
    } else {
        tm_lowering_no_memory(lowering, (size_t)threads * sizeof *w.of_thread);
    }
    free(w.of_thread);
    free(w.errors);
}
