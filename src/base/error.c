/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *tm_status_name(tm_status status)
{
    static const char *const names[] = {
#define STATUS_NAME(code, text) [code] = text,
        TM_STATUS_LIST(STATUS_NAME)
#undef STATUS_NAME
    };
    if ((size_t)status >= sizeof names / sizeof *names)
        return "internal";
    return names[status];
}

/* A message quotes names out of files: none of their bytes may end the line or steer a terminal. */
static void keep_one_line(char *message)
{
    for (; *message; message++)
        if ((unsigned char)*message < 0x20 || *message == 0x7F)
            *message = '?';
}

tm_status tm_fail(tm_error *error, tm_status status, const char *format, ...)
{
    if (error && error->status == TM_OK) {
        va_list args;
        va_start(args, format);
        vsnprintf(error->message, sizeof error->message, format, args);
        va_end(args);
        keep_one_line(error->message);
        error->status = status;
    }
    return status;
}

tm_status tm_error_context(tm_error *error, const char *format, ...)
{
    if (!error)
        return TM_INTERNAL;
    char cause[sizeof error->message];
    memcpy(cause, error->message, sizeof cause);
    va_list args;
    va_start(args, format);
    int n = vsnprintf(error->message, sizeof error->message, format, args);
    va_end(args);
    size_t used = n < 0 ? 0 : (size_t)n, room = sizeof error->message;
    if (used + 3 <= room)
        snprintf(error->message + used, room - used, ": %.*s", (int)(room - used - 3), cause);
    keep_one_line(error->message);
    return error->status;
}

void tm_bug(const char *file, int line, const char *what)
{
    fprintf(stderr, "timmc: bug at %s:%d: %s\n", file, line, what);
    abort();
}
