/* SPDX-License-Identifier: Apache-2.0 */
/* A sense-reversing barrier that spins briefly and then sleeps, so that two processes that share
 * the cores do not spin against each other. */
#ifndef TM_RUN_BARRIER_H
#define TM_RUN_BARRIER_H

#include <stdatomic.h>

typedef struct tm_barrier {
    atomic_uint waiting; /* threads that have arrived */
    atomic_uint sense;   /* flips when all have */
    unsigned threads;
} tm_barrier;

void tm_barrier_init(tm_barrier *barrier, int threads);
/* *sense is the calling thread's own, 0 at first. */
void tm_barrier_wait(tm_barrier *barrier, unsigned *sense);

/* The OpenMP team that runs: its size, and the calling thread's index in it. */
int tm_team_size(void);
int tm_team_index(void);

#endif
