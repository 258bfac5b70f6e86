/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding of the formats beside PNG and JPEG. tests/data/images/formats/sums holds what Pillow
 * gives of the files beside it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "base/file.h"
#include "image/image.h"
#include "tests/unit/decoded.h"

#define DATA "tests/data/images/formats/"

typedef struct fixture {
    char name[64];
    int width, height;
    unsigned sum;
    unsigned char *bytes;
    size_t size;
} fixture;

static fixture fixtures[128];
static size_t fixture_count;

static void read_fixture(fixture *f)
{
    char path[128];
    tm_map map;
    tm_error error = {0};
    snprintf(path, sizeof path, DATA "%s", f->name);
    if (tm_map_file(path, &map, &error) != TM_OK)
        fail_msg("%s", error.message);
    f->size = map.size;
    f->bytes = malloc(map.size);
    assert_non_null(f->bytes);
    memcpy(f->bytes, map.data, map.size);
    assert_int_equal(tm_unmap(&map, TM_OK, NULL), TM_OK);
}

/* Whether this build reads files of that name; one that does not is not tested, and said. */
static bool is_read(const char *name)
{
    if (tm_image_has_ending(name))
        return true;
    print_message("not built, not tested: %s\n", name);
    return false;
}

static int read_fixtures(void **state)
{
    (void)state;
    char line[256];
    FILE *sums = fopen(DATA "sums", "r");
    assert_non_null(sums);
    while (fgets(line, sizeof line, sums)) {
        fixture *f = &fixtures[fixture_count];
        if (*line == '#')
            continue;
        assert_int_equal(sscanf(line, "%63s %d %d %x", f->name, &f->width, &f->height, &f->sum), 4);
        assert_true(fixture_count < sizeof fixtures / sizeof *fixtures);
        if (is_read(f->name)) {
            read_fixture(f);
            fixture_count++;
        }
    }
    fclose(sums);
    assert_true(fixture_count > 0);
    return 0;
}

static int free_fixtures(void **state)
{
    (void)state;
    for (size_t i = 0; i < fixture_count; i++)
        free(fixtures[i].bytes);
    return 0;
}

static void as_pillow(void **state)
{
    (void)state;
    for (size_t i = 0; i < fixture_count; i++) {
        const fixture *f = &fixtures[i];
        tm_image image;
        tm_error error;
        if (decode(f->bytes, f->size, NULL, &image, &error) != TM_OK)
            fail_msg("%s: %s", f->name, error.message);
        if (image.width != f->width || image.height != f->height || checksum(&image) != f->sum)
            fail_msg("%s: found %d x %d, %08x, expected %d x %d, %08x", f->name, image.width,
                     image.height, checksum(&image), f->width, f->height, f->sum);
        assert_int_equal(image.warnings, 0);
        tm_image_free(&image);
    }
}

/* What is missing is never made up: a file that is cut is refused, or has all of its pixels. */
static void every_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < fixture_count; i++) {
        const fixture *f = &fixtures[i];
        size_t step = f->size / 400 + 1;
        for (size_t size = 1; size < f->size; size += step) {
            tm_image image;
            tm_error error;
            tm_status status = decode(f->bytes, size, NULL, &image, &error);
            if (status == TM_OK && checksum(&image) != f->sum)
                fail_msg("%s cut to %zu bytes: accepted", f->name, size);
            if (status == TM_OK)
                assert_true(size > f->size / 2);
            tm_image_free(&image);
        }
    }
}

/* Bytes that are wrong end in a picture or in an error. */
static void every_damage(void **state)
{
    static const unsigned char values[] = {0, 1, 0x7F, 0x80, 0xFF};
    (void)state;
    tm_decode_options options = {.max_pixels = 100000};
    for (size_t i = 0; i < fixture_count; i++)
        for (size_t at = 0; at < fixtures[i].size && at < 100; at++)
            for (size_t v = 0; v < sizeof values; v++) {
                unsigned char *byte = &fixtures[i].bytes[at], before = *byte;
                tm_image image;
                tm_error error;
                *byte = values[v];
                decode(fixtures[i].bytes, fixtures[i].size, &options, &image, &error);
                *byte = before;
                tm_image_free(&image);
            }
}

