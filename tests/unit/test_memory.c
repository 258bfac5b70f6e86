/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

static bool all_zero(const void *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (((const unsigned char *)bytes)[i])
            return false;
    return true;
}

static void sizes_overflow(void **state)
{
    (void)state;
    size_t out;
    assert_true(tm_size_mul(SIZE_MAX / 2, 2, &out));
    assert_true(out == SIZE_MAX - 1);
    assert_false(tm_size_mul(SIZE_MAX / 2 + 1, 2, &out));
    assert_true(tm_size_mul(0, SIZE_MAX, &out));
    assert_true(out == 0);
    assert_true(tm_size_add(SIZE_MAX - 1, 1, &out));
    assert_true(out == SIZE_MAX);
    assert_false(tm_size_add(SIZE_MAX, 1, &out));
}

static void aligned_memory(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 63, 64, 65, 1000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *block = tm_alloc_aligned(sizes[i]);
        assert_non_null(block);
        assert_true((uintptr_t)block % 64 == 0);
        memset(block, 1, sizes[i]);
        free(block);
    }
    assert_null(tm_alloc_aligned(SIZE_MAX));
    assert_null(tm_alloc_aligned(SIZE_MAX - 62));
}

/* Blocks are zeroed, aligned, apart, and larger than the arena's own when they must be. */
static void arena_blocks(void **state)
{
    (void)state;
    enum { COUNT = 3000 };
    tm_arena arena = {0};
    unsigned char *blocks[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        size_t bytes = i == 1500 ? 300000 : i % 97;
        blocks[i] = tm_arena_alloc(&arena, bytes);
        assert_non_null(blocks[i]);
        assert_true((uintptr_t)blocks[i] % 16 == 0);
        assert_true(all_zero(blocks[i], bytes));
        memset(blocks[i], (int)(i % 251) + 1, bytes);
    }
    for (size_t i = 0; i < COUNT; i++)
        for (size_t k = 0; k < (i == 1500 ? 300000 : i % 97); k++)
            assert_int_equal(blocks[i][k], i % 251 + 1);
    tm_arena_free(&arena);
    assert_null(arena.head);
    tm_arena_free(&arena);
}

static void arena_overflow(void **state)
{
    (void)state;
    tm_arena arena = {0};
    char *before = tm_arena_strdup(&arena, "before");
    for (size_t less = 0; less < 24; less++)
        assert_null(tm_arena_alloc(&arena, SIZE_MAX - less));
    assert_string_equal(before, "before");
    assert_string_equal(tm_arena_strdup(&arena, "after"), "after");
    tm_arena_free(&arena);
}

static void arena_text(void **state)
{
    (void)state;
    tm_arena arena = {0};
    char source[] = "layer1";
    char *copy = tm_arena_strdup(&arena, source);
    source[0] = 'X';
    assert_string_equal(copy, "layer1");
    assert_string_equal(tm_arena_strdup(&arena, ""), "");
    assert_string_equal(tm_arena_printf(&arena, "%s.%d", copy, 12), "layer1.12");
    char *wide = tm_arena_printf(&arena, "%0100000d", 7); /* longer than a block */
    assert_int_equal(strlen(wide), 100000);
    assert_int_equal(wide[99999], '7');
    tm_arena_free(&arena);
}

static void buffer_grows(void **state)
{
    (void)state;
    tm_buffer buffer = {0};
    for (int i = 0; i < 5000; i++) {
        tm_buffer_putc(&buffer, (char)('a' + i % 26));
        assert_true(buffer.length == (size_t)i + 1 && buffer.length < buffer.capacity);
        assert_int_equal(buffer.data[buffer.length], '\0');
    }
    for (int i = 0; i < 5000; i++)
        assert_int_equal(buffer.data[i], 'a' + i % 26);
    size_t capacity = buffer.capacity;
    tm_buffer_clear(&buffer);
    assert_int_equal(buffer.length, 0);
    assert_string_equal(buffer.data, "");
    assert_int_equal(buffer.capacity, capacity);
    tm_buffer_add(&buffer, "a\0b", 3);
    assert_int_equal(buffer.length, 3);
    assert_memory_equal(buffer.data, "a\0b", 4);
    assert_false(buffer.failed);
    tm_buffer_free(&buffer);
    assert_null(buffer.data);
}

