/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map_guard.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

enum { GUARDS_MAX = 64 };

/* end is 0 in a free slot and 1 while it is being filled. */
typedef struct guard {
    atomic_uintptr_t begin, end;
    atomic_bool was_cut;
} guard;

static guard guards[GUARDS_MAX];
static struct sigaction previous;
static uintptr_t page_size;

static void on_bus_error(int signal, siginfo_t *info, void *context)
{
    uintptr_t at = (uintptr_t)info->si_addr;
    (void)context;
    for (int i = 0; i < GUARDS_MAX; i++) {
        uintptr_t begin = guards[i].begin, end = guards[i].end;
        if (end <= 1 || at < begin || at >= end)
            continue;
        uintptr_t page = at & ~(page_size - 1);
        guards[i].was_cut = true;
        if (mmap((void *)page, end - page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
                 0) != MAP_FAILED)
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

int tm_guard_add(const void *begin, size_t size)
{
    install();
    for (int i = 0; i < GUARDS_MAX; i++) {
        uintptr_t unused = 0;
        if (!atomic_compare_exchange_strong(&guards[i].end, &unused, 1))
            continue;
        guards[i].was_cut = false;
        guards[i].begin = (uintptr_t)begin;
        guards[i].end = (uintptr_t)begin + size;
        return i;
    }
    return -1;
}

bool tm_guard_was_cut(int number)
{
    return number >= 0 && guards[number].was_cut;
}

void tm_guard_remove(int number)
{
    if (number >= 0)
        guards[number].end = 0;
}
