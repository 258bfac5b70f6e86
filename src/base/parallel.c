/* SPDX-License-Identifier: Apache-2.0 */
#include "base/parallel.h"

#include <omp.h>

void tm_parallel_for(int threads, int count, void (*work)(void *context, int i, int thread),
                     void *context)
{
    if (threads > count)
        threads = count;
    if (threads <= 1) {
        for (int i = 0; i < count; i++)
            work(context, i, 0);
        return;
    }
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
    for (int i = 0; i < count; i++)
        work(context, i, omp_get_thread_num());
}
