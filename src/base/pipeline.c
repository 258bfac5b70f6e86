/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pipeline.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/parallel.h"

typedef struct item {
    bool passed; /* its turn is over */
    bool read, begun, done;
    int place; /* once it has begun */
} item;

struct tm_pipeline {
    const tm_pipeline_stages *stages;
    void *context;
    item *items;      /* slots of them; item n is in slot n % slots */
    int *free_places; /* a stack */
    int free_count;
    int computing;                     /* items */
    bool taken_cores;                  /* none begins */
    long long taken, passed, finished; /* how many have, in order */
    bool ended;                        /* no more are taken */
    bool given_up;                     /* what has begun comes to its end, and that is all */
    bool closing;                      /* no more are computed */
    pthread_mutex_t take_lock, lock;   /* the first is held while an item is taken */
    /* Who waits for what: a reader for a slot, readers for their turn, a computer for an item, the
     * caller for the next one that is done or for the cores. */
    pthread_cond_t room, turn, work, news;
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

/* Under the lock. */
static void end(tm_pipeline *p)
{
    p->ended = true;
    pthread_cond_broadcast(&p->room);
    pthread_cond_signal(&p->news);
}

/* ---- reading ---- */

/* -1: there are no more. */
static int take(tm_pipeline *p)
{
    int slot = -1;
    pthread_mutex_lock(&p->take_lock);
    pthread_mutex_lock(&p->lock);
    while (!p->ended && p->taken - p->finished == p->stages->slots)
        pthread_cond_wait(&p->room, &p->lock);
    bool more = !p->ended;
    pthread_mutex_unlock(&p->lock);
    if (more) {
        slot = (int)(p->taken % p->stages->slots);
        more = p->stages->take(p->context, slot);
        pthread_mutex_lock(&p->lock);
        if (more) {
            p->items[slot] = (item){0};
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
    long long before = p->passed;
    p->items[slot].passed = true;
    while (p->passed < p->taken && item_at(p, p->passed)->passed)
        p->passed++;
    if (p->passed > before)
        pthread_cond_broadcast(&p->turn);
}

void tm_pipeline_begin_turn(tm_pipeline *p, int slot)
{
    pthread_mutex_lock(&p->lock);
    long long number = number_in(p, slot);
    while (p->passed < number)
        pthread_cond_wait(&p->turn, &p->lock);
    pthread_mutex_unlock(&p->lock);
}

void tm_pipeline_end_turn(tm_pipeline *p, int slot)
{
    pthread_mutex_lock(&p->lock);
    pass(p, slot);
    pthread_mutex_unlock(&p->lock);
}

static void read_item(tm_pipeline *p, int slot)
{
    if (p->stages->read)
        p->stages->read(p->context, slot, p);
    pthread_mutex_lock(&p->lock);
    p->items[slot].read = true;
    pass(p, slot);
    pthread_cond_signal(&p->work);
    pthread_mutex_unlock(&p->lock);
}

static void *read_all(void *context)
{
    tm_pipeline *p = context;
    for (int slot; (slot = take(p)) >= 0;)
        read_item(p, slot);
    return NULL;
}

/* ---- computing ---- */

/* Under the lock: the slot of the first item that can begin, or -1. */
static int find_work(tm_pipeline *p)
{
    long long last = p->finished + p->stages->places;
    if (p->taken_cores)
        return -1;
    for (long long n = p->finished; n < last && n < p->taken; n++)
        if (item_at(p, n)->read && !item_at(p, n)->begun)
            return (int)(n % p->stages->slots);
    return -1;
}

/* Under the lock, which it leaves meanwhile. */
static void compute(tm_pipeline *p, int slot)
{
    item *it = &p->items[slot];
    it->begun = true;
    it->place = p->free_places[--p->free_count];
    p->computing++;
    int place = it->place;
    pthread_mutex_unlock(&p->lock);
    p->stages->compute(p->context, slot, place);
    pthread_mutex_lock(&p->lock);
    it->done = true;
    p->computing--;
    if (number_in(p, slot) == p->finished || (p->taken_cores && !p->computing))
        pthread_cond_signal(&p->news);
}

static void *compute_all(void *context)
{
    tm_pipeline *p = context;
    pthread_mutex_lock(&p->lock);
    while (!p->closing) {
        int slot = find_work(p);
        if (slot >= 0)
            compute(p, slot);
        else
            pthread_cond_wait(&p->work, &p->lock);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

void tm_pipeline_take_cores(tm_pipeline *p)
{
    pthread_mutex_lock(&p->lock);
    p->taken_cores = true;
    while (p->computing)
        pthread_cond_wait(&p->news, &p->lock);
    pthread_mutex_unlock(&p->lock);
}

void tm_pipeline_give_cores(tm_pipeline *p)
{
    pthread_mutex_lock(&p->lock);
    p->taken_cores = false;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
}

/* ---- finishing ---- */

/* The first `count` items that are not finished, which are done. */
static void finish(tm_pipeline *p, int count)
{
    int slot = (int)(p->finished % p->stages->slots);
    if (!p->given_up)
        p->given_up = !p->stages->finish(p->context, slot, count, p);
    pthread_mutex_lock(&p->lock);
    for (int i = 0; i < count; i++)
        p->free_places[p->free_count++] = item_at(p, p->finished++)->place;
    if (p->given_up)
        end(p);
    pthread_cond_signal(&p->room);
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
}

/* How many are done and can be finished; 0: none is left, and none will come. */
static int wait_for_next(tm_pipeline *p)
{
    int count = 0;
    pthread_mutex_lock(&p->lock);
    while (p->finished < p->taken ? !item_at(p, p->finished)->done : !p->ended)
        pthread_cond_wait(&p->news, &p->lock);
    while (count < p->stages->most && p->finished + count < p->taken &&
           item_at(p, p->finished + count)->done)
        count++;
    pthread_mutex_unlock(&p->lock);
    return count;
}

/* ---- the whole ---- */

static void do_all_here(tm_pipeline *p)
{
    for (int slot; (slot = take(p)) >= 0;) {
        read_item(p, slot);
        pthread_mutex_lock(&p->lock);
        compute(p, slot);
        pthread_mutex_unlock(&p->lock);
        finish(p, 1);
    }
}

static int start(int wanted, size_t stack, void *(*run)(void *), tm_pipeline *p, pthread_t *threads)
{
    int count = 0;
    while (count < wanted && tm_thread_start(&threads[count], stack, run, p))
        count++;
    return count;
}

static void join(pthread_t *threads, int count)
{
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

static void close_computers(tm_pipeline *p, pthread_t *computers, int count)
{
    pthread_mutex_lock(&p->lock);
    p->closing = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    join(computers, count);
}

static void run(tm_pipeline *p, pthread_t *threads)
{
    const tm_pipeline_stages *s = p->stages;
    int computers = s->readers ? start(s->computers, TM_STACK, compute_all, p, threads) : 0;
    int readers =
        computers ? start(s->readers, TM_STACK_SMALL, read_all, p, threads + computers) : 0;
    for (int count; readers && (count = wait_for_next(p)) > 0;)
        finish(p, count);
    join(threads + computers, readers);
    close_computers(p, threads, computers);
    if (!readers)
        do_all_here(p);
}

bool tm_pipeline_run(const tm_pipeline_stages *stages, void *context)
{
    tm_pipeline p = {.stages = stages,
                     .context = context,
                     .items = calloc((size_t)stages->slots, sizeof *p.items),
                     .free_places = calloc((size_t)stages->places, sizeof *p.free_places),
                     .take_lock = PTHREAD_MUTEX_INITIALIZER,
                     .lock = PTHREAD_MUTEX_INITIALIZER,
                     .room = PTHREAD_COND_INITIALIZER,
                     .turn = PTHREAD_COND_INITIALIZER,
                     .work = PTHREAD_COND_INITIALIZER,
                     .news = PTHREAD_COND_INITIALIZER};
    pthread_t *threads =
        calloc((size_t)stages->readers + (size_t)stages->computers + 1, sizeof *threads);
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
