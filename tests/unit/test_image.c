/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding. Every expected checksum is zlib's crc32 of the RGB rows that Pillow 13.0.0 gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "base/file.h"
#include "base/memory.h"
#include "image/image.h"
#include "tests/unit/decoded.h"

#define DATA "tests/data/images/"
#define COUNT(array) (sizeof(array) / sizeof *(array))

static void expect_refused(const void *bytes, size_t size, tm_status expected, const char *words)
{
    tm_image image;
    tm_error error;
    tm_status status = decode(bytes, size, NULL, &image, &error);
    if (status != expected || !strstr(error.message, words))
        fail_msg("found %s \"%s\", expected %s with \"%s\"", tm_status_name(status), error.message,
                 tm_status_name(expected), words);
    tm_image_free(&image);
}

static int expect_accepted(const void *bytes, size_t size, uint32_t expected)
{
    tm_image image;
    tm_error error;
    if (decode(bytes, size, NULL, &image, &error) != TM_OK)
        fail_msg("refused: %s", error.message);
    int warnings = image.warnings;
    assert_int_equal(checksum(&image), expected);
    tm_image_free(&image);
    return warnings;
}

static tm_buffer read_data(const char *name)
{
    char path[256];
    tm_map map;
    tm_error error = {0};
    tm_buffer bytes = {0};
    snprintf(path, sizeof path, DATA "%s", name);
    if (tm_map_file(path, &map, &error) != TM_OK)
        fail_msg("%s", error.message);
    tm_buffer_add(&bytes, map.data, map.size);
    TM_ASSERT(tm_unmap(&map, TM_OK, NULL) == TM_OK);
    return bytes;
}

/* ---- not pictures ---- */

static void not_pictures(void **state)
{
    (void)state;
    expect_refused("", 0, TM_EMPTY, "file is empty");
    expect_refused("qoif......", 10, TM_NOT_IMAGE, "is a QOI picture, expected PNG, JPEG, ");
    expect_refused("qoif......", 10, TM_NOT_IMAGE, ": convert it to PNG or JPEG");
    expect_refused("nothing..", 9, TM_NOT_IMAGE,
                   "starts with 6e 6f 74 68 69 6e 67 2e, expected PNG, JPEG, ");
    expect_refused("\xFF\xD8", 2, TM_NOT_IMAGE, "starts with ff d8,");
    expect_refused("\0\xFF\xD8\xFF", 4, TM_NOT_IMAGE, "starts with 00");
    expect_refused("\x89PNG\r\n\x1a\n", 8, TM_TRUNCATED, "ends early at byte 8");
    expect_refused("\xFF\xD8\xFF", 3, TM_TRUNCATED, "ends early at byte 3");
}

static void real_files(void **state)
{
    static const struct {
        const char *name;
        int width, height;
        uint32_t checksum;
    } files[] = {
        {"astronaut.png", 512, 512, 0xfdcaa55f},  {"chelsea.png", 451, 300, 0x0f829d59},
        {"coffee.png", 600, 400, 0xacf41373},     {"rocket.jpg", 640, 427, 0x49cf24ab},
        {"gray.jpg", 37, 21, 0xf51e2385},         {"baseline_420.jpg", 37, 21, 0x02e19675},
        {"baseline_444.jpg", 37, 21, 0x2ca4f906}, {"restart_422.jpg", 37, 21, 0xf8b3ec51},
        {"progressive.jpg", 37, 21, 0x02e19675},  {"rgb.jpg", 37, 21, 0xa7b8958e},
        {"cmyk.jpg", 37, 21, 0x94405e12},         {"ycck.jpg", 37, 21, 0x5fbd9e23},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(files); i++) {
        tm_buffer bytes = read_data(files[i].name);
        tm_image image;
        tm_error error;
        if (decode(bytes.data, bytes.length, NULL, &image, &error) != TM_OK)
            fail_msg("%s: %s", files[i].name, error.message);
        assert_int_equal(image.width, files[i].width);
        assert_int_equal(image.height, files[i].height);
        assert_int_equal(image.warnings, 0);
        if (checksum(&image) != files[i].checksum)
            fail_msg("%s: found %08x, expected %08x", files[i].name, checksum(&image),
                     files[i].checksum);
        tm_image_free(&image);
        tm_buffer_free(&bytes);
    }
}