static void buffer_text(void **state)
{
    (void)state;
    tm_buffer buffer = {0};
    tm_buffer_clear(&buffer); /* nothing was added yet */
    tm_buffer_puts(&buffer, "");
    assert_string_equal(buffer.data, "");
    tm_buffer_printf(&buffer, "%d %s", 42, "cats");
    tm_buffer_puts(&buffer, "!");
    assert_string_equal(buffer.data, "42 cats!");
    tm_buffer_clear(&buffer);
    for (int width = 100; width < 400; width += 7) {
        tm_buffer_clear(&buffer);
        tm_buffer_printf(&buffer, "%*d", width, 5);
        assert_int_equal(buffer.length, width);
        assert_int_equal(buffer.data[width - 1], '5');
    }
    tm_buffer_free(&buffer);
}

/* Too much is refused before anything is read, and the failure stays. */
static void buffer_failure_is_sticky(void **state)
{
    (void)state;
    tm_buffer buffer = {0};
    tm_buffer_puts(&buffer, "kept");
    tm_buffer_add(&buffer, "x", SIZE_MAX);
    assert_true(buffer.failed);
    tm_buffer_puts(&buffer, "more");
    tm_buffer_putc(&buffer, 'x');
    tm_buffer_printf(&buffer, "%d", 1);
    assert_true(buffer.failed);
    assert_string_equal(buffer.data, "kept");
    assert_int_equal(buffer.length, 4);
    tm_buffer_free(&buffer);
    assert_false(buffer.failed);
    tm_buffer_putc(&buffer, 'x');
    tm_buffer_add(&buffer, "y", SIZE_MAX - 1); /* no room for the NUL */
    assert_true(buffer.failed);
    assert_string_equal(buffer.data, "x");
    tm_buffer_free(&buffer);
}

static void lost_text_is_no_text(void **state)
{
    (void)state;
    tm_buffer none = {0}, lost = {0}, both = {0};
    tm_error error = {0};
    assert_string_equal(tm_buffer_text(&none, &error), "");
    tm_buffer_puts(&both, "whole");
    tm_buffer_append(&both, &none);
    assert_string_equal(tm_buffer_text(&both, &error), "whole");
    assert_int_equal(error.status, TM_OK);
    tm_buffer_puts(&lost, "begun");
    tm_buffer_add(&lost, NULL, SIZE_MAX - 8);
    assert_null(tm_buffer_text(&lost, &error));
    assert_int_equal(error.status, TM_NO_MEMORY);
    tm_buffer_append(&both, &lost);
    assert_null(tm_buffer_text(&both, NULL));
    tm_buffer_free(&lost);
    tm_buffer_free(&both);
}

static void lost_block_is_remembered(void **state)
{
    (void)state;
    tm_arena arena = {0};
    assert_non_null(tm_arena_alloc(&arena, 16));
    assert_null(tm_arena_alloc(&arena, SIZE_MAX - 4));
    assert_non_null(tm_arena_alloc(&arena, 16));
    assert_true(arena.failed);
    tm_arena_free(&arena);
    assert_false(arena.failed);
}

static void first_error_stays(void **state)
{
    (void)state;
    tm_error error = {0};
    assert_int_equal(tm_fail(&error, TM_READ, "file %d", 1), TM_READ);
    assert_int_equal(tm_fail(&error, TM_CORRUPT, "file %d", 2), TM_CORRUPT);
    assert_int_equal(error.status, TM_READ);
    assert_string_equal(error.message, "file 1");
    assert_int_equal(tm_error_context(&error, "model %s", "x"), TM_READ);
    assert_string_equal(error.message, "model x: file 1");
    assert_int_equal(tm_fail(NULL, TM_USAGE, "nobody listens"), TM_USAGE);
    error = (tm_error){0};
    tm_fail(&error, TM_USAGE, "%0*d", 2 * (int)sizeof error.message, 1);
    assert_int_equal(strlen(error.message), sizeof error.message - 1);
    tm_error_context(&error, "prefix");
    assert_int_equal(strncmp(error.message, "prefix: 000", 11), 0);
    assert_int_equal(strlen(error.message), sizeof error.message - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_overflow),
        cmocka_unit_test(aligned_memory),
        cmocka_unit_test(arena_blocks),
        cmocka_unit_test(arena_overflow),
        cmocka_unit_test(arena_text),
        cmocka_unit_test(buffer_grows),
        cmocka_unit_test(buffer_text),
        cmocka_unit_test(buffer_failure_is_sticky),
        cmocka_unit_test(first_error_stays),
        cmocka_unit_test(lost_text_is_no_text),
        cmocka_unit_test(lost_block_is_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
