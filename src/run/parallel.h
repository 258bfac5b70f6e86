/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TM_RUN_PARALLEL_H
#define TM_RUN_PARALLEL_H

/* Calls work(context, i) for every i < count, on up to `threads` threads, in any order. */
void tm_parallel_for(int threads, int count, void (*work)(void *context, int i), void *context);

#endif