/* ---- PNG files made here ---- */

enum { WIDTH = 19, HEIGHT = 11 };

typedef struct png_plan {
    uint32_t width, height; /* as stated */
    int color_type, depth, interlaced;
    bool no_palette, no_end, bad_data_crc;
    int filter;          /* of every row */
    size_t cut, surplus; /* raw bytes left out or added at the end */
    int spoil_stream;    /* added to the stream's last byte, its checksum */
    size_t split;        /* data chunks hold at most so many bytes; 0: one chunk */
    const char *extra;   /* a chunk before the data: type and data */
    size_t extra_size;
    bool extra_bad_crc;
} png_plan;

static void add_u32(tm_buffer *to, uint32_t value)
{
    unsigned char bytes[4] = {(unsigned char)(value >> 24), (unsigned char)(value >> 16),
                              (unsigned char)(value >> 8), (unsigned char)value};
    tm_buffer_add(to, bytes, 4);
}

static void add_chunk(tm_buffer *to, const char *type, const void *data, size_t size, bool bad_crc)
{
    uint32_t crc = (uint32_t)crc32_z(crc32_z(0, (const unsigned char *)type, 4), data, size);
    add_u32(to, (uint32_t)size);
    tm_buffer_add(to, type, 4);
    tm_buffer_add(to, data, size);
    add_u32(to, bad_crc ? crc + 1 : crc);
}

static int samples_of(int color_type)
{
    return color_type == 2 ? 3 : color_type == 4 ? 2 : color_type == 6 ? 4 : 1;
}

static void add_raw_rows(tm_buffer *raw, const png_plan *plan, int width, int height, unsigned *n)
{
    int bytes = (width * samples_of(plan->color_type) * plan->depth + 7) / 8;
    for (int y = 0; y < height; y++) {
        tm_buffer_putc(raw, (char)plan->filter);
        for (int k = 0; k < bytes; k++, ++*n) {
            /* two of three high bytes are not 0: both sides of the clamp of 16-bit gray */
            bool zero = plan->depth == 16 && k % 2 == 0 && *n % 3 == 0;
            tm_buffer_putc(raw, zero ? 0 : (char)(*n * *n * 29 + *n * 7 + (*n >> 3)));
        }
    }
}

static tm_buffer raw_picture(const png_plan *plan)
{
    static const int adam7[7][4] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4},
                                    {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};
    tm_buffer raw = {0};
    unsigned n = 0;
    if (!plan->interlaced)
        add_raw_rows(&raw, plan, WIDTH, HEIGHT, &n);
    for (int i = 0; plan->interlaced && i < 7; i++) {
        const int *p = adam7[i];
        add_raw_rows(&raw, plan, (WIDTH - p[0] + p[2] - 1) / p[2],
                     (HEIGHT - p[1] + p[3] - 1) / p[3], &n);
    }
    raw.length -= plan->cut;
    for (size_t i = 0; i < plan->surplus; i++)
        tm_buffer_putc(&raw, 0);
    return raw;
}

static void add_data(tm_buffer *png, const png_plan *plan)
{
    tm_buffer raw = raw_picture(plan);
    uLongf size = compressBound(raw.length);
    unsigned char *packed = malloc(size);
    assert_non_null(packed);
    assert_int_equal(compress2(packed, &size, (unsigned char *)raw.data, raw.length, 9), Z_OK);
    packed[size - 1] = (unsigned char)(packed[size - 1] + plan->spoil_stream);
    size_t step = plan->split ? plan->split : size;
    for (size_t at = 0; at < size; at += step)
        add_chunk(png, "IDAT", packed + at, size - at < step ? size - at : step,
                  plan->bad_data_crc);
    free(packed);
    tm_buffer_free(&raw);
}

static void add_palette(tm_buffer *png, int depth)
{
    int entries = depth == 1 ? 2 : depth == 2 ? 3 : depth == 4 ? 13 : 200;
    unsigned char palette[600];
    for (int i = 0; i < 3 * entries; i++)
        palette[i] = (unsigned char)(i * 37 + 11);
    add_chunk(png, "PLTE", palette, 3 * (size_t)entries, false);
}

