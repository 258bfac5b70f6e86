/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "run/barrier.h"

#include <linux/futex.h>
#include <omp.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

/* about 20 microseconds: longer than a well-balanced step's last unit */
enum { SPINS = 2000 };

static void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

static void sleep_until_changed(atomic_uint *word, unsigned seen)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void wake_all(atomic_uint *word, unsigned count)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

void tm_barrier_init(tm_barrier *barrier, int threads)
{
    atomic_init(&barrier->waiting, 0);
    atomic_init(&barrier->sense, 0);
    barrier->threads = (unsigned)threads;
}

void tm_barrier_wait(tm_barrier *barrier, unsigned *sense)
{
    unsigned mine = *sense ^= 1;
    if (atomic_fetch_add_explicit(&barrier->waiting, 1, memory_order_acq_rel) + 1 ==
        barrier->threads) {
        atomic_store_explicit(&barrier->waiting, 0, memory_order_relaxed);
        atomic_store_explicit(&barrier->sense, mine, memory_order_release);
        if (barrier->threads > 1)
            wake_all(&barrier->sense, barrier->threads);
        return;
    }
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(&barrier->sense, memory_order_acquire) == mine)
            return;
        relax();
    }
    while (atomic_load_explicit(&barrier->sense, memory_order_acquire) != mine)
        sleep_until_changed(&barrier->sense, mine ^ 1);
}

int tm_team_size(void)
{
    return omp_get_num_threads();
}

int tm_team_index(void)
{
    return omp_get_thread_num();
}
