/* SPDX-License-Identifier: Apache-2.0 */
/* Memory: overflow-checked sizes, an arena, a growing byte buffer. */
#ifndef TM_BASE_MEMORY_H
#define TM_BASE_MEMORY_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

_Static_assert(sizeof(size_t) == 8 && sizeof(void *) == 8,
               "timmc needs a 64-bit system: sizes of models and files are size_t");

/* True and *out set when the product or sum fits; every size from a file goes through these. */
static inline bool tm_size_mul(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}
static inline bool tm_size_add(size_t a, size_t b, size_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

/* A cache line: blocks begin on one, and what threads write side by side is that far apart. */
enum { TM_LINE = 64 /* bytes */, TM_LINE_FLOATS = TM_LINE / (int)sizeof(float) };

/* The bytes of whole lines that hold as many. */
static inline size_t tm_whole_lines(size_t bytes)
{
    return (bytes + TM_LINE - 1) / TM_LINE * TM_LINE;
}

/* For people. */
static inline double tm_mebibytes(unsigned long long bytes)
{
    return (double)bytes / (1 << 20);
}

/* 64-byte aligned, freed by free(); NULL when there is no memory. */
void *tm_alloc_aligned(size_t bytes);
/* The same in whole huge pages, where the system has them and there are enough bytes: few page
 * faults, and a block that stays in a cache of its size. */
void *tm_alloc_huge(size_t bytes);

/* Arena: many small allocations, freed together. `failed` is sticky: some allocation returned NULL.
 * Zero-initialise to start. */
typedef struct tm_arena {
    struct tm_arena_block *head;
    bool failed;
} tm_arena;

void *tm_arena_alloc(tm_arena *arena, size_t bytes); /* zeroed, 16-byte aligned; NULL: no memory */
char *tm_arena_strdup(tm_arena *arena, const char *text);
char *tm_arena_printf(tm_arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void tm_arena_free(tm_arena *arena);

/* Growing byte buffer, always NUL-terminated once something was added. `failed` is sticky: what is
 * in it then is not all, so it is read through tm_buffer_text, or `failed` is asked first.
 * Zero-initialise to start. */
typedef struct tm_buffer {
    char *data;
    size_t length, capacity;
    bool failed;
} tm_buffer;

void tm_buffer_add(tm_buffer *buffer, const void *bytes, size_t count);
void tm_buffer_puts(tm_buffer *buffer, const char *text);
void tm_buffer_putc(tm_buffer *buffer, char c);
void tm_buffer_printf(tm_buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Adds what another holds; its failure too. */
void tm_buffer_append(tm_buffer *buffer, const tm_buffer *from);
void tm_buffer_clear(tm_buffer *buffer); /* keeps the capacity */
void tm_buffer_free(tm_buffer *buffer);
/* All that was added, "" if nothing was. NULL: some of it was not; error says TM_NO_MEMORY. */
const char *tm_buffer_text(const tm_buffer *buffer, tm_error *error);

#endif
