/* SPDX-License-Identifier: Apache-2.0 */
/* A sense-reversing barrier. */
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

#endif