static void limits(void **state)
{
    (void)state;
    tm_image_memory memory;
    tm_image_memory_set(&memory, 2000);
    for (size_t i = 0; i < fixture_count; i++) {
        const fixture *f = &fixtures[i];
        tm_image image;
        tm_error error;
        tm_decode_options options = {.max_pixels = (size_t)f->width * (size_t)f->height};
        assert_int_equal(decode(f->bytes, f->size, &options, &image, &error), TM_OK);
        tm_image_free(&image);
        options.max_pixels--;
        assert_int_equal(decode(f->bytes, f->size, &options, &image, &error), TM_TOO_LARGE);
        options = (tm_decode_options){.memory = &memory};
        if (decode(f->bytes, f->size, &options, &image, &error) != TM_TOO_LARGE)
            fail_msg("%s: decoded in 1500 bytes", f->name);
        assert_non_null(strstr(error.message, "MB to decode, expected at most"));
    }
}

static void expect_refused(const void *bytes, size_t size, tm_status expected, const char *words)
{
    tm_image image;
    tm_error error;
    tm_status status = decode(bytes, size, NULL, &image, &error);
    if (status != expected || !strstr(error.message, words))
        fail_msg("found %s \"%s\", expected %s with \"%s\"", tm_status_name(status), error.message,
                 tm_status_name(expected), words);
}
#define EXPECT_REFUSED(bytes, status, words) expect_refused(bytes, sizeof(bytes) - 1, status, words)

static void faulty_gifs(void **state)
{
    (void)state;
    EXPECT_REFUSED("GIF89a....", TM_TRUNCATED, "ends early at byte 10, expected a header");
    EXPECT_REFUSED("GIF87a\2\0\2\0\x80\0\0", TM_TRUNCATED, "expected a palette");
    EXPECT_REFUSED("GIF87a\2\0\2\0\0\0\0;", TM_CORRUPT, "there is no frame");
    EXPECT_REFUSED("GIF87a\2\0\2\0\0\0\0!\xF9\1\1\0", TM_CORRUPT, "control of a frame");
    EXPECT_REFUSED("GIF87a\2\0\2\0\0\0\0,\0\0\0\0\0\0\1\0\0\2", TM_CORRUPT, "frame is empty");
    EXPECT_REFUSED("GIF87a\2\0\2\0\0\0\0,\0\0\0\0\1\0\1\0\0\x0D", TM_CORRUPT, "12 bits");
    EXPECT_REFUSED("GIF87a\xFF\xFF\xFF\xFF\0\0\0,\0\0\0\0\1\0\1\0\0\2", TM_TOO_LARGE,
                   "65535 x 65535");
    /* codes of 3 bits: 4 empties the table, 5 ends, 7 is none yet */
    EXPECT_REFUSED("GIF87a\2\0\2\0\0\0\0,\0\0\0\0\2\0\2\0\0\2\1\x2C\0;", TM_TRUNCATED, "pixels");
    EXPECT_REFUSED("GIF87a\2\0\2\0\0\0\0,\0\0\0\0\2\0\2\0\0\2\1\x3C\0;", TM_CORRUPT, "a code");
}

#define BMP_FILE(offset) "BM\0\0\0\0\0\0\0\0" offset "\0\0\0"
#define BMP_INFO(bits, compression)                                                                \
    "\x28\0\0\0\2\0\0\0\2\0\0\0\1\0" bits "\0" compression "\0\0\0\0\0\0\0"                        \
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

static void faulty_bmps(void **state)
{
    (void)state;
    EXPECT_REFUSED("BM", TM_TRUNCATED, "ends early at byte 2, expected a header");
    EXPECT_REFUSED(BMP_FILE("\x36") "\x29\0\0\0", TM_UNSUPPORTED, "header of so many bytes: 41");
    EXPECT_REFUSED(BMP_FILE("\x36") BMP_INFO("\2", "\0"), TM_UNSUPPORTED, "bits per pixel 2");
    EXPECT_REFUSED(BMP_FILE("\x36") BMP_INFO("\x18", "\4"), TM_UNSUPPORTED, "the compression 4");
    EXPECT_REFUSED(BMP_FILE("\x36") BMP_INFO("\x18", "\1"), TM_UNSUPPORTED, "runs of pixels");
    EXPECT_REFUSED(BMP_FILE("\x36") BMP_INFO("\x10", "\3") "\1\0\0\0\2\0\0\0\3\0\0\0",
                   TM_UNSUPPORTED, "the masks 1, 2, 3, 0");
    EXPECT_REFUSED(BMP_FILE("\x36") BMP_INFO("\x18", "\0") "1234567", TM_TRUNCATED, "more rows");
    EXPECT_REFUSED(BMP_FILE("\x37") BMP_INFO("\x8", "\1") "-\2\5\0\0\1\6\0\1", TM_TRUNCATED,
                   "runs for 3 of 4 pixels");
}

