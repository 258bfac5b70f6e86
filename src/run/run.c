/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The threads of a team walk the list of steps together and meet at a barrier after each. Every
 * thread has its own share of a step's units, the same part of the whole in every step, so that it
 * finds in its caches what it wrote; whoever is done takes units of the others, so that a slow core
 * does not hold them up.
 */
#include "run/run.h"

#include <stdatomic.h>
#include <time.h>

#include "base/parallel.h"
#include "run/barrier.h"

enum { MAX_SHARES = 64 /* more threads begin with the share of another */ };

/* Units of a step that one thread takes first, on a cache line of its own. */
typedef struct share {
    _Alignas(64) atomic_int next;
} share;

typedef struct run_state {
    const tm_plan *plan;
    int batch, share_count;
    tm_barrier barrier;
    share shares[2][MAX_SHARES]; /* of even and odd steps */
    double *step_seconds;
} run_state;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int share_begin(const run_state *state, int units, int i)
{
    return (int)((long long)units * i / state->share_count);
}

static void deal(run_state *state, int index)
{
    if (index == state->plan->step_count)
        return;
    const tm_step *step = &state->plan->steps[index];
    int units = step->units(step, state->batch);
    for (int i = 0; i < state->share_count; i++)
        atomic_store_explicit(&state->shares[index & 1][i].next, share_begin(state, units, i),
                              memory_order_relaxed);
}

static void run_step(run_state *state, int index, int thread)
{
    const tm_step *step = &state->plan->steps[index];
    int units = step->units(step, state->batch);
    char *scratch = state->plan->scratch + (size_t)thread * state->plan->scratch_bytes;
    for (int i = 0; i < state->share_count; i++) {
        int owner = (thread + i) % state->share_count, end = share_begin(state, units, owner + 1);
        atomic_int *next = &state->shares[index & 1][owner].next;
        for (int unit; (unit = atomic_fetch_add_explicit(next, 1, memory_order_relaxed)) < end;)
            step->run(step, state->batch, unit, scratch);
    }
}

/* While step i runs, nobody touches the shares of step i + 1, which are dealt before the barrier
 * that ends step i: a thread can be at most one barrier ahead. */
static void walk(void *context, int thread)
{
    run_state *state = context;
    unsigned sense = 0;
    for (int i = 0; i < state->plan->step_count; i++) {
        double begin = thread == 0 && state->step_seconds ? now() : 0;
        run_step(state, i, thread);
        if (thread == 0)
            deal(state, i + 1);
        tm_barrier_wait(&state->barrier, &sense);
        if (thread == 0 && state->step_seconds)
            state->step_seconds[i] += now() - begin;
    }
}

void tm_run(const tm_plan *plan, int batch, double *step_seconds)
{
    run_state state = {.plan = plan, .batch = batch, .step_seconds = step_seconds};
    state.share_count = plan->threads < MAX_SHARES ? plan->threads : MAX_SHARES;
    deal(&state, 0);
    int size = tm_team_size(plan->threads);
    tm_barrier_init(&state.barrier, size);
    tm_team_run(size, walk, &state);
}
