/* SPDX-License-Identifier: Apache-2.0 */
/* What the reader of zip directories accepts and refuses, row by row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/emulated.h"
#include "tests/unit/zip_writer.h"
#include "weights/zip.h"

static const char text[] = "some text, some text, some text, some text, some text";
#define TEXT .data = text, .size = sizeof text - 1

/* A copy of exactly that size, so that a sanitizer sees one byte too many. */
static unsigned char *exact(const void *bytes, size_t size)
{
    unsigned char *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    return copy;
}

/* Opens and unpacks everything. */
static tm_status read_all(const unsigned char *bytes, size_t size, size_t *count, tm_error *error)
{
    tm_zip zip;
    tm_arena arena = {0};
    tm_status status = tm_zip_open("a.zip", bytes, size, &zip, error);
    const unsigned char **data = calloc(zip.count + 1, sizeof *data);
    assert_non_null(data);
    *count = zip.count;
    for (size_t i = 0; i < zip.count && status == TM_OK; i++) {
        unsigned char head[8];
        size_t got = tm_zip_peek(&zip, &zip.entries[i], head, sizeof head);
        assert_true(got <= sizeof head);
        status = tm_zip_unpack(&zip, &zip.entries[i], &arena, &data[i], error);
        if (status == TM_OK && got)
            assert_memory_equal(head, data[i], got);
    }
    if (status == TM_OK)
        status = tm_zip_check_all(&zip, data, error);
    free(data);
    tm_arena_free(&arena);
    tm_zip_close(&zip);
    return status;
}

/* refused: part of the message, or NULL where the archive is to be accepted */
static void check_bytes(const void *bytes, size_t size, const char *refused)
{
    unsigned char *copy = exact(bytes, size);
    tm_error error = {0};
    size_t count;
    tm_status status = read_all(copy, size, &count, &error);
    assert_int_equal(status, error.status);
    if (!refused && status)
        fail_msg("refused: %s", error.message);
    if (refused && !status)
        fail_msg("accepted, expected: %s", refused);
    if (refused) {
        assert_int_equal(status, TM_WEIGHTS_INVALID);
        if (strncmp(error.message, "a.zip: zip, offset ", 19) != 0 || strchr(error.message, '\n') ||
            !strstr(error.message, ": found ") || !strstr(error.message, ", expected ") ||
            !strstr(error.message, refused))
            fail_msg("message '%s' lacks '%s'", error.message, refused);
    }
    free(copy);
}

static void check_many(const zip_member *members, size_t count, const zip_ending *ending,
                       const char *refused)
{
    tm_buffer out = {0};
    zip_write(&out, members, count, ending);
    check_bytes(out.data, out.length, refused);
    tm_buffer_free(&out);
}

#define CHECK(refused, ...)                                                                        \
    check_many((const zip_member[]){__VA_ARGS__},                                                  \
               sizeof((const zip_member[]){__VA_ARGS__}) / sizeof(zip_member), NULL, refused)
#define CHECK_END(refused, ...)                                                                    \
    check_many(&(const zip_member){.name = "a", TEXT}, 1, &(const zip_ending){__VA_ARGS__}, refused)

