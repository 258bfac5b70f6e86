/* SPDX-License-Identifier: Apache-2.0 */
/* Asking the caches for what comes soon. */
#ifndef TM_BASE_PREFETCH_H
#define TM_BASE_PREFETCH_H

#include <stddef.h>

#include "base/memory.h"

/* `count` pieces of `bytes`, `ld` bytes apart, to be read or written soon, are brought to the L2
 * cache, line by line in the order of memory, which is how memory is fast. They need not exist. */
static inline void tm_prefetch_l2(const void *first, int count, size_t ld, size_t bytes)
{
    const char *piece = first;
    __asm__ volatile(""); /* else GCC takes this for a function that does nothing */
    for (int i = 0; i < count; i++, piece += ld)
        for (size_t at = 0; at < bytes; at += TM_LINE)
            __builtin_prefetch(piece + at, 0, 2);
}

#endif