/* 2 x 2 pixels of one sample, in one strip of `data` behind the tags. */
#define TIFF_FILE(bits, compression, photometric, data)                                            \
    "II*\0\x08\0\0\0\7\0\0\1\3\0\1\0\0\0\2\0\0\0\1\1\3\0\1\0\0\0\2\0\0\0"                          \
    "\2\1\3\0\1\0\0\0" bits "\0\0\0\3\1\3\0\1\0\0\0" compression "\0\0\0"                          \
    "\6\1\3\0\1\0\0\0" photometric "\0\0\0\x11\1\4\0\1\0\0\0\x62\0\0\0"                            \
    "\x17\1\4\0\1\0\0\0\4\0\0\0\0\0\0\0" data

static void faulty_tiffs(void **state)
{
    (void)state;
    if (!is_read("x.tif"))
        return;
    tm_image image;
    tm_error error;
    const char good[] = TIFF_FILE("\x8", "\1", "\1", "abcd");
    assert_int_equal(decode((const unsigned char *)good, sizeof good - 1, NULL, &image, &error),
                     TM_OK);
    assert_memory_equal(image.rgb, "aaabbbcccddd", 12);
    tm_image_free(&image);
    EXPECT_REFUSED("II*\0\x08\0\0\0", TM_CORRUPT, "TIFF: ");
    EXPECT_REFUSED(TIFF_FILE("\x8", "\1", "\1", "abc"), TM_CORRUPT, "TIFF: Read error");
    EXPECT_REFUSED(TIFF_FILE("\x8", "\1", "\3", "abcd"), TM_CORRUPT, "TIFF");
    EXPECT_REFUSED(TIFF_FILE("\7", "\1", "\1", "abcd"), TM_UNSUPPORTED, "7 bits");
    EXPECT_REFUSED(TIFF_FILE("\x8", "\x63", "\1", "abcd"), TM_UNSUPPORTED, "compression 99");
    /* what libtiff would pass over with a warning */
    unsigned char fewer[sizeof good - 1];
    memcpy(fewer, good, sizeof fewer);
    fewer[8 + 2 + 6 * 12] = 0x16; /* one row a strip, and one strip for two rows */
    fewer[8 + 2 + 6 * 12 + 8] = 1;
    expect_refused(fewer, sizeof fewer, TM_CORRUPT, "\"StripOffsets\"");
}

static void endings(void **state)
{
    (void)state;
    assert_true(tm_image_has_ending("a.png") && tm_image_has_ending("a/b.JPEG") &&
                tm_image_has_ending("x.gif") && tm_image_has_ending("x.bMp"));
    assert_false(tm_image_has_ending("png") || tm_image_has_ending(".png") ||
                 tm_image_has_ending("a.") || tm_image_has_ending("a.p") ||
                 tm_image_has_ending("a.jpg ") || tm_image_has_ending("a.txt"));
    tm_image_format format;
    size_t count = 0;
    for (; tm_image_format_at(count, &format); count++)
        assert_true(format.built || format.package);
    assert_true(count >= 4);
}

static void orientation(void **state)
{
    (void)state;
    static const char *const names[] = {"orientation_6.webp", "orientation_6.avif"};
    tm_decode_options options = {.exif_orient = true};
    for (size_t n = 0; n < sizeof names / sizeof *names; n++)
        for (size_t i = 0; i < fixture_count; i++) {
            tm_image image;
            tm_error error;
            if (strcmp(fixtures[i].name, names[n]) != 0)
                continue;
            assert_int_equal(decode(fixtures[i].bytes, fixtures[i].size, NULL, &image, &error),
                             TM_OK);
            assert_int_equal(image.orientation, 6);
            tm_image_free(&image);
            assert_int_equal(decode(fixtures[i].bytes, fixtures[i].size, &options, &image, &error),
                             TM_OK);
            assert_int_equal(image.width, fixtures[i].height);
            tm_image_free(&image);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_pillow),    cmocka_unit_test(every_cut),
        cmocka_unit_test(every_damage), cmocka_unit_test(limits),
        cmocka_unit_test(endings),      cmocka_unit_test(faulty_gifs),
        cmocka_unit_test(faulty_bmps),  cmocka_unit_test(faulty_tiffs),
        cmocka_unit_test(orientation),
    };
    return cmocka_run_group_tests(tests, read_fixtures, free_fixtures);
}
