/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that threads share: who needs more than is left waits until others give theirs back. */
#ifndef TM_BASE_BUDGET_H
#define TM_BASE_BUDGET_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct tm_budget {
    size_t total, used;
    pthread_mutex_t lock;
    pthread_cond_t given;
} tm_budget;

#define TM_BUDGET(bytes)                                                                           \
    {                                                                                              \
        .total = (bytes), .lock = PTHREAD_MUTEX_INITIALIZER, .given = PTHREAD_COND_INITIALIZER     \
    }

/* What one picture or file holds of a budget; all zero: nothing, of none. */
typedef struct tm_share {
    tm_budget *budget;
    size_t bytes;
} tm_share;

/* Waits for the bytes; the share held nothing. False, at once: the whole budget is less. Whoever
 * waits here must hold nothing of the same budget, or two wait for each other. */
bool tm_share_take(tm_share *share, size_t bytes);

/* The share becomes this large, without waiting: where nobody knew its size before. */
void tm_share_resize(tm_share *share, size_t bytes);

void tm_share_return(tm_share *share);

/* Half of what this machine, or the control group of this process, has of memory, but no more than
 * `most`: not what happens to be free, so that the same input gets the same answer again. */
size_t tm_memory_half(size_t most);

#endif
