/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map_guard.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { BLOCK_GUARDS = 64 };

/* end is 0 in a free one and 1 while it is being filled. */
struct tm_guard {
    atomic_uintptr_t begin, end;
    atomic_bool was_cut;
};

/* The handler may walk the list at any time, so blocks are added and never freed. */
typedef struct block {
    tm_guard guards[BLOCK_GUARDS];
    struct block *_Atomic next;
} block;

static block first;
static struct sigaction previous;
static uintptr_t page_size;

static tm_guard *find_guard(uintptr_t at)
{
    for (block *b = &first; b; b = b->next)
        for (int i = 0; i < BLOCK_GUARDS; i++) {
            uintptr_t begin = b->guards[i].begin, end = b->guards[i].end;
            if (end > 1 && at >= begin && at < end)
                return &b->guards[i];
        }
    return NULL;
}

static void on_bus_error(int signal, siginfo_t *info, void *context)
{
    uintptr_t at = (uintptr_t)info->si_addr;
    (void)context;
    tm_guard *guard = find_guard(at);
    if (guard) {
        uintptr_t page = at & ~(page_size - 1);
        guard->was_cut = true;
        if (mmap((void *)page, guard->end - page, PROT_READ,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED)
            return;
    }
    /* The read that failed is tried again, now without us. */
    sigaction(signal, &previous, NULL);
}

/* Again whenever somebody else has taken the signal since. */
static void install(void)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    struct sigaction present, action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    pthread_mutex_lock(&mutex);
    page_size = (uintptr_t)sysconf(_SC_PAGESIZE);
    if (sigaction(SIGBUS, NULL, &present) == 0 &&
        (!(present.sa_flags & SA_SIGINFO) || present.sa_sigaction != on_bus_error)) {
        previous = present;
        sigaction(SIGBUS, &action, NULL);
    }
    pthread_mutex_unlock(&mutex);
}

static tm_guard *take_free(block *b)
{
    for (int i = 0; i < BLOCK_GUARDS; i++) {
        uintptr_t unused = 0;
        if (atomic_compare_exchange_strong(&b->guards[i].end, &unused, 1))
            return &b->guards[i];
    }
    return NULL;
}

/* The block behind this one, new where there is none; NULL: no memory. */
static block *next_block(block *b)
{
    block *none = NULL, *added = b->next ? NULL : calloc(1, sizeof *added);
    if (added && !atomic_compare_exchange_strong(&b->next, &none, added))
        free(added);
    return b->next;
}

tm_guard *tm_guard_add(const void *begin, size_t size)
{
    tm_guard *guard = NULL;
    install();
    for (block *b = &first; b && !guard; b = guard ? b : next_block(b))
        guard = take_free(b);
    if (!guard)
        return NULL;
    guard->was_cut = false;
    guard->begin = (uintptr_t)begin;
    guard->end = (uintptr_t)begin + size;
    return guard;
}

bool tm_guard_was_cut(const tm_guard *guard)
{
    return guard->was_cut;
}

void tm_guard_remove(tm_guard *guard)
{
    guard->end = 0;
}
