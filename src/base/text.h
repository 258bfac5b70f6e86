/* SPDX-License-Identifier: Apache-2.0 */
/* Small questions about C strings. */
#ifndef TM_BASE_TEXT_H
#define TM_BASE_TEXT_H

#include <stdbool.h>
#include <string.h>

static inline bool tm_ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* A text that may well be absent. What was to be allocated is not: its NULL is an error. */
static inline const char *tm_or_empty(const char *text)
{
    return text ? text : ""; /* the one place */
}

#endif
