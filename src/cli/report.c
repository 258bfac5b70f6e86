/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/text.h"
#include "cli/progress.h"

int tm_exit_code(tm_status status)
{
    switch (status) {
    case TM_OK:
        return TM_EXIT_OK;
    case TM_USAGE:
        return TM_EXIT_USAGE;
    case TM_NOT_FOUND:
    case TM_READ:
    case TM_EMPTY:
    case TM_NOT_IMAGE:
    case TM_TRUNCATED:
    case TM_CORRUPT:
    case TM_TOO_LARGE:
    case TM_SHAPE:
    case TM_NOT_FINITE:
        return TM_EXIT_INPUT;
    case TM_UNSUPPORTED:
    case TM_UNKNOWN_MODEL:
    case TM_NOT_BUILDABLE:
    case TM_WEIGHTS_MISSING:
    case TM_WEIGHTS_INVALID:
    case TM_WEIGHTS_MISMATCH:
    case TM_MODEL_TOO_LARGE:
        return TM_EXIT_MODEL;
    case TM_NETWORK:
    case TM_INTEGRITY:
        return TM_EXIT_NETWORK;
    case TM_WRITE:
        return TM_EXIT_OUTPUT;
    case TM_NO_MEMORY:
    case TM_INTERNAL:
        break;
    }
    return TM_EXIT_INTERNAL;
}

/* Two of the longest paths and some words. */
enum { LINE = 10000 };

/* The one way to stderr, but for progress: what the words quote steers no terminal. */
static void print_line(const char *kind, const char *format, va_list args, const char *after)
{
    char words[LINE], line[4 * LINE];
    vsnprintf(words, sizeof words, format, args);
    tm_text_line(line, sizeof line, words);
    fflush(stdout);
    tm_progress_end();
    fprintf(stderr, "timmc: %s%s%s\n", kind, line, after);
}

void tm_print_error(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_line("error: ", format, args, "");
    va_end(args);
}

void tm_print_warning(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_line("warning: ", format, args, "");
    va_end(args);
}

void tm_print_note(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_line("", format, args, "");
    va_end(args);
}

int tm_report(const tm_error *error)
{
    tm_print_error("%s", error->message);
    return tm_exit_code(error->status);
}

int tm_usage_error(const char *command, const char *format, ...)
{
    char hint[64];
    snprintf(hint, sizeof hint, "; see \"timmc %s%shelp\"", tm_or_empty(command),
             command ? " --" : "");
    va_list args;
    va_start(args, format);
    print_line("error: ", format, args, hint);
    va_end(args);
    return TM_EXIT_USAGE;
}

const char *tm_nearest_text(const tm_nearest *nearest, const char *prefix,
                            char text[static TM_NEAREST_TEXT_MAX])
{
    static const char lead[] = "; nearest: ";
    text[0] = '\0';
    if (nearest->count > 0) {
        memcpy(text, lead, sizeof lead);
        tm_nearest_join(nearest, prefix, text + sizeof lead - 1,
                        TM_NEAREST_TEXT_MAX - (sizeof lead - 1));
    }
    return text;
}

int tm_stdout_failed(void)
{
    int cause = errno;
    tm_print_error("cannot write to the standard output%s%s", cause ? ": " : "",
                   cause ? strerror(cause) : "");
    return TM_EXIT_OUTPUT;
}

int tm_write_stdout(tm_buffer *buffer)
{
    int code = TM_EXIT_OK;
    tm_buffer shown = {0};
    if (buffer->length)
        tm_text_lines(&shown, buffer->data);
    errno = 0;
    if (buffer->failed || shown.failed) {
        tm_print_error("out of memory");
        code = TM_EXIT_INTERNAL;
    } else if (shown.length > 0 && (fwrite(shown.data, 1, shown.length, stdout) != shown.length ||
                                    fflush(stdout) != 0 || ferror(stdout))) {
        code = tm_stdout_failed();
    }
    tm_buffer_free(&shown);
    tm_buffer_free(buffer);
    return code;
}

bool tm_stdout_is_terminal(void)
{
    return isatty(STDOUT_FILENO);
}
