/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One parallel region per run: the threads walk the list of steps together and meet at a barrier
 * after each. Units are handed out one by one, so that a slow core does not hold up the others.
 */
#include "run/run.h"

#include <stdatomic.h>
#include <time.h>

#include "run/barrier.h"

typedef struct run_state {
    const tm_plan *plan;
    int batch;
    tm_barrier barrier;
    atomic_int next[2]; /* the next unit of even and odd steps */
    double *step_seconds;
} run_state;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void run_step(run_state *state, int index, int thread)
{
    const tm_step *step = &state->plan->steps[index];
    int units = step->units(step, state->batch);
    char *scratch = state->plan->scratch + (size_t)thread * state->plan->scratch_bytes;
    atomic_int *next = &state->next[index & 1];
    for (int unit; (unit = atomic_fetch_add_explicit(next, 1, memory_order_relaxed)) < units;)
        step->run(step, state->batch, unit, scratch);
}

/* While step i runs, nobody touches the counter of step i + 1, which is reset before the barrier
 * that ends step i: a thread can be at most one barrier ahead. */
static void walk(run_state *state, int thread)
{
    unsigned sense = 0;
    for (int i = 0; i < state->plan->step_count; i++) {
        double begin = thread == 0 && state->step_seconds ? now() : 0;
        run_step(state, i, thread);
        if (thread == 0)
            atomic_store_explicit(&state->next[(i + 1) & 1], 0, memory_order_relaxed);
        tm_barrier_wait(&state->barrier, &sense);
        if (thread == 0 && state->step_seconds)
            state->step_seconds[i] += now() - begin;
    }
}

void tm_run(const tm_plan *plan, int batch, double *step_seconds)
{
    run_state state = {.plan = plan, .batch = batch, .step_seconds = step_seconds};
    tm_barrier_init(&state.barrier, plan->threads);
    if (plan->threads == 1) {
        walk(&state, 0);
        return;
    }
#pragma omp parallel num_threads(plan->threads)
    {
#pragma omp single
        tm_barrier_init(&state.barrier, tm_team_size());
        walk(&state, tm_team_index());
    }
}
