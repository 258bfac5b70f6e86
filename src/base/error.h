/* SPDX-License-Identifier: Apache-2.0 */
/* Errors: a status for programs and one line for people. */
#ifndef TM_BASE_ERROR_H
#define TM_BASE_ERROR_H

#include "timmc.h"

/* The library's calls begin with it: what the caller's tm_error held counts no more. */
static inline void tm_error_clear(tm_error *error)
{
    if (error)
        *error = (tm_error){.status = TM_OK};
}

/* Records the first error only, so the cause survives its consequences; returns status.
 * error may be NULL. */
tm_status tm_fail(tm_error *error, tm_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " in front of a recorded message; returns the recorded status. */
tm_status tm_error_context(tm_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Of a call that failed: TM_NO_MEMORY where errno says so, else `otherwise`. */
tm_status tm_errno_status(tm_status otherwise);

/* A broken invariant of ours, never of the input: prints where and aborts. */
_Noreturn void tm_bug(const char *file, int line, const char *what);
#define TM_BUG(what) tm_bug(__FILE__, __LINE__, what)
#define TM_ASSERT(cond) ((cond) ? (void)0 : tm_bug(__FILE__, __LINE__, #cond))

#endif