static tm_buffer make_png(const png_plan *plan)
{
    tm_buffer png = {0}, head = {0};
    tm_buffer_add(&png, "\x89PNG\r\n\x1a\n", 8);
    add_u32(&head, plan->width);
    add_u32(&head, plan->height);
    const char rest[5] = {(char)plan->depth, (char)plan->color_type, 0, 0, (char)plan->interlaced};
    tm_buffer_add(&head, rest, 5);
    add_chunk(&png, "IHDR", head.data, head.length, false);
    tm_buffer_free(&head);
    if (plan->color_type == 3 && !plan->no_palette)
        add_palette(&png, plan->depth);
    if (plan->extra)
        add_chunk(&png, plan->extra, plan->extra + 4, plan->extra_size - 4, plan->extra_bad_crc);
    add_data(&png, plan);
    if (!plan->no_end)
        add_chunk(&png, "IEND", "", 0, false);
    assert_false(png.failed);
    return png;
}

#define GRAY8 .width = WIDTH, .height = HEIGHT, .color_type = 0, .depth = 8
#define GRAY8_CHECKSUM 0x6831b52c

static void png_kinds(void **state)
{
    static const struct {
        int color_type, depth;
        uint32_t checksum[2]; /* interlaced: the same bytes in seven passes */
    } kinds[] = {
        {0, 1, {0x5ae2cf6d, 0xf20270cb}},  {0, 2, {0x2b39837f, 0x434370a0}},
        {0, 4, {0x7d25a919, 0x06662529}},  {0, 8, {GRAY8_CHECKSUM, 0x6a300451}},
        {0, 16, {0x126f4dac, 0x315198f9}}, {2, 8, {0x3bedae46, 0xa07327ba}},
        {2, 16, {0x70ab94b6, 0xa624fe9d}}, {3, 1, {0xd9f560a4, 0x95b184b2}},
        {3, 2, {0xa0fc13bd, 0x1a40fdf5}},  {3, 4, {0xcc74f049, 0x72f3bb6f}},
        {3, 8, {0x78c62eef, 0xb4498454}},  {4, 8, {0x2676d1c6, 0x01e17cbc}},
        {4, 16, {0x5d30c848, 0x6314d69b}}, {6, 8, {0x68a27f28, 0xb265ae60}},
        {6, 16, {0x01d665fb, 0x5a455cac}},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++)
        for (int interlaced = 0; interlaced < 2; interlaced++)
            for (size_t split = 0; split < 10; split += 7) {
                png_plan plan = {.width = WIDTH,
                                 .height = HEIGHT,
                                 .color_type = kinds[i].color_type,
                                 .depth = kinds[i].depth,
                                 .interlaced = interlaced,
                                 .split = split};
                tm_buffer png = make_png(&plan);
                expect_accepted(png.data, png.length, kinds[i].checksum[interlaced]);
                tm_buffer_free(&png);
            }
}

static void accept_plan(png_plan plan, uint32_t expected)
{
    tm_buffer png = make_png(&plan);
    expect_accepted(png.data, png.length, expected);
    tm_buffer_free(&png);
}

static void refuse_plan(png_plan plan, tm_status status, const char *words)
{
    tm_buffer png = make_png(&plan);
    expect_refused(png.data, png.length, status, words);
    tm_buffer_free(&png);
}

#define EXTRA(bytes) .extra = bytes, .extra_size = sizeof(bytes) - 1

static void png_faults_accepted(void **state)
{
    (void)state;
    accept_plan((png_plan){GRAY8, .bad_data_crc = true}, GRAY8_CHECKSUM);
    accept_plan((png_plan){GRAY8, .no_end = true}, GRAY8_CHECKSUM);
    accept_plan((png_plan){GRAY8, .surplus = 4000}, GRAY8_CHECKSUM);
    accept_plan((png_plan){GRAY8, .surplus = 4000, .spoil_stream = 1}, GRAY8_CHECKSUM);
    accept_plan((png_plan){GRAY8, EXTRA("juNK12345")}, GRAY8_CHECKSUM);
    accept_plan((png_plan){GRAY8, EXTRA("JUNK")}, GRAY8_CHECKSUM);
    accept_plan((png_plan){GRAY8, EXTRA("tRNS\0\1")}, GRAY8_CHECKSUM);
    accept_plan((png_plan){GRAY8, EXTRA("gAMA\0\0\1\0")}, GRAY8_CHECKSUM);
    accept_plan((png_plan){GRAY8, EXTRA("iCCPname\0\0broken")}, GRAY8_CHECKSUM);
}

