/* SPDX-License-Identifier: Apache-2.0 */
/* Files of packed weights: what is read is what was written, and nothing else is believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/packfile.h"
#include "base/little_endian.h"

#define PATH "/tmp/tm_packfile_test.packed"
#define KEY "timmc 1\nmodel a b\nisa avx2\n"
#define FACTS "weights_sha256 0123\n"

enum { FLOATS = 1024, SIZE = TM_PACKFILE_PAGE + FLOATS * 4, HEADER_DIGEST = 8, NUMBERS = 72 };

static unsigned char sound[SIZE];

/* A file of a plan with FLOATS numbers. */
static int write_sound(void **state)
{
    (void)state;
    static float memory[FLOATS];
    for (int i = 0; i < FLOATS; i++)
        memory[i] = (float)i;
    tm_plan plan = {.layout = 77};
    plan.steps.memory = (char *)memory;
    plan.steps.memory_bytes = sizeof memory;
    FILE *f = fopen(PATH, "w+b");
    if (!f || tm_packfile_write(&plan, KEY, FACTS, f, PATH, NULL) || fseek(f, 0, SEEK_SET))
        return -1;
    size_t got = fread(sound, 1, sizeof sound, f);
    return getc(f) == EOF && fclose(f) == 0 && got == SIZE ? 0 : -1;
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(PATH);
}

static void put(const unsigned char *bytes, size_t size)
{
    FILE *f = fopen(PATH, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

static void sign(unsigned char *bytes)
{
    char digits[TM_DIGEST_TEXT_MAX];
    tm_digest digest;
    tm_digest_start(&digest);
    tm_digest_add(&digest, bytes + NUMBERS, TM_PACKFILE_PAGE - NUMBERS);
    tm_digest_text(&digest, digits);
    memcpy(bytes + HEADER_DIGEST, digits, TM_DIGEST_TEXT_MAX - 1);
}

static void expect_refused(const unsigned char *bytes, size_t size)
{
    tm_packfile file;
    tm_error error = {0};
    put(bytes, size);
    assert_int_equal(tm_packfile_open(PATH, &file, &error), TM_WEIGHTS_INVALID);
    assert_non_null(strstr(error.message, PATH));
    assert_null(file.header);
    assert_null(file.memory.map.file);
}

static void test_round_trip(void **state)
{
    (void)state;
    tm_packfile file;
    char value[8];
    put(sound, SIZE);
    assert_int_equal(tm_packfile_open(PATH, &file, NULL), TM_OK);
    assert_string_equal(file.key, KEY);
    assert_string_equal(file.facts, FACTS);
    assert_int_equal(file.memory.layout, 77);
    assert_int_equal(file.memory.bytes, FLOATS * 4);
    assert_int_equal(file.memory.offset % 64, 0);
    const float *numbers = (const float *)(const void *)(file.memory.map.data + file.memory.offset);
    for (int i = 0; i < FLOATS; i++)
        assert_true(numbers[i] == (float)i);
    assert_int_equal(tm_packfile_check(&file, NULL), TM_OK);
    tm_packfile_line(file.key, "model", value, sizeof value);
    assert_string_equal(value, "a b");
    tm_packfile_line(file.key, "isa", value, 4);
    assert_string_equal(value, "avx");
    tm_packfile_line(file.key, "is", value, sizeof value);
    assert_string_equal(value, "");
    assert_int_equal(tm_packfile_close(&file, TM_OK, NULL), TM_OK);
}

/* Each byte of the header in turn. */
static void test_damaged_header(void **state)
{
    (void)state;
    static unsigned char bytes[SIZE];
    for (size_t i = 0; i < TM_PACKFILE_PAGE; i += i < 256 ? 1 : 61) {
        memcpy(bytes, sound, SIZE);
        bytes[i] ^= 0x10;
        expect_refused(bytes, SIZE);
    }
}

static void test_other_lengths(void **state)
{
    (void)state;
    static unsigned char bytes[SIZE + 1];
    static const size_t sizes[] = {8, 71, 112, 200, 4095, TM_PACKFILE_PAGE, SIZE - 1, SIZE + 1};
    memcpy(bytes, sound, SIZE);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        expect_refused(bytes, sizes[i]);
}

/* Numbers that a liar signs. */
static void test_signed_lies(void **state)
{
    (void)state;
    static unsigned char bytes[SIZE];
    static const uint64_t lies[] = {
        0, 1, 4095, 8192, TM_PACKFILE_HEADER_MAX + 4096, UINT64_MAX, UINT64_MAX - 4095, 1ull << 63};
    static const size_t numbers[] = {0, 1, 3, 4}; /* the layout is the plan's to refuse */
    for (size_t n = 0; n < sizeof numbers / sizeof *numbers; n++)
        for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
            uint64_t lie = tm_le64(lies[i]);
            memcpy(bytes, sound, SIZE);
            memcpy(bytes + NUMBERS + 8 * numbers[n], &lie, sizeof lie);
            sign(bytes);
            expect_refused(bytes, SIZE);
        }
}

/* The data is the digest's to know. */
static void test_damaged_data(void **state)
{
    (void)state;
    static unsigned char bytes[SIZE];
    tm_packfile file;
    memcpy(bytes, sound, SIZE);
    bytes[SIZE - 1] ^= 1;
    put(bytes, SIZE);
    assert_int_equal(tm_packfile_open(PATH, &file, NULL), TM_OK);
    assert_int_equal(tm_packfile_check(&file, NULL), TM_WEIGHTS_INVALID);
    assert_int_equal(tm_packfile_close(&file, TM_OK, NULL), TM_OK);
}

static void test_no_file(void **state)
{
    (void)state;
    tm_packfile file;
    assert_int_equal(tm_packfile_open("/tmp/tm_packfile_none", &file, NULL), TM_WEIGHTS_MISSING);
    assert_int_equal(tm_packfile_open("/tmp", &file, NULL), TM_WEIGHTS_MISSING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),    cmocka_unit_test(test_damaged_header),
        cmocka_unit_test(test_other_lengths), cmocka_unit_test(test_signed_lies),
        cmocka_unit_test(test_damaged_data),  cmocka_unit_test(test_no_file),
    };
    return cmocka_run_group_tests(tests, write_sound, remove_file);
}
