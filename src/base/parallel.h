/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads. Each thread that calls has a team of its own, itself and helpers that wait for its next
 * call and end with it. Where the system gives fewer helpers than were asked for, there are fewer;
 * none is no error. Calls do not nest.
 */
#ifndef TM_BASE_PARALLEL_H
#define TM_BASE_PARALLEL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* Bytes of a thread's stack, where nothing large lies; of one that only waits and reads. */
enum { TM_STACK = 2 << 20, TM_STACK_SMALL = 512 << 10 };

/* Starts a thread that leaves signals to the others, but for its own faults. */
bool tm_thread_start(pthread_t *thread, size_t stack, void *(*run)(void *argument), void *argument);

/* Makes the team as large as that, if it can be; returns how many there are, from 1 to threads. */
int tm_team_size(int threads);

/* Calls work(context, index) at once on `size` threads, index < size, this one being 0; size is
 * what tm_team_size returned. Returns when all have. */
void tm_team_run(int size, void (*work)(void *context, int index), void *context);

/* Calls work(context, i, thread) for every i < count, on up to `threads` threads, in any order;
 * thread < threads tells which one it is on. */
void tm_parallel_for(int threads, int count, void (*work)(void *context, int i, int thread),
                     void *context);

#endif