static void png_faults_refused(void **state)
{
    (void)state;
    refuse_plan((png_plan){GRAY8, .spoil_stream = 1}, TM_CORRUPT, "incorrect data check");
    refuse_plan((png_plan){GRAY8, .cut = 1}, TM_TRUNCATED, "found 10 of 11 rows");
    refuse_plan((png_plan){GRAY8, .filter = 9}, TM_CORRUPT, "filter");
    refuse_plan((png_plan){GRAY8, EXTRA("juNK12345"), .extra_bad_crc = true}, TM_CORRUPT,
                "chunk juNK at byte 33 has checksum");
    refuse_plan((png_plan){GRAY8, EXTRA("cHRM123")}, TM_CORRUPT, "expected at least 32");
    refuse_plan((png_plan){GRAY8, EXTRA("tRNS1")}, TM_CORRUPT, "expected at least 2");
    refuse_plan((png_plan){GRAY8, EXTRA("iCCPname\0\1")}, TM_CORRUPT, "compression method");
    refuse_plan((png_plan){GRAY8, EXTRA("iCCPname")}, TM_CORRUPT, "compression method");
    refuse_plan((png_plan){GRAY8, EXTRA("zTXtname\0\7")}, TM_CORRUPT, "compression method");
    refuse_plan((png_plan){GRAY8, EXTRA("j NK")}, TM_CORRUPT, "not four letters");
    refuse_plan((png_plan){GRAY8, EXTRA("IEND")}, TM_CORRUPT, "no IDAT chunk");
    refuse_plan(
        (png_plan){
            .width = WIDTH, .height = HEIGHT, .color_type = 3, .depth = 8, .no_palette = true},
        TM_CORRUPT, "PLTE");
    refuse_plan((png_plan){.width = WIDTH, .height = HEIGHT, .color_type = 5, .depth = 8},
                TM_CORRUPT, "IHDR");
    refuse_plan((png_plan){.width = 0, .height = 4, .depth = 8}, TM_CORRUPT, "picture is 0 x 4");
}

static void png_without_header(void **state)
{
    (void)state;
    tm_buffer png = {0};
    tm_buffer_add(&png, "\x89PNG\r\n\x1a\n", 8);
    add_chunk(&png, "IDAT", "", 0, false);
    expect_refused(png.data, png.length, TM_CORRUPT, "no IHDR chunk");
    tm_buffer_free(&png);
}

static void png_tail(void **state)
{
    (void)state;
    png_plan plan = {GRAY8, .no_end = true};
    tm_buffer png = make_png(&plan);
    size_t whole = png.length;
    add_chunk(&png, "tEXt", "comment", 7, true);
    expect_accepted(png.data, png.length, GRAY8_CHECKSUM);
    expect_accepted(png.data, whole + 7, GRAY8_CHECKSUM); /* no whole chunk head */
    expect_refused(png.data, whole + 10, TM_TRUNCATED, "chunk tEXt");
    png.length = whole;
    add_chunk(&png, "gAMA", "1", 1, false);
    expect_refused(png.data, png.length, TM_CORRUPT, "chunk gAMA");
    png.length = whole;
    add_chunk(&png, "IEND", "", 0, false);
    tm_buffer_puts(&png, "junk that nobody reads");
    expect_accepted(png.data, png.length, GRAY8_CHECKSUM);
    tm_buffer_free(&png);
}

