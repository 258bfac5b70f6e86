/* SPDX-License-Identifier: Apache-2.0 */
#include "run/barrier.h"

#include "base/futex.h"

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
            tm_futex_wake_all(&barrier->sense);
        return;
    }
    tm_futex_wait(&barrier->sense, mine ^ 1);
}
