/* SPDX-License-Identifier: Apache-2.0 */
/* Teams of threads: every part of the work is done once, whoever calls and however many threads
 * the system gives. */
#define _GNU_SOURCE /* RTLD_NEXT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/parallel.h"
#include "tests/unit/emulated.h"

typedef int create_fn(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

static atomic_int given = 1000; /* threads that the system still gives */

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
                   void *argument)
{
    create_fn *real;
    *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
    return atomic_fetch_sub(&given, 1) > 0 ? real(thread, attributes, start, argument) : EAGAIN;
}

enum { ITEMS = 500 };

typedef struct tally {
    atomic_int done[ITEMS];
    atomic_int largest; /* thread */
} tally;

static void count(void *context, int i, int thread)
{
    tally *t = context;
    atomic_fetch_add(&t->done[i], 1);
    for (int largest = t->largest; thread > largest;)
        if (atomic_compare_exchange_weak(&t->largest, &largest, thread))
            break;
}

static void check_loop(int threads, int items)
{
    tally t = {0};
    tm_parallel_for(threads, items, count, &t);
    for (int i = 0; i < ITEMS; i++)
        assert_int_equal(t.done[i], i < items);
    assert_true(t.largest < threads);
}

static void each_item_once(void **state)
{
    (void)state;
    for (int round = 0; round < 200; round++)
        check_loop(1 + round % 9, round % (ITEMS + 1));
    check_loop(3, ITEMS);
    check_loop(1, 0);
}

typedef struct meeting {
    atomic_int here;
    int size;
} meeting;

/* Returns only if all are here at once. */
static void meet(void *context, int index)
{
    meeting *m = context;
    assert_true(index >= 0 && index < m->size);
    atomic_fetch_add(&m->here, 1);
    while (m->here < m->size)
        sched_yield();
}

static void all_at_once(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 8; threads++) {
        meeting m = {.size = tm_team_size(threads)};
        assert_int_equal(m.size, threads);
        tm_team_run(m.size, meet, &m);
        assert_int_equal(m.here, threads);
    }
}

static void *many_loops(void *argument)
{
    (void)argument;
    for (int i = 0; i < 50; i++)
        check_loop(4, 40);
    return NULL;
}

/* Each caller has helpers of its own, which end with it. */
static void several_callers(void **state)
{
    (void)state;
    pthread_t callers[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&callers[i], NULL, many_loops, NULL), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(callers[i], NULL);
}

static void *with_few(void *argument)
{
    int *sizes = argument;
    given = 2;
    sizes[0] = tm_team_size(8);
    check_loop(8, ITEMS);
    given = 0;
    sizes[1] = tm_team_size(8);
    sizes[2] = tm_team_size(2);
    return NULL;
}

static void *with_none(void *argument)
{
    int *size = argument;
    *size = tm_team_size(8);
    check_loop(8, ITEMS);
    return NULL;
}

static void fewer_threads_than_asked_for(void **state)
{
    (void)state;
    pthread_t caller;
    int sizes[3];
    given = 3;
    assert_int_equal(pthread_create(&caller, NULL, with_few, sizes), 0);
    pthread_join(caller, NULL);
    assert_int_equal(sizes[0], 3);
    assert_int_equal(sizes[1], 3);
    assert_int_equal(sizes[2], 2);
    given = 1;
    assert_int_equal(pthread_create(&caller, NULL, with_none, sizes), 0);
    pthread_join(caller, NULL);
    assert_int_equal(sizes[0], 1);
    given = 1000;
}

static void in_a_forked_child(void **state)
{
    (void)state;
    if (emulated())
        skip(); /* qemu-user loses its own way in such a child */
    check_loop(4, ITEMS);
    pid_t child = fork();
    if (child == 0) {
        alarm(20);
        check_loop(4, ITEMS);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    check_loop(4, ITEMS);
}

static pthread_t handled_by;
static atomic_int handled;

static void on_signal(int number)
{
    (void)number;
    handled_by = pthread_self();
    handled = 1;
}

static void stay(void *context, int index)
{
    (void)context;
    if (index == 0)
        kill(getpid(), SIGUSR1);
    while (!handled)
        sched_yield();
}

static void signals_are_the_caller_s(void **state)
{
    (void)state;
    signal(SIGUSR1, on_signal);
    tm_team_run(tm_team_size(4), stay, NULL);
    assert_true(pthread_equal(handled_by, pthread_self()));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_item_once),    cmocka_unit_test(all_at_once),
        cmocka_unit_test(several_callers),   cmocka_unit_test(fewer_threads_than_asked_for),
        cmocka_unit_test(in_a_forked_child), cmocka_unit_test(signals_are_the_caller_s),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