/* Limits hold before anything is allocated for the picture: none of these files has its rows. */
static void size_limits(void **state)
{
    (void)state;
    refuse_plan((png_plan){.width = 30000, .height = 30000, .depth = 8}, TM_TOO_LARGE,
                "30000 x 30000, expected at most 178956970 pixels");
    refuse_plan((png_plan){.width = 0xFFFFFFFF, .height = 0xFFFFFFFF, .depth = 8}, TM_TOO_LARGE,
                "4294967295 x 4294967295");
    refuse_plan((png_plan){.width = 2000000, .height = 1, .depth = 8}, TM_TOO_LARGE,
                "sides of at most 1000000");

    tm_image image;
    tm_error error;
    tm_buffer jpeg = read_data("baseline_420.jpg");
    tm_decode_options options = {.max_pixels = 37 * 21};
    assert_int_equal(decode(jpeg.data, jpeg.length, &options, &image, &error), TM_OK);
    tm_image_free(&image);
    options.max_pixels--;
    assert_int_equal(decode(jpeg.data, jpeg.length, &options, &image, &error), TM_TOO_LARGE);
    tm_buffer_free(&jpeg);
}

static void every_cut_of_a_png(void **state)
{
    (void)state;
    for (int interlaced = 0; interlaced < 2; interlaced++) {
        png_plan plan = {GRAY8, .interlaced = interlaced, .no_end = true};
        tm_buffer png = make_png(&plan);
        enum { STREAM_CHECKSUM = 4, CHUNK_CHECKSUM = 4 };
        size_t rows_end = png.length - CHUNK_CHECKSUM - STREAM_CHECKSUM;
        for (size_t size = 0; size <= png.length; size++) {
            tm_image image;
            tm_error error;
            tm_status status = decode(png.data, size, NULL, &image, &error);
            if (size >= rows_end)
                assert_int_equal(status, TM_OK);
            else if (size < rows_end - 1) /* the stream's last byte may hold only its end mark */
                assert_int_not_equal(status, TM_OK);
            if (status == TM_OK)
                assert_int_equal(checksum(&image), interlaced ? 0x6a300451 : GRAY8_CHECKSUM);
            else if (size >= 8)
                assert_int_equal(status, TM_TRUNCATED);
            tm_image_free(&image);
        }
        tm_buffer_free(&png);
    }
}

/* ---- JPEG ---- */

static void every_cut_of_a_jpeg(void **state)
{
    static const char *const names[] = {"gray.jpg", "baseline_420.jpg", "restart_422.jpg",
                                        "progressive.jpg", "cmyk.jpg"};
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        tm_buffer jpeg = read_data(names[i]);
        for (size_t size = 1; size <= jpeg.length; size++) {
            tm_image image;
            tm_error error;
            tm_status status = decode(jpeg.data, size, NULL, &image, &error);
            tm_status expected = size < 3             ? TM_NOT_IMAGE
                                 : size < jpeg.length ? TM_TRUNCATED
                                                      : TM_OK;
            if (status != expected)
                fail_msg("%s cut to %zu: %s", names[i], size, tm_status_name(status));
            tm_image_free(&image);
        }
        tm_buffer_free(&jpeg);
    }
}

/* Where the marker FF code first stands. */
static size_t find_marker(const tm_buffer *jpeg, int code)
{
    for (size_t i = 2; i + 1 < jpeg->length; i++)
        if ((unsigned char)jpeg->data[i] == 0xFF && (unsigned char)jpeg->data[i + 1] == code)
            return i;
    fail_msg("no marker %02x", code);
    return 0;
}

enum { SOF0 = 0xC0, SOF2 = 0xC2, SOS = 0xDA, EOI = 0xD9, RST0 = 0xD0 };

static void jpeg_faults_accepted(void **state)
{
    (void)state;
    tm_buffer jpeg = read_data("baseline_420.jpg");
    tm_image image;
    tm_error error;
    jpeg.length -= 200;
    tm_buffer_add(&jpeg, "\xFF\xD9", 2);
    assert_int_equal(decode(jpeg.data, jpeg.length, NULL, &image, &error), TM_OK);
    assert_true(image.warnings > 0);
    tm_image_free(&image);
    tm_buffer_free(&jpeg);

    jpeg = read_data("baseline_420.jpg");
    tm_buffer_puts(&jpeg, "junk that nobody reads");
    assert_int_equal(expect_accepted(jpeg.data, jpeg.length, 0x02e19675), 0);
    tm_buffer_free(&jpeg);

    jpeg = read_data("restart_422.jpg");
    jpeg.data[find_marker(&jpeg, RST0) + 1] = (char)(RST0 + 5);
    assert_int_equal(decode(jpeg.data, jpeg.length, NULL, &image, &error), TM_OK);
    assert_true(image.warnings > 0);
    tm_image_free(&image);
    tm_buffer_free(&jpeg);
}

