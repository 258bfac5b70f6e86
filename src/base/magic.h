/* SPDX-License-Identifier: Apache-2.0 */
/* What a file is that is not what was expected. */
#ifndef TM_BASE_MAGIC_H
#define TM_BASE_MAGIC_H

#include <stdbool.h>
#include <stddef.h>

typedef enum tm_magic_wanted { TM_MAGIC_PICTURE, TM_MAGIC_WEIGHTS } tm_magic_wanted;

typedef struct tm_magic {
    const char *name;   /* "a WebP picture" */
    const char *advice; /* what to do for who wanted that; static storage */
} tm_magic;

/* Knows a file by its first bytes, also those that timmc itself reads; false: nothing known. */
bool tm_magic_find(const unsigned char *data, size_t size, tm_magic_wanted wanted, tm_magic *magic);

#endif