static void accepted(void **state)
{
    (void)state;
    CHECK(NULL, {.name = "a", TEXT});
    CHECK(NULL, {.name = "a", TEXT, .deflate = true});
    CHECK(NULL, {.name = "a", TEXT, .sizes_follow = true}, {.name = "b", TEXT});
    CHECK(NULL, {.name = "a", TEXT, .deflate = true, .sizes_follow = true}, {.name = "b", TEXT});
    CHECK(NULL, {.name = "a", TEXT, .no_crc = true});
    CHECK(NULL, {.name = "a/b/c.txt", TEXT}, {.name = "a/", .data = "", .size = 0});
    CHECK(NULL, {.name = "empty", .data = "", .size = 0});
    CHECK(NULL, {.name = "empty", .data = "", .size = 0, .deflate = true});
    CHECK(NULL, {.name = "a", TEXT, .flags = 0x0800}, {.name = "b", TEXT, .flags = 0x0006});
    CHECK(NULL, {.name = "..a", TEXT}, {.name = "b..", TEXT}, {.name = "...", TEXT});
    CHECK(NULL, {.name = "\xC3\xA9", TEXT});
    CHECK_END(NULL, .comment = "a comment");
    CHECK_END(NULL, .hole = 100);
    CHECK_END(NULL, .zip64 = true);
    CHECK(NULL, {.name = "a", TEXT, .zip64 = true});
    CHECK(NULL, {.name = "a", TEXT, .zip64 = true, .sizes_follow = true}, {.name = "b", TEXT});
    check_many((const zip_member[]){{.name = "a", TEXT, .zip64 = true, .deflate = true}}, 1,
               &(const zip_ending){.zip64 = true}, NULL);
    /* a signature in the data is data */
    CHECK(NULL, {.name = "a", .data = "PK\5\6................................", .size = 36});
    CHECK(NULL, {.name = "a", .data = "PK\6\7................................", .size = 36});
}

static void junk_around(void **state)
{
    (void)state;
    tm_buffer out = {0};
    zip_write(&out, &(const zip_member){.name = "a", TEXT}, 1, NULL);
    size_t whole = out.length;
    tm_buffer_puts(&out, "trailing junk");
    check_bytes(out.data, out.length, NULL); /* as torch */
    tm_buffer_add(&out, "PK\5\6 and that was a second end", 31);
    check_bytes(out.data, out.length, "");
    tm_buffer before = {0};
    tm_buffer_puts(&before, "leading junk");
    tm_buffer_add(&before, out.data, whole);
    check_bytes(before.data, before.length, "");
    /* an end of another, whole archive in the comment */
    tm_buffer inner = {0}, outer = {0};
    zip_write(&inner, &(const zip_member){.name = "b", TEXT}, 1, NULL);
    zip_write(&outer, &(const zip_member){.name = "a", TEXT}, 1, NULL);
    outer.data[outer.length - 2] = (char)inner.length;
    tm_buffer_add(&outer, inner.data, inner.length);
    check_bytes(outer.data, outer.length, "");
    tm_buffer_free(&inner);
    tm_buffer_free(&outer);
    tm_buffer_free(&before);
    tm_buffer_free(&out);
}