static void refuse_patched(const char *name, int marker, int offset, int value, tm_status status,
                           const char *words)
{
    tm_buffer jpeg = read_data(name);
    jpeg.data[find_marker(&jpeg, marker) + (size_t)offset] = (char)value;
    expect_refused(jpeg.data, jpeg.length, status, words);
    tm_buffer_free(&jpeg);
}

static void jpeg_faults_refused(void **state)
{
    (void)state;
    enum { TYPE = 1, PRECISION = 4, HEIGHT_LOW = 6, TABLE = 12 };
    refuse_patched("baseline_420.jpg", SOF0, PRECISION, 12, TM_UNSUPPORTED, "precision 12");
    refuse_patched("baseline_420.jpg", SOF0, TYPE, 0xC3, TM_UNSUPPORTED, "SOF type 0xc3");
    refuse_patched("baseline_420.jpg", SOF0, HEIGHT_LOW, 0, TM_CORRUPT, "DNL");
    refuse_patched("baseline_420.jpg", SOF0, TABLE, 3, TM_CORRUPT, "Quantization table 0x03");

    tm_buffer jpeg = read_data("baseline_420.jpg");
    size_t frame = find_marker(&jpeg, SOF0);
    memset(jpeg.data + frame + 5, 0xF0, 4);
    expect_refused(jpeg.data, jpeg.length, TM_TOO_LARGE, "61680 x 61680");
    tm_buffer_free(&jpeg);

    jpeg = read_data("baseline_420.jpg");
    jpeg.length -= 2;
    tm_buffer_add(&jpeg, "\xFF\xC9", 2);
    expect_refused(jpeg.data, jpeg.length, TM_CORRUPT, "second frame");
    tm_buffer_free(&jpeg);
}

static void jpeg_of_two_components(void **state)
{
    (void)state;
    /* Quantization, frame, tables and scan of an 8 x 8 picture: two components, all zero. */
    tm_buffer jpeg = {0};
    tm_buffer_add(&jpeg, "\xFF\xD8\xFF\xDB\0\x43\0", 7);
    for (int i = 0; i < 64; i++)
        tm_buffer_putc(&jpeg, 1);
    tm_buffer_add(&jpeg, "\xFF\xC0\0\x0E\x08\0\x08\0\x08\2\1\x11\0\2\x11\0", 16);
    for (int class = 0; class < 2; class ++) {
        const char table[] = {(char)0xFF, (char)0xC4, 0, 20, (char)(class << 4),
                              1,          0,          0, 0,  0,
                              0,          0,          0, 0,  0,
                              0,          0,          0, 0,  0,
                              0,          0};
        tm_buffer_add(&jpeg, table, sizeof table);
    }
    tm_buffer_add(&jpeg, "\xFF\xDA\0\x0A\2\1\0\2\0\0\x3F\0\x0F\xFF\xD9", 15);
    expect_refused(jpeg.data, jpeg.length, TM_UNSUPPORTED, "2 components, expected 1, 3 or 4");
    tm_buffer_free(&jpeg);
}

static void jpeg_scan_limit(void **state)
{
    (void)state;
    tm_buffer jpeg = read_data("progressive.jpg");
    size_t scan = find_marker(&jpeg, SOS), end = jpeg.length - 2;
    for (size_t i = scan + 2; i < end; i++)
        if ((unsigned char)jpeg.data[i] == 0xFF && (unsigned char)jpeg.data[i + 1] == SOS)
            scan = i; /* the last one refines what is there: it may be repeated */
    char *last = malloc(end - scan);
    assert_non_null(last);
    memcpy(last, jpeg.data + scan, end - scan);
    size_t bytes = end - scan;
    jpeg.length = end;
    for (int i = 0; i < 50; i++)
        tm_buffer_add(&jpeg, last, bytes);
    tm_buffer_add(&jpeg, "\xFF\xD9", 2);
    tm_image image;
    tm_error error;
    assert_int_equal(decode(jpeg.data, jpeg.length, NULL, &image, &error), TM_OK);
    tm_image_free(&image);
    jpeg.length -= 2;
    for (int i = 0; i < 60; i++)
        tm_buffer_add(&jpeg, last, bytes);
    tm_buffer_add(&jpeg, "\xFF\xD9", 2);
    expect_refused(jpeg.data, jpeg.length, TM_TOO_LARGE, "expected at most 100");
    free(last);
    tm_buffer_free(&jpeg);
}

