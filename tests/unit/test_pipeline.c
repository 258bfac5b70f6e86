/* SPDX-License-Identifier: Apache-2.0 */
/* Items that threads work on: their order, how many there are at once, and how it ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "base/pipeline.h"

enum { SLOTS = 7, PLACES = 4, COMPUTERS = 2, MOST = 3, READERS = 5, ITEMS = 300 };

typedef struct factory {
    int items, taken, finished, together,
        last; /* last: the item whose finish gives up; -1: none does */
    int in_slot[SLOTS];
    atomic_int under_way, most_under_way, entered, most_entered, computing, most_computing;
    atomic_int place_of[PLACES]; /* 1: somebody is there */
    int place_in[SLOTS];
    bool whole; /* finish takes all cores */
    atomic_int turns;
    atomic_bool orderly;
} factory;

static void count_up(atomic_int *count, atomic_int *most)
{
    int now = atomic_fetch_add(count, 1) + 1, before = atomic_load(most);
    while (now > before && !atomic_compare_exchange_weak(most, &before, now))
        ;
}

static void pause_for(long microseconds)
{
    nanosleep(&(struct timespec){.tv_nsec = 1000 * microseconds}, NULL);
}

static bool take(void *context, int slot)
{
    factory *f = context;
    if (f->taken == f->items)
        return false;
    f->in_slot[slot] = f->taken++;
    count_up(&f->under_way, &f->most_under_way);
    return true;
}

static void read(void *context, int slot, tm_pipeline *pipeline)
{
    factory *f = context;
    int item = f->in_slot[slot];
    pause_for(item * 37 % 5 * 20); /* so that later ones overtake */
    if (item % 3) {
        tm_pipeline_begin_turn(pipeline, slot);
        if (atomic_exchange(&f->turns, item) > item)
            f->orderly = false;
        tm_pipeline_end_turn(pipeline, slot);
    }
}

static void compute(void *context, int slot, int place)
{
    factory *f = context;
    int item = f->in_slot[slot];
    f->place_in[slot] = place;
    if (atomic_exchange(&f->place_of[place], 1) && f->last < 0)
        f->orderly = false;
    count_up(&f->entered, &f->most_entered);
    count_up(&f->computing, &f->most_computing);
    pause_for(item * 13 % 7 * 10);
    atomic_fetch_sub(&f->computing, 1);
}

static bool finish(void *context, int slot, int count, tm_pipeline *pipeline)
{
    factory *f = context;
    f->together = count > f->together ? count : f->together;
    if (f->whole) {
        tm_pipeline_take_cores(pipeline);
        if (atomic_load(&f->computing))
            f->orderly = false;
        pause_for(200);
        tm_pipeline_give_cores(pipeline);
    }
    for (int i = 0; i < count; i++, slot = (slot + 1) % SLOTS) {
        if (f->in_slot[slot] != f->finished++)
            f->orderly = false;
        atomic_store(&f->place_of[f->place_in[slot]], 0);
        atomic_fetch_sub(&f->entered, 1);
        atomic_fetch_sub(&f->under_way, 1);
        if (f->finished > f->last && f->last >= 0)
            return false;
    }
    return true;
}

static factory run(int items, int last, int readers, bool whole)
{
    factory f = {.items = items, .last = last, .whole = whole, .orderly = true};
    const tm_pipeline_stages stages = {.readers = readers,
                                       .computers = COMPUTERS,
                                       .slots = SLOTS,
                                       .places = PLACES,
                                       .most = MOST,
                                       .take = take,
                                       .read = read,
                                       .compute = compute,
                                       .finish = finish};
    assert_true(tm_pipeline_run(&stages, &f));
    assert_true(f.orderly);
    return f;
}

/* Each is finished once, in the order it was taken in, and never are there more than may be. */
static void order_and_bounds(void **state)
{
    (void)state;
    for (int whole = 0; whole < 2; whole++) {
        factory f = run(ITEMS, -1, READERS, whole);
        assert_int_equal(f.taken, ITEMS);
        assert_int_equal(f.finished, ITEMS);
        assert_true(f.most_under_way > 1 && f.most_under_way <= SLOTS);
        assert_true(f.most_entered > 1 && f.most_entered <= PLACES);
        assert_true(f.most_computing <= COMPUTERS);
        assert_true(f.together > 1 && f.together <= MOST);
    }
}

static void without_threads(void **state)
{
    (void)state;
    factory f = run(20, -1, 0, true);
    assert_int_equal(f.finished, 20);
    assert_int_equal(f.most_under_way, 1);
    assert_int_equal(run(0, -1, 0, false).finished, 0);
    assert_int_equal(run(0, -1, READERS, false).finished, 0);
}

static void compute_in_row(void *context, int slot, int place)
{
    factory *f = context;
    (void)place;
    if (atomic_exchange(&f->turns, f->in_slot[slot]) > f->in_slot[slot])
        f->orderly = false;
    pause_for(20);
}

static bool count_finished(void *context, int slot, int count, tm_pipeline *pipeline)
{
    (void)slot, (void)pipeline;
    ((factory *)context)->finished += count;
    return true;
}

/* Of those that are read, the first is computed first. */
static void first_come(void **state)
{
    (void)state;
    factory f = {.items = ITEMS, .last = -1, .orderly = true};
    const tm_pipeline_stages stages = {.readers = 1,
                                       .computers = 1,
                                       .slots = SLOTS,
                                       .places = PLACES,
                                       .most = MOST,
                                       .take = take,
                                       .compute = compute_in_row,
                                       .finish = count_finished};
    assert_true(tm_pipeline_run(&stages, &f));
    assert_true(f.orderly);
    assert_int_equal(f.finished, ITEMS);
}

/* Nothing is finished after the one that gives up, and little is taken. */
static void giving_up(void **state)
{
    (void)state;
    for (int readers = 0; readers <= READERS; readers += READERS) {
        factory f = run(ITEMS, 40, readers, false);
        assert_int_equal(f.finished, 41);
        assert_true(f.taken <= 41 + SLOTS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_and_bounds),
        cmocka_unit_test(without_threads),
        cmocka_unit_test(first_come),
        cmocka_unit_test(giving_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