static void refused_names(void **state)
{
    (void)state;
    static const char *const names[] = {"..",  "../a", "a/..",  "a/../b", "/a",
                                        "/",   "a//b", "a/./b", "./a",    "a\\b",
                                        "c:a", "a\nb", "\x7F",  "a/..//"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        CHECK("a relative path", {.name = names[i], TEXT});
    CHECK("a relative path", {.name = "", TEXT});
    CHECK("entry a a second time", {.name = "a", TEXT}, {.name = "b", TEXT}, {.name = "a", TEXT});
    CHECK("another name in its local header", {.name = "a", TEXT, .local_name = "b"});
    CHECK("another name in its local header", {.name = "a", TEXT, .local_name = "aa"});
}

static void refused_kinds(void **state)
{
    (void)state;
    CHECK("entry a encrypted", {.name = "a", TEXT, .flags = 1});
    CHECK("of an unknown kind", {.name = "a", TEXT, .flags = 0x20});
    CHECK("of an unknown kind", {.name = "a", TEXT, .flags = 0x40});
    CHECK("of an unknown kind", {.name = "a", TEXT, .flags = 0x2000});
    CHECK("method 12", {.name = "a", TEXT, .method = 12});
    CHECK("method 9", {.name = "a", TEXT, .method = 9});
    CHECK("other flags or method", {.name = "a", TEXT, .local_flags = 1});
    CHECK("other flags or method", {.name = "a", TEXT, .local_flags = 8});
    CHECK("on another disk", {.name = "a", TEXT, .disk = 1});
    CHECK("damaged", {.name = "a", TEXT, .method = 8}); /* text is no deflate stream */
    CHECK("with checksum", {.name = "a", TEXT, .stated_crc = 1});
    CHECK("with checksum", {.name = "a", TEXT, .deflate = true, .stated_crc = 1});
    CHECK("with checksum", {.name = "b", TEXT}, {.name = "a", TEXT, .stated_crc = 1});
}

static void refused_sizes(void **state)
{
    (void)state;
    CHECK("stored with two sizes", {.name = "a", TEXT, .stated_size = 5, .sizes_follow = true});
    CHECK("with other sizes", {.name = "a", TEXT, .local_size = 5});
    CHECK("with other sizes",
          {.name = "a", TEXT, .stated_size = 5, .stated_packed = 5}); /* two readers, two files */
    CHECK("longer than it says",
          {.name = "a", TEXT, .deflate = true, .stated_size = 5, .sizes_follow = true});
    CHECK("deflated data of its stated size",
          {.name = "a", TEXT, .deflate = true, .stated_size = 500, .sizes_follow = true});
    CHECK("deflated data of its stated size", /* and something behind it */
          {.name = "a", TEXT, .deflate = true, .stated_packed = 30, .sizes_follow = true});
    CHECK("at most 1032 from each",
          {.name = "a", TEXT, .deflate = true, .stated_size = 1U << 30, .sizes_follow = true});
    CHECK("before the directory",
          {.name = "a", TEXT, .stated_size = 4000, .stated_packed = 4000, .sizes_follow = true});
    CHECK("on the bytes of another",
          {.name = "a", TEXT, .stated_size = 100, .stated_packed = 100, .sizes_follow = true},
          {.name = "b", TEXT});
    CHECK("local header", {.name = "a", TEXT, .stated_begin = 1});
    CHECK("local header", {.name = "a", TEXT, .stated_begin = 100000});
    CHECK("local header", {.name = "a", TEXT, .stated_begin = SIZE_MAX, .zip64 = true});
    CHECK("", {.name = "a",
               TEXT,
               .stated_size = SIZE_MAX,
               .stated_packed = SIZE_MAX,
               .zip64 = true,
               .sizes_follow = true});
}

/* Entries that share one deflated stream: each is honest, together they are a bomb. */
static void refused_overlap(void **state)
{
    (void)state;
    CHECK("another name in its local header", {.name = "a", TEXT, .deflate = true},
          {.name = "b", TEXT, .deflate = true, .same_begin = true});
    CHECK("on the bytes of another", {.name = "a", TEXT, .deflate = true},
          {.name = "a", TEXT, .deflate = true, .same_begin = true});
}

static void refused_total(void **state)
{
    (void)state;
    enum { COUNT = 17, BYTES = 1100000 };
    /* zeros deflate to a thousandth: 17 entries of 1 GiB would be 17 MB; the numbers are enough */
    zip_member members[COUNT];
    char names[COUNT][8];
    unsigned char *zeros = calloc(1, BYTES);
    assert_non_null(zeros);
    for (int i = 0; i < COUNT; i++) {
        snprintf(names[i], sizeof names[i], "%d", i);
        members[i] = (zip_member){.name = names[i],
                                  .data = zeros,
                                  .size = BYTES,
                                  .method = 8,
                                  .stated_size = 1U << 30,
                                  .sizes_follow = true};
    }
    check_many(members, COUNT, NULL, "beyond 16 GiB");
    check_many(members, COUNT - 1, NULL, "damaged"); /* what they hold is no deflate stream */
    free(zeros);
}

static void refused_endings(void **state)
{
    (void)state;
    check_bytes("", 0, "no end of a zip directory");
    check_bytes("PK\5\6", 4, "");
    check_bytes("PK\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 22, "zip");
    CHECK_END("", .disk = 1);
    CHECK_END("", .disk = 1, .zip64 = true);
    CHECK_END("", .entries_more = 1);
    CHECK_END("", .entries_more = 1, .zip64 = true);
    CHECK_END("", .entries_more = 65534);
    CHECK_END("", .offset_more = 1);
    CHECK_END("", .offset_more = 1, .zip64 = true);
    CHECK_END("", .size_more = 1);
    CHECK_END("", .size_more = 1, .zip64 = true);
    CHECK_END("", .zip64 = true, .no_locator = true);
    CHECK_END("", .zip64 = true, .locator_more = 1);
    CHECK_END("", .offset_more = (size_t)1 << 63, .zip64 = true);
    check_many((const zip_member[]){{.name = "a", TEXT}, {.name = "b", TEXT}}, 2,
               &(const zip_ending){.entries_more = (unsigned)-1}, ""); /* one is hidden */
}

/* Any cut and any changed byte: never a crash; what is still accepted can be unpacked. */
static void every_byte(void **state)
{
    (void)state;
    static const zip_ending endings[] = {{.comment = "c"}, {.zip64 = true}};
    for (int form = 0; form < 2; form++) {
        tm_buffer out = {0};
        const zip_member members[] = {
            {.name = "a/b", TEXT, .deflate = true, .zip64 = form == 1},
            {.name = "c", TEXT, .sizes_follow = true, .no_crc = true},
        };
        zip_write(&out, members, 2, &endings[form]);
        size_t count;
        for (size_t cut = 0; cut < out.length - 1; cut++) {
            unsigned char *part = exact(out.data, cut);
            tm_error error = {0};
            assert_int_equal(read_all(part, cut, &count, &error), TM_WEIGHTS_INVALID);
            free(part);
        }
        unsigned char *bytes = exact(out.data, out.length);
        int opened = 0, step = (int)stride(), values = 256 / step;
        for (size_t at = 0; at < out.length; at++)
            for (int value = step - 1; value < 256; value += step) {
                unsigned char saved = bytes[at];
                tm_error error = {0};
                bytes[at] = (unsigned char)value;
                tm_status status = read_all(bytes, out.length, &count, &error);
                assert_true(status == TM_OK || status == TM_WEIGHTS_INVALID);
                opened += status == TM_OK;
                bytes[at] = saved;
            }
        /* the bytes of c, versions, dates and attributes; nothing like all of them */
        assert_in_range(opened, values * 53, values * 53 + values * 75);
        free(bytes);
        tm_buffer_free(&out);
    }
}

static void contents(void **state)
{
    (void)state;
    tm_buffer out = {0};
    const zip_member members[] = {
        {.name = "z/stored", TEXT},
        {.name = "a/packed", TEXT, .deflate = true},
        {.name = "m", .data = "", .size = 0},
    };
    zip_write(&out, members, 3, NULL);
    const unsigned char *bytes = (const unsigned char *)out.data, *data;
    tm_zip zip;
    tm_arena arena = {0};
    tm_error error = {0};
    assert_int_equal(tm_zip_open("a.zip", bytes, out.length, &zip, &error), TM_OK);
    assert_int_equal(zip.count, 3);
    assert_string_equal(zip.first, "z/stored");
    assert_string_equal(zip.entries[0].name, "a/packed");
    assert_null(tm_zip_find(&zip, "z"));
    const tm_zip_entry *stored = tm_zip_find(&zip, "z/stored");
    const tm_zip_entry *packed = tm_zip_find(&zip, "a/packed");
    assert_non_null(stored);
    assert_true(packed->deflated && packed->packed < packed->size);
    assert_int_equal(tm_zip_unpack(&zip, stored, &arena, &data, &error), TM_OK);
    assert_ptr_equal(data, bytes + 30 + 8); /* used where it lies */
    assert_memory_equal(data, text, sizeof text - 1);
    assert_int_equal(tm_zip_unpack(&zip, packed, &arena, &data, &error), TM_OK);
    assert_memory_equal(data, text, sizeof text - 1);
    assert_int_equal(tm_zip_check(&zip, packed, data, &error), TM_OK);
    assert_int_equal(tm_zip_check(&zip, packed, bytes, &error), TM_WEIGHTS_INVALID);
    tm_arena_free(&arena);
    tm_zip_close(&zip);
    tm_buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted),      cmocka_unit_test(junk_around),
        cmocka_unit_test(refused_names), cmocka_unit_test(refused_kinds),
        cmocka_unit_test(refused_sizes), cmocka_unit_test(refused_overlap),
        cmocka_unit_test(refused_total), cmocka_unit_test(refused_endings),
        cmocka_unit_test(every_byte),    cmocka_unit_test(contents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
