/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

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

/* Two of the longest paths and some words. */
enum { WHOLE = 10000 };

static bool continues(char byte)
{
    return ((unsigned char)byte & 0xC0) == 0x80;
}

/* A message quotes names out of files: none of their bytes may end the line or steer a terminal.
 * One that is too long is cut in its middle, between characters: a long path stands in front of the
 * reason. */
static void set_message(tm_error *error, const char *whole)
{
    static const char gap[] = " ... ";
    char line[4 * WHOLE];
    tm_text_line(line, sizeof line, whole);
    size_t length = strlen(line), room = sizeof error->message - 1;
    if (length <= room) {
        memcpy(error->message, line, length + 1);
        return;
    }
    size_t head = room / 3, tail = room - head - (sizeof gap - 1);
    while (head > 0 && continues(line[head]))
        head--;
    while (continues(line[length - tail]))
        tail--;
    snprintf(error->message, sizeof error->message, "%.*s%s%s", (int)head, line, gap,
             line + length - tail);
}

tm_status tm_fail(tm_error *error, tm_status status, const char *format, ...)
{
    if (error && error->status == TM_OK) {
        char whole[WHOLE];
        va_list args;
        va_start(args, format);
        vsnprintf(whole, sizeof whole, format, args);
        va_end(args);
        set_message(error, whole);
        error->status = status;
    }
    return status;
}

tm_status tm_error_context(tm_error *error, const char *format, ...)
{
    if (!error)
        return TM_INTERNAL;
    char whole[WHOLE];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(whole, sizeof whole - sizeof error->message, format, args);
    va_end(args);
    size_t used = n < 0 ? 0 : strlen(whole);
    snprintf(whole + used, sizeof whole - used, ": %s", error->message);
    set_message(error, whole);
    return error->status;
}

tm_status tm_errno_status(tm_status otherwise)
{
    return errno == ENOMEM ? TM_NO_MEMORY : otherwise;
}

void tm_bug(const char *file, int line, const char *what)
{
    fprintf(stderr, "timmc: bug at %s:%d: %s\n", file, line, what);
    abort();
}
