/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Built with TM_PIECEMEAL every piece of an arena or a buffer is an allocation of its own, so that
 * each of them can be made to fail. */
#ifdef TM_PIECEMEAL
enum { ARENA_BLOCK = 0, BUFFER_START = 1 };
#else
enum { ARENA_BLOCK = 64 * 1024, BUFFER_START = 128 };
#endif
enum { HUGE_PAGE = 2 << 20 };

struct tm_arena_block {
    struct tm_arena_block *next;
    size_t used, size;
    _Alignas(16) char data[];
};

void *tm_alloc_aligned(size_t bytes)
{
    size_t padded;
    if (!tm_size_add(bytes, TM_LINE - 1, &padded))
        return NULL;
    padded = tm_whole_lines(bytes);
    return aligned_alloc(TM_LINE, padded ? padded : TM_LINE);
}

void *tm_alloc_huge(size_t bytes)
{
    size_t padded;
    if (bytes < HUGE_PAGE / 2 || !tm_size_add(bytes, HUGE_PAGE - 1, &padded))
        return tm_alloc_aligned(bytes);
    padded &= ~(size_t)(HUGE_PAGE - 1);
    void *block = aligned_alloc(HUGE_PAGE, padded);
    if (block)
        madvise(block, padded, MADV_HUGEPAGE); /* a hint: without it only the faults are more */
    return block;
}

/* A new block in front, of `need` bytes at least. */
static struct tm_arena_block *add_block(tm_arena *arena, size_t need)
{
    size_t size = need > ARENA_BLOCK ? need : ARENA_BLOCK, total;
    struct tm_arena_block *block = NULL;
    if (tm_size_add(size, sizeof *block, &total))
        block = malloc(total);
    if (!block)
        return NULL;
    block->next = arena->head;
    block->used = 0;
    block->size = size;
    arena->head = block;
    return block;
}

void *tm_arena_alloc(tm_arena *arena, size_t bytes)
{
    size_t need = 0;
    bool fits = tm_size_add(bytes, 15, &need);
    need &= ~(size_t)15;
    struct tm_arena_block *block = arena->head;
    if (fits && (!block || block->size - block->used < need))
        block = add_block(arena, need);
    if (!fits || !block) {
        arena->failed = true;
        return NULL;
    }
    void *result = block->data + block->used;
    block->used += need;
    return memset(result, 0, need);
}

char *tm_arena_strdup(tm_arena *arena, const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = tm_arena_alloc(arena, bytes);
    return copy ? memcpy(copy, text, bytes) : NULL;
}

char *tm_arena_printf(tm_arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0)
        return NULL;
    char *text = tm_arena_alloc(arena, (size_t)n + 1);
    if (text) {
        va_start(args, format);
        vsnprintf(text, (size_t)n + 1, format, args);
        va_end(args);
    }
    return text;
}

void tm_arena_free(tm_arena *arena)
{
    while (arena->head) {
        struct tm_arena_block *next = arena->head->next;
        free(arena->head);
        arena->head = next;
    }
    arena->failed = false;
}

static bool buffer_reserve(tm_buffer *buffer, size_t extra)
{
    size_t need;
    if (buffer->failed || !tm_size_add(buffer->length, extra, &need) ||
        !tm_size_add(need, 1, &need)) {
        buffer->failed = true;
        return false;
    }
    if (need <= buffer->capacity)
        return true;
    size_t capacity = buffer->capacity ? buffer->capacity : BUFFER_START;
    while (capacity < need)
        capacity = capacity > SIZE_MAX / 2 ? need : capacity * 2;
    char *data = realloc(buffer->data, capacity);
    if (!data) {
        buffer->failed = true;
        return false;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

void tm_buffer_add(tm_buffer *buffer, const void *bytes, size_t count)
{
    if (!buffer_reserve(buffer, count))
        return;
    if (count)
        memcpy(buffer->data + buffer->length, bytes, count);
    buffer->length += count;
    buffer->data[buffer->length] = '\0';
}

void tm_buffer_puts(tm_buffer *buffer, const char *text)
{
    tm_buffer_add(buffer, text, strlen(text));
}

void tm_buffer_putc(tm_buffer *buffer, char c)
{
    tm_buffer_add(buffer, &c, 1);
}

void tm_buffer_printf(tm_buffer *buffer, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0 || !buffer_reserve(buffer, (size_t)n)) {
        buffer->failed = true;
        return;
    }
    va_start(args, format);
    vsnprintf(buffer->data + buffer->length, (size_t)n + 1, format, args);
    va_end(args);
    buffer->length += (size_t)n;
}

void tm_buffer_append(tm_buffer *buffer, const tm_buffer *from)
{
    buffer->failed |= from->failed;
    tm_buffer_add(buffer, from->data, from->length);
}

void tm_buffer_clear(tm_buffer *buffer)
{
    buffer->length = 0;
    if (buffer->data)
        buffer->data[0] = '\0';
}

void tm_buffer_free(tm_buffer *buffer)
{
    free(buffer->data);
    *buffer = (tm_buffer){0};
}

const char *tm_buffer_text(const tm_buffer *buffer, tm_error *error)
{
    if (buffer->failed) {
        tm_fail(error, TM_NO_MEMORY, "no memory for a text of %zu bytes", buffer->length);
        return NULL;
    }
    return buffer->length ? buffer->data : "";
}
