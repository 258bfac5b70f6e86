/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TM_BASE_PARALLEL_H
#define TM_BASE_PARALLEL_H

/* Calls work(context, i, thread) for every i < count, on up to `threads` threads, in any order;
 * thread < threads tells which one it is on. */
void tm_parallel_for(int threads, int count, void (*work)(void *context, int i, int thread),
                     void *context);

#endif