/* ---- orientation ---- */

static void add_tiff(tm_buffer *to, bool big, int orientation)
{
    if (big)
        tm_buffer_add(to, "MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0", 19);
    else
        tm_buffer_add(to, "II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0", 18);
    tm_buffer_putc(to, (char)orientation);
    tm_buffer_add(to, "\0\0\0\0\0\0\0", big ? 6 : 7);
}

static tm_buffer jpeg_with_exif(bool big, int orientation)
{
    tm_buffer plain = read_data("baseline_420.jpg"), jpeg = {0}, exif = {0};
    tm_buffer_add(&exif, "Exif\0\0", 6);
    add_tiff(&exif, big, orientation);
    tm_buffer_add(&jpeg, "\xFF\xD8\xFF\xE1\0", 5);
    tm_buffer_putc(&jpeg, (char)(exif.length + 2));
    tm_buffer_add(&jpeg, exif.data, exif.length);
    tm_buffer_add(&jpeg, plain.data + 2, plain.length - 2);
    tm_buffer_free(&exif);
    tm_buffer_free(&plain);
    return jpeg;
}

static const uint32_t oriented[9] = {0x02e19675, 0x02e19675, 0x7b278c3e, 0x4a23f74c, 0x098a8750,
                                     0x8dcfb731, 0xa9702ec7, 0xa28a1c22, 0xeb750bea};

static void orientation_in_jpeg(void **state)
{
    (void)state;
    tm_decode_options options = {.exif_orient = true};
    for (int big = 0; big < 2; big++)
        for (int value = 0; value <= 9; value++) {
            tm_buffer jpeg = jpeg_with_exif(big, value);
            tm_image image;
            tm_error error;
            expect_accepted(jpeg.data, jpeg.length, oriented[0]);
            assert_int_equal(decode(jpeg.data, jpeg.length, &options, &image, &error), TM_OK);
            assert_int_equal(image.width, value >= 5 && value <= 8 ? 21 : 37);
            assert_int_equal(checksum(&image), oriented[value == 9 ? 0 : value]);
            tm_image_free(&image);
            tm_buffer_free(&jpeg);
        }
}

static void orientation_in_png(void **state)
{
    (void)state;
    tm_decode_options options = {.exif_orient = true};
    tm_buffer exif = {0};
    tm_buffer_puts(&exif, "eXIf");
    add_tiff(&exif, false, 6);
    for (size_t size = 4; size <= exif.length; size++) { /* cut anywhere: harmless */
        png_plan plan = {GRAY8, .extra = exif.data, .extra_size = size};
        tm_buffer png = make_png(&plan);
        tm_image image;
        tm_error error;
        assert_int_equal(decode(png.data, png.length, &options, &image, &error), TM_OK);
        if (size == exif.length)
            assert_int_equal(image.width, HEIGHT);
        tm_image_free(&image);
        tm_buffer_free(&png);
    }
    tm_buffer_free(&exif);
}

/* ---- what is said of a picture that was decoded ---- */

static tm_image decoded(const tm_buffer *bytes)
{
    tm_image image;
    tm_error error;
    assert_int_equal(decode(bytes->data, bytes->length, NULL, &image, &error), TM_OK);
    free(image.rgb);
    image.rgb = NULL;
    return image;
}

static void expect_strict(const tm_buffer *bytes, tm_status status, const char *words)
{
    tm_decode_options options = {.strict = true};
    tm_image image;
    tm_error error;
    assert_int_equal(decode(bytes->data, bytes->length, &options, &image, &error), status);
    if (status && !strstr(error.message, words))
        fail_msg("'%s' lacks '%s'", error.message, words);
    tm_image_free(&image);
}

