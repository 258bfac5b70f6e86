/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for a word to change: a short spin, so that threads that keep pace need no system call,
 * then sleep, so that processes that share the cores do not spin against each other. */
#ifndef TM_BASE_FUTEX_H
#define TM_BASE_FUTEX_H

#include <stdatomic.h>

/* Returns once *word is not `seen`. */
void tm_futex_wait(atomic_uint *word, unsigned seen);
void tm_futex_wake_all(atomic_uint *word);

#endif
