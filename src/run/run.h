/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs of a plan. A runner is the memory of one run at a time; any number of them may run the same
 * plan at once, each on threads of its own.
 */
#ifndef TM_RUN_RUN_H
#define TM_RUN_RUN_H

#include "plan/plan.h"
#include "run/pace.h"

typedef struct tm_runner {
    const tm_plan *plan;
    char *kept;    /* plan->kept_bytes */
    char *arenas;  /* one for each lane */
    char *scratch; /* one for each thread */
    int threads;   /* of a run */
    int lanes;     /* walks that can be under way at once */
    size_t bytes;  /* of all */
    tm_pace pace;  /* of the walks so far */
} tm_runner;

/* Takes the memory for runs on so many threads, 1 to plan->threads; the plan must outlive it.
 * TM_USAGE, with the batch that would fit: there is
 * less memory than its batch takes. On error nothing is left. */
tm_status tm_runner_open(tm_runner *runner, const tm_plan *plan, int threads, tm_error *error);
void tm_runner_close(tm_runner *runner);
/* What a run of the plan takes. False: more than there are addresses. */
bool tm_runner_bytes(const tm_plan *plan, size_t *bytes);

/* Computes the taps of the first `batch` pictures of plan->input, batch <= plan->max_batch. Where
 * a walk computes a part of the batch, threads first take a part each and walk it alone; what does
 * not go round, and a batch that one walk computes, is walked by all threads together. Every thread
 * count and every way gives the same bits. step_seconds (may be NULL) has a number per step, to
 * which the first thread's time in that step is added. */
void tm_run(tm_runner *runner, int batch, double *step_seconds);

/* Pixel (y, x) of picture n of plan->input or of a tap, which are float32 and live from before a
 * run to the next one. */
float *tm_runner_at(const tm_runner *runner, const tm_tensor *tensor, int n, int y, int x);

#endif