static void faults_are_counted(void **state)
{
    (void)state;
    tm_buffer whole = read_data("baseline_420.jpg"), half = {0};
    assert_int_equal(decoded(&whole).warnings, 0);
    expect_strict(&whole, TM_OK, "");
    tm_buffer_add(&half, whole.data, whole.length - 200);
    tm_buffer_add(&half, "\xFF\xD9", 2);
    assert_true(decoded(&half).warnings > 0);
    expect_strict(&half, TM_CORRUPT, "premature end of data segment");
    tm_buffer_free(&whole);
    tm_buffer_free(&half);

    tm_buffer png = make_png(&(png_plan){GRAY8, .split = 7, .bad_data_crc = true});
    assert_true(decoded(&png).warnings > 1);
    expect_strict(&png, TM_CORRUPT, "chunk IDAT at byte");
    tm_buffer_free(&png);
    png = make_png(&(png_plan){GRAY8, .split = 7});
    assert_int_equal(decoded(&png).warnings, 0);
    expect_strict(&png, TM_OK, "");
    tm_buffer_free(&png);
    png = make_png(&(png_plan){GRAY8, .surplus = 4000});
    assert_true(decoded(&png).warnings > 0);
    expect_strict(&png, TM_CORRUPT, "PNG: ");
    tm_buffer_free(&png);
}

static void what_is_not_applied(void **state)
{
    (void)state;
    for (int value = 1; value <= 8; value++) {
        tm_buffer jpeg = jpeg_with_exif(false, value);
        assert_int_equal(decoded(&jpeg).orientation, value);
        tm_image image;
        tm_error error;
        tm_decode_options options = {.exif_orient = true};
        assert_int_equal(decode(jpeg.data, jpeg.length, &options, &image, &error), TM_OK);
        assert_int_equal(image.orientation, 0);
        tm_image_free(&image);
        tm_buffer_free(&jpeg);
    }
    tm_buffer png = make_png(&(png_plan){.width = WIDTH, .height = HEIGHT, .depth = 16});
    assert_true(decoded(&png).clipped);
    tm_buffer_free(&png);
    png = make_png(&(png_plan){GRAY8});
    assert_false(decoded(&png).clipped);
    tm_buffer_free(&png);
}

/* ---- writing ---- */

static void write_and_read(void **state)
{
    (void)state;
    tm_buffer png = read_data("chelsea.png");
    tm_image image, again;
    tm_error error;
    assert_int_equal(decode(png.data, png.length, NULL, &image, &error), TM_OK);
    tm_buffer_free(&png);
    char *bytes = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&bytes, &size);
    assert_non_null(stream);
    assert_int_equal(tm_image_write_png(&image, stream, "x", &error), TM_OK);
    assert_int_equal(fclose(stream), 0);
    assert_int_equal(decode(bytes, size, NULL, &again, &error), TM_OK);
    assert_int_equal(again.width, image.width);
    assert_int_equal(checksum(&again), checksum(&image));
    free(bytes);
    tm_image_free(&again);

    stream = fopen("/dev/full", "w");
    if (stream) {
        error = (tm_error){0};
        assert_int_equal(tm_image_write_png(&image, stream, "x", &error), TM_WRITE);
        fclose(stream);
    }
    tm_image_free(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(not_pictures),
        cmocka_unit_test(real_files),
        cmocka_unit_test(png_kinds),
        cmocka_unit_test(png_faults_accepted),
        cmocka_unit_test(png_faults_refused),
        cmocka_unit_test(png_without_header),
        cmocka_unit_test(png_tail),
        cmocka_unit_test(size_limits),
        cmocka_unit_test(every_cut_of_a_png),
        cmocka_unit_test(every_cut_of_a_jpeg),
        cmocka_unit_test(jpeg_faults_accepted),
        cmocka_unit_test(jpeg_faults_refused),
        cmocka_unit_test(jpeg_of_two_components),
        cmocka_unit_test(jpeg_scan_limit),
        cmocka_unit_test(orientation_in_jpeg),
        cmocka_unit_test(orientation_in_png),
        cmocka_unit_test(faults_are_counted),
        cmocka_unit_test(what_is_not_applied),
        cmocka_unit_test(write_and_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
