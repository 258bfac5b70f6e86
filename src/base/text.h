/* SPDX-License-Identifier: Apache-2.0 */
/* Text whose bytes come from file names, files and servers: what it may do to a reader. Steering
 * are control characters (C0, DEL, C1) and bytes that are no UTF-8. */
#ifndef TM_BASE_TEXT_H
#define TM_BASE_TEXT_H

#include <stdbool.h>
#include <string.h>

static inline bool tm_ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* The same of a name that is more than its ending. */
static inline bool tm_has_ending(const char *name, const char *ending)
{
    return strlen(name) > strlen(ending) && tm_ends_with(name, ending);
}

/* Whether item is one of a list's, which have the separator between them. */
bool tm_lists_text(const char *list, const char *separator, const char *item);

/* A text that may well be absent. What was to be allocated is not: its NULL is an error. */
static inline const char *tm_or_empty(const char *text)
{
    return text ? text : ""; /* the one place */
}

/* Length of the UTF-8 sequence at text (Unicode table 3-7), negated when it is ill-formed: then
 * that many bytes are to be replaced together. text is NUL-terminated, and no NUL continues a
 * sequence, so this never reads past the end. */
int tm_utf8_length(const unsigned char *text);
bool tm_is_utf8(const char *text);

/* Bytes of the next character, or of what is none; whether they may do more than be shown. */
int tm_text_character(const unsigned char *text, bool *steers);
/* A byte that steers, or '\', as "\n" or "\x1b"; its length. */
int tm_text_escape_byte(unsigned char byte, char text[static 5]);

/* For one line of words, which needs no memory: what steers as \n or \xHH; cut to `size` bytes, the
 * NUL among them, between characters. `to` and `text` are apart. */
void tm_text_line(char *to, size_t size, const char *text);

#endif
