/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pipeline.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/parallel.h"

typedef struct item {
    bool passed; /* its turn is over */
    bool done;
    int place; /* -1: it has not entered */
} item;

struct tm_pipeline {
    const tm_pipeline_stages *stages;
    void *context;
    item *items;      /* slots of them; item n is in slot n % slots */
    int *free_places; /* a stack */
    int free_count;
    int idle_cores, waiting_for_all;
    long long taken, passed, finished; /* how many have, in order */
    bool ended;                        /* no more are taken */
    bool given_up;                     /* what is under way comes to its end, and that is all */
    pthread_mutex_t take_lock, lock;   /* the first is held while an item is taken */
    pthread_cond_t moved, cores;       /* of the counts and items, and of idle_cores */
};

static item *item_at(tm_pipeline *p, long long number)
{
    return &p->items[number % p->stages->slots];
}

/* The number of the item in the slot. */
static long long number_in(const tm_pipeline *p, int slot)
{
    int first = (int)(p->finished % p->stages->slots), offset = slot - first;
    return p->finished + (offset < 0 ? offset + p->stages->slots : offset);
}

static void end(tm_pipeline *p)
{
    p->ended = true;
    pthread_cond_broadcast(&p->moved);
}

/* ---- one item ---- */

/* -1: there are no more. */
static int take(tm_pipeline *p)
{
    int slot = -1;
    pthread_mutex_lock(&p->take_lock);
    pthread_mutex_lock(&p->lock);
    while (!p->ended && p->taken - p->finished == p->stages->slots)
        pthread_cond_wait(&p->moved, &p->lock);
    bool more = !p->ended;
    pthread_mutex_unlock(&p->lock);
    if (more) {
        slot = (int)(p->taken % p->stages->slots);
        more = p->stages->take(p->context, slot);
        pthread_mutex_lock(&p->lock);
        if (more) {
            p->items[slot] = (item){.place = -1};
            p->taken++;
        } else {
            slot = -1;
            end(p);
        }
        pthread_mutex_unlock(&p->lock);
    }
    pthread_mutex_unlock(&p->take_lock);
    return slot;
}

/* Under the lock. */
static void pass(tm_pipeline *p, int slot)
{
    p->items[slot].passed = true;
    while (p->passed < p->taken && item_at(p, p->passed)->passed)
        p->passed++;
    pthread_cond_broadcast(&p->moved);
}

static void work_on(tm_pipeline *p, int slot)
{
    p->stages->work(p->context, slot, p);
    pthread_mutex_lock(&p->lock);
    p->items[slot].done = true;
    pass(p, slot);
    pthread_mutex_unlock(&p->lock);
}

void tm_pipeline_begin_turn(tm_pipeline *p, int slot)
{
    pthread_mutex_lock(&p->lock);
    long long number = number_in(p, slot);
    while (p->passed < number)
        pthread_cond_wait(&p->moved, &p->lock);
    pthread_mutex_unlock(&p->lock);
}

void tm_pipeline_end_turn(tm_pipeline *p, int slot)
{
    pthread_mutex_lock(&p->lock);
    pass(p, slot);
    pthread_mutex_unlock(&p->lock);
}

int tm_pipeline_enter(tm_pipeline *p, int slot)
{
    pthread_mutex_lock(&p->lock);
    pass(p, slot);
    while (number_in(p, slot) >= p->finished + p->stages->places)
        pthread_cond_wait(&p->moved, &p->lock);
    int place = p->free_places[--p->free_count];
    p->items[slot].place = place;
    pthread_mutex_unlock(&p->lock);
    return place;
}

void tm_pipeline_take_cores(tm_pipeline *p, int count)
{
    bool all = count == p->stages->cores;
    pthread_mutex_lock(&p->lock);
    p->waiting_for_all += all;
    while (p->idle_cores < count || (!all && p->waiting_for_all))
        pthread_cond_wait(&p->cores, &p->lock);
    p->waiting_for_all -= all;
    p->idle_cores -= count;
    pthread_mutex_unlock(&p->lock);
}

void tm_pipeline_give_cores(tm_pipeline *p, int count)
{
    pthread_mutex_lock(&p->lock);
    p->idle_cores += count;
    pthread_cond_broadcast(&p->cores);
    pthread_mutex_unlock(&p->lock);
}

/* ---- the row ---- */

static void *work_on_all(void *context)
{
    tm_pipeline *p = context;
    for (int slot; (slot = take(p)) >= 0;)
        work_on(p, slot);
    return NULL;
}

/* The first `count` items that are not finished, which are done. */
static void finish(tm_pipeline *p, int count)
{
    int slot = (int)(p->finished % p->stages->slots);
    if (!p->given_up)
        p->given_up = !p->stages->finish(p->context, slot, count, p);
    pthread_mutex_lock(&p->lock);
    for (int i = 0; i < count; i++) {
        int place = item_at(p, p->finished++)->place;
        if (place >= 0)
            p->free_places[p->free_count++] = place;
    }
    if (p->given_up)
        p->ended = true;
    pthread_cond_broadcast(&p->moved);
    pthread_mutex_unlock(&p->lock);
}

/* How many are done and can be finished; 0: none is left, and none will come. */
static int wait_for_next(tm_pipeline *p)
{
    int count = 0;
    pthread_mutex_lock(&p->lock);
    while (p->finished < p->taken ? !item_at(p, p->finished)->done : !p->ended)
        pthread_cond_wait(&p->moved, &p->lock);
    while (count < p->stages->most && p->finished + count < p->taken &&
           item_at(p, p->finished + count)->done)
        count++;
    pthread_mutex_unlock(&p->lock);
    return count;
}

static void do_all_here(tm_pipeline *p)
{
    for (int slot; (slot = take(p)) >= 0;) {
        work_on(p, slot);
        finish(p, 1);
    }
}

static int start_workers(tm_pipeline *p, pthread_t *threads)
{
    int count = 0;
    while (count < p->stages->workers && tm_thread_start(&threads[count], work_on_all, p))
        count++;
    return count;
}

static void run(tm_pipeline *p, pthread_t *threads)
{
    int workers = start_workers(p, threads);
    if (!workers)
        do_all_here(p);
    for (int count; workers && (count = wait_for_next(p)) > 0;)
        finish(p, count);
    for (int i = 0; i < workers; i++)
        pthread_join(threads[i], NULL);
}

bool tm_pipeline_run(const tm_pipeline_stages *stages, void *context)
{
    tm_pipeline p = {.stages = stages,
                     .context = context,
                     .items = calloc((size_t)stages->slots, sizeof *p.items),
                     .free_places = calloc((size_t)stages->places, sizeof *p.free_places),
                     .idle_cores = stages->cores,
                     .take_lock = PTHREAD_MUTEX_INITIALIZER,
                     .lock = PTHREAD_MUTEX_INITIALIZER,
                     .moved = PTHREAD_COND_INITIALIZER,
                     .cores = PTHREAD_COND_INITIALIZER};
    pthread_t *threads = calloc((size_t)stages->workers + 1, sizeof *threads);
    bool begins = p.items && p.free_places && threads;
    while (begins && p.free_count < stages->places) {
        p.free_places[p.free_count] = stages->places - 1 - p.free_count;
        p.free_count++;
    }
    if (begins)
        run(&p, threads);
    free(p.items);
    free(p.free_places);
    free(threads);
    return begins;
}
