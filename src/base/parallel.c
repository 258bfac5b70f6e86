/* SPDX-License-Identifier: Apache-2.0 */
#include "base/parallel.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/futex.h"
#include "base/memory.h"

enum { TEAM_MAX = 1024 };

typedef struct helper {
    _Alignas(64) atomic_uint job; /* counts up with each that it has a part in */
    pthread_t thread;
    struct team *team;
    int index;
} helper;

typedef struct team {
    helper *helpers[TEAM_MAX];
    int count;
    pid_t process;                          /* a child that was forked has no helpers */
    atomic_uint busy;                       /* helpers that work */
    void (*work)(void *context, int index); /* NULL: the team ends */
    void *context;
} team;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static bool has_key;

/* Signals that somebody sends are for the threads of the caller; those of a fault are not blocked,
 * or they would kill. */
bool tm_thread_start(pthread_t *thread, size_t stack, void *(*run)(void *argument), void *argument)
{
    pthread_attr_t attributes;
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};
    sigset_t blocked, saved;
    sigfillset(&blocked);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        sigdelset(&blocked, faults[i]);
    if (pthread_attr_init(&attributes) != 0)
        return false;
    pthread_attr_setstacksize(&attributes, stack);
    pthread_sigmask(SIG_SETMASK, &blocked, &saved);
    bool started = pthread_create(thread, &attributes, run, argument) == 0;
    pthread_sigmask(SIG_SETMASK, &saved, NULL);
    pthread_attr_destroy(&attributes);
    return started;
}

/* ---- helpers ---- */

static void *help(void *argument)
{
    helper *self = argument;
    team *t = self->team;
    for (unsigned seen = 0;; seen++) {
        tm_futex_wait(&self->job, seen);
        bool ends = !t->work;
        if (!ends)
            t->work(t->context, self->index);
        if (atomic_fetch_sub_explicit(&t->busy, 1, memory_order_acq_rel) == 1)
            tm_futex_wake_all(&t->busy);
        if (ends)
            return NULL;
    }
}

/* The first `count` helpers begin with what the team says. */
static void begin(team *t, int count)
{
    atomic_store_explicit(&t->busy, (unsigned)count, memory_order_relaxed);
    for (int i = 0; i < count; i++) {
        atomic_fetch_add_explicit(&t->helpers[i]->job, 1, memory_order_release);
        tm_futex_wake_all(&t->helpers[i]->job);
    }
}

static void wait_for_end(team *t)
{
    for (unsigned left; (left = atomic_load_explicit(&t->busy, memory_order_acquire)) > 0;)
        tm_futex_wait(&t->busy, left);
}

static bool add_helper(team *t)
{
    helper *added = tm_alloc_aligned(sizeof *added);
    if (!added)
        return false;
    *added = (helper){.team = t, .index = t->count + 1};
    if (!tm_thread_start(&added->thread, TM_STACK, help, added)) {
        free(added);
        return false;
    }
    t->helpers[t->count++] = added;
    return true;
}

/* ---- teams ---- */

static void free_team(team *t)
{
    for (int i = 0; i < t->count; i++)
        free(t->helpers[i]);
    free(t);
}

/* The calling thread ends. */
static void end_team(void *argument)
{
    team *t = argument;
    if (t->process == getpid()) {
        t->work = NULL;
        begin(t, t->count);
        for (int i = 0; i < t->count; i++)
            pthread_join(t->helpers[i]->thread, NULL);
    }
    free_team(t);
}

static void make_key(void)
{
    has_key = pthread_key_create(&key, end_team) == 0;
}

/* NULL: there is none, and no memory for one. */
static team *own_team(void)
{
    pthread_once(&once, make_key);
    team *t = has_key ? pthread_getspecific(key) : NULL;
    if (t && t->process == getpid())
        return t;
    if (t)
        free_team(t); /* the parent's */
    t = has_key ? calloc(1, sizeof *t) : NULL;
    if (has_key && pthread_setspecific(key, t) != 0) {
        free(t);
        return NULL;
    }
    if (t)
        t->process = getpid();
    return t;
}

int tm_team_size(int threads)
{
    if (threads > TEAM_MAX)
        threads = TEAM_MAX;
    team *t = threads > 1 ? own_team() : NULL;
    if (!t)
        return 1;
    while (t->count < threads - 1 && add_helper(t))
        ;
    return t->count + 1 < threads ? t->count + 1 : threads;
}

void tm_team_run(int size, void (*work)(void *context, int index), void *context)
{
    team *t = size > 1 ? pthread_getspecific(key) : NULL;
    if (t) {
        t->work = work;
        t->context = context;
        begin(t, size - 1);
    }
    work(context, 0);
    if (t)
        wait_for_end(t);
}

/* ---- loops ---- */

typedef struct loop {
    atomic_int next;
    int count;
    void (*work)(void *context, int i, int thread);
    void *context;
} loop;

static void take_turns(void *context, int index)
{
    loop *l = context;
    for (int i; (i = atomic_fetch_add_explicit(&l->next, 1, memory_order_relaxed)) < l->count;)
        l->work(l->context, i, index);
}

void tm_parallel_for(int threads, int count, void (*work)(void *context, int i, int thread),
                     void *context)
{
    loop l = {.count = count, .work = work, .context = context};
    tm_team_run(tm_team_size(threads < count ? threads : count), take_turns, &l);
}
