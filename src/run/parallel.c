/* SPDX-License-Identifier: Apache-2.0 */
#include "run/parallel.h"

void tm_parallel_for(int threads, int count, void (*work)(void *context, int i), void *context)
{
    if (threads > count)
        threads = count;
    if (threads <= 1) {
        for (int i = 0; i < count; i++)
            work(context, i);
        return;
    }
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
    for (int i = 0; i < count; i++)
        work(context, i);
}
