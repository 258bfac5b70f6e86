/* SPDX-License-Identifier: Apache-2.0 */
/* Shared libraries that are opened at first use: who does not need one does not load it. */
#ifndef TM_BASE_LIBRARY_H
#define TM_BASE_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* The first of the names that the system has, and stays open. NULL: errno says why. */
void *tm_library_open(const char *const *names, size_t count);

/* *function, a pointer to a function, becomes the library's of that name; false: it has none. */
bool tm_library_find(void *library, const char *name, void *function);

/* Of that errno: the system has none; else the call failed, and another one may not. */
bool tm_library_is_missing(int why);

/* "FORMAT, which is not on this machine (Debian: PACKAGE)", TM_UNSUPPORTED, or "FORMAT, which
 * cannot be opened: ..." and TM_NO_MEMORY where that was it; `why` is that errno. */
tm_status tm_library_fail(int why, const char *package, tm_error *error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
