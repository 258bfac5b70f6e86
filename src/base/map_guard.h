/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a mapped file that somebody cuts raises SIGBUS. Within a guarded range the handler puts
 * zero pages where the file ended, so that the reader comes to its end and can ask whether it read
 * a whole file; a SIGBUS elsewhere goes to whom it would have gone.
 */
#ifndef TM_BASE_MAP_GUARD_H
#define TM_BASE_MAP_GUARD_H

#include <stdbool.h>
#include <stddef.h>

typedef struct tm_guard tm_guard;

/* Any number of ranges. NULL: no memory, the range is not guarded. */
tm_guard *tm_guard_add(const void *begin, size_t size);
bool tm_guard_was_cut(const tm_guard *guard);
void tm_guard_remove(tm_guard *guard); /* before the range is unmapped */

#endif
