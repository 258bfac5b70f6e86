/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads walk the list of steps together and meet at a barrier after each, or each walks it alone
 * for pictures of its own. Together, every thread has its own share of a step's units, the same
 * part of the whole in every step, so that it finds in its caches what it wrote; whoever is done
 * takes units of the others, so that a slow core does not hold them up.
 */
#include "run/run.h"

#include <stdatomic.h>

#include "base/clock.h"
#include "base/parallel.h"
#include "run/barrier.h"

enum { MAX_SHARES = 64 /* more threads begin with the share of another */ };

/* Units of a step that one thread takes first, on a cache line of its own. */
typedef struct share {
    _Alignas(64) atomic_int next;
} share;

/* What a thread of a walk waited for the others, on a cache line of its own. */
typedef struct waiting {
    _Alignas(64) double seconds;
} waiting;

/* Pictures [first, first + count) of a run. */
typedef struct part {
    int first, count;
} part;

typedef struct walk {
    tm_runner *runner;
    double *step_seconds;
    /* together: */
    part part;
    int share_count;
    tm_barrier barrier;
    waiting waited[MAX_SHARES];  /* by thread, the first ones */
    share shares[2][MAX_SHARES]; /* of even and odd steps */
    /* alone: */
    int batch, parts; /* pictures of the run, parts that are walked alone */
    atomic_int next;  /* part */
} walk;

static tm_run_state state_of(const tm_runner *runner, part p, int lane, int thread)
{
    const tm_plan *plan = runner->plan;
    return (tm_run_state){
        .memory = {[TM_SPACE_ARENA] = runner->arenas + (size_t)lane * plan->arena_bytes,
                   [TM_SPACE_KEPT] = runner->kept},
        .batch = p.count,
        .first = p.first,
        .scratch = runner->scratch + (size_t)thread * plan->steps.scratch_bytes};
}

/* ---- together ---- */

static int share_begin(const walk *w, int units, int i)
{
    return (int)((long long)units * i / w->share_count);
}

static void deal(walk *w, int index)
{
    const tm_steps *steps = &w->runner->plan->steps;
    if (index == steps->count)
        return;
    const tm_step *step = &steps->rows[index];
    int units = step->units(step, w->part.count);
    for (int i = 0; i < w->share_count; i++)
        atomic_store_explicit(&w->shares[index & 1][i].next, share_begin(w, units, i),
                              memory_order_relaxed);
}

static void run_step(walk *w, const tm_run_state *state, int index, int thread)
{
    const tm_step *step = &w->runner->plan->steps.rows[index];
    int units = step->units(step, state->batch);
    for (int i = 0; i < w->share_count; i++) {
        int owner = (thread + i) % w->share_count, end = share_begin(w, units, owner + 1);
        atomic_int *next = &w->shares[index & 1][owner].next;
        for (int unit; (unit = atomic_fetch_add_explicit(next, 1, memory_order_relaxed)) < end;)
            step->run(step, state, unit);
    }
}

/* While step i runs, nobody touches the shares of step i + 1, which are dealt before the barrier
 * that ends step i: a thread can be at most one barrier ahead. */
static void walk_with_others(void *context, int thread)
{
    walk *w = context;
    tm_run_state state = state_of(w->runner, w->part, 0, thread);
    unsigned sense = 0;
    double waited = 0, begin = tm_seconds();
    for (int i = 0; i < w->runner->plan->steps.count; i++) {
        run_step(w, &state, i, thread);
        if (thread == 0)
            deal(w, i + 1);
        double done = tm_seconds();
        tm_barrier_wait(&w->barrier, &sense);
        double end = tm_seconds();
        waited += end - done;
        if (thread == 0 && w->step_seconds)
            w->step_seconds[i] += end - begin;
        begin = end;
    }
    if (thread < MAX_SHARES)
        w->waited[thread].seconds = waited;
}

static double longest_wait(const walk *w, int size)
{
    double longest = 0;
    for (int i = 0; i < size && i < MAX_SHARES; i++)
        longest = w->waited[i].seconds > longest ? w->waited[i].seconds : longest;
    return longest;
}

static void walk_together(walk *w, part p)
{
    tm_pace *pace = &w->runner->pace;
    int all = tm_team_size(w->runner->threads), size = tm_pace_threads(pace, all);
    w->part = p;
    w->share_count = size < MAX_SHARES ? size : MAX_SHARES;
    deal(w, 0);
    tm_barrier_init(&w->barrier, size);
    double begin = tm_seconds();
    tm_team_run(size, walk_with_others, w);
    double seconds = tm_seconds() - begin;
    tm_pace_tell(pace, all, size, seconds / p.count, longest_wait(w, size) / seconds);
}

/* ---- alone ---- */

static part part_at(const walk *w, int index)
{
    int size = w->runner->plan->walk_batch, first = index * size, left = w->batch - first;
    return (part){first, left < size ? left : size};
}

static void walk_part(const walk *w, part p, int lane)
{
    const tm_steps *steps = &w->runner->plan->steps;
    tm_run_state state = state_of(w->runner, p, lane, lane);
    for (int i = 0; i < steps->count; i++) {
        const tm_step *step = &steps->rows[i];
        double begin = lane == 0 && w->step_seconds ? tm_seconds() : 0;
        int units = step->units(step, p.count);
        for (int unit = 0; unit < units; unit++)
            step->run(step, &state, unit);
        if (lane == 0 && w->step_seconds)
            w->step_seconds[i] += tm_seconds() - begin;
    }
}

static void walk_alone(void *context, int lane)
{
    walk *w = context;
    for (int i; (i = atomic_fetch_add_explicit(&w->next, 1, memory_order_relaxed)) < w->parts;)
        walk_part(w, part_at(w, i), lane);
}

void tm_run(tm_runner *runner, int batch, double *step_seconds)
{
    walk w = {.runner = runner, .step_seconds = step_seconds, .batch = batch};
    int size = runner->plan->walk_batch, parts = (batch + size - 1) / size, lanes = runner->lanes;
    int alone = lanes > 1 ? parts / lanes * lanes : 0;
    if (alone) {
        w.parts = alone;
        tm_team_run(tm_team_size(lanes), walk_alone, &w);
    }
    for (int i = alone; i < parts; i++)
        walk_together(&w, part_at(&w, i));
}
