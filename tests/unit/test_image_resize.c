/* SPDX-License-Identifier: Apache-2.0 */
/* Resizing. Every expected checksum is zlib's crc32 of the RGB rows of Pillow 13.0.0's resize. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "image/image.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Waves of every length, and steps from 255 to 0 that overshoot. */
static tm_image make_picture(int width, int height)
{
    tm_image image = {.width = width, .height = height};
    unsigned char *to = image.rgb = malloc(3 * (size_t)width * (size_t)height);
    assert_non_null(to);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < 3; c++)
                *to++ = (unsigned char)(3 * x * x + 5 * y * y + 7 * x * y + 85 * c + 11 * (x ^ y));
    return image;
}

/* clang-format off */
static const struct {
    int width, height, to_width, to_height;
    uint32_t checksums[TM_FILTER_COUNT]; /* nearest, box, bilinear, hamming, bicubic, lanczos */
} cases[] = {
    {64, 48, 64, 48, {0xfd9fab6a, 0xfd9fab6a, 0xfd9fab6a, 0xfd9fab6a, 0xfd9fab6a, 0xfd9fab6a}},
    {64, 48, 32, 24, {0x321b0c54, 0x9e3c84df, 0x9fb2a347, 0xdeb6ef1e, 0xf4861ca9, 0x7e1b4994}},
    {64, 48, 31, 17, {0xa93b110d, 0xc198630c, 0x3b67d992, 0xb62663c7, 0x74ac4665, 0x81dd7733}},
    {64, 48, 150, 101, {0x439e7e4d, 0x7e5632c2, 0xeb762d85, 0x3255a3a3, 0xcd2ffb1a, 0x4670c481}},
    {37, 53, 53, 37, {0xbeb34cca, 0x31901269, 0xdaffc193, 0x5fc82b8c, 0xdd77cc8c, 0x6d4c9e07}},
    {37, 53, 37, 20, {0x7807dd05, 0x50f132b0, 0x7ba8a3b8, 0xddecfac8, 0x117fadca, 0x0f35ba8b}},
    {37, 53, 90, 53, {0x8ebe9b1e, 0x8ebe9b1e, 0x4cc1d329, 0xce70e7be, 0x2662887e, 0xfb79f480}},
    {5, 90, 11, 7, {0x8f9a7f61, 0xfacbd4f2, 0xdb06831a, 0x1cad62dd, 0xcd0ded75, 0xf55b507c}},
    {90, 5, 7, 11, {0x6e7ad015, 0x17ad20ff, 0x0e371939, 0x4730bba3, 0x723e6c69, 0x94ffabf7}},
    {1, 1, 9, 4, {0xdcc24ef2, 0xdcc24ef2, 0xdcc24ef2, 0xdcc24ef2, 0xdcc24ef2, 0xdcc24ef2}},
    {50, 41, 1, 1, {0x5850afe1, 0xfc560735, 0xe6c9e21a, 0x91ced28c, 0xe48f5c43, 0xe48f5c43}},
    {300, 7, 3, 7, {0x9d58cc7a, 0x1aa615ed, 0x3ca53e9e, 0x81dc9562, 0x301c3873, 0x0cab2e8c}},
    /* 21 rows less for 10 columns less: down first; 20 rows less: across first */
    {60, 90, 50, 69, {0x8b0994a7, 0xc0af08ca, 0x0ac6a812, 0x9751ff32, 0x7bf7984d, 0x3c24e577}},
    {60, 90, 50, 70, {0x81723e12, 0x11521471, 0xb6bb0df5, 0x3562a1ed, 0x507a40ff, 0x5d6d4ef6}},
};
/* clang-format on */

static void sizes_and_filters(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        tm_image in = make_picture(cases[i].width, cases[i].height);
        for (int f = 0; f < TM_FILTER_COUNT; f++) {
            tm_image out;
            tm_error error = {0};
            if (tm_image_resize(&in, cases[i].to_width, cases[i].to_height, (tm_filter)f, &out,
                                &error) != TM_OK)
                fail_msg("%s", error.message);
            assert_int_equal(out.width, cases[i].to_width);
            assert_int_equal(out.height, cases[i].to_height);
            uint32_t found =
                (uint32_t)crc32_z(0, out.rgb, 3 * (size_t)out.width * (size_t)out.height);
            if (found != cases[i].checksums[f])
                fail_msg("%d x %d to %d x %d, %s: found %08x, expected %08x", cases[i].width,
                         cases[i].height, out.width, out.height, tm_filter_name((tm_filter)f),
                         found, cases[i].checksums[f]);
            tm_image_free(&out);
        }
        tm_image_free(&in);
    }
}

static void extreme_ratios(void **state)
{
    (void)state;
    tm_image in = make_picture(5000, 2), out;
    memset(in.rgb, 200, 3 * 5000 * 2);
    for (int f = 0; f < TM_FILTER_COUNT; f++) {
        tm_error error = {0};
        assert_int_equal(tm_image_resize(&in, 1, 3000, (tm_filter)f, &out, &error), TM_OK);
        for (int i = 0; i < 3 * 3000; i++)
            assert_int_equal(out.rgb[i], 200);
        tm_image_free(&out);
    }
    tm_image_free(&in);
}

static void refused_sizes(void **state)
{
    (void)state;
    tm_image in = make_picture(2, 2), out;
    tm_error error = {0};
    assert_int_equal(tm_image_resize(&in, 0, 4, TM_FILTER_BOX, &out, &error), TM_USAGE);
    assert_null(out.rgb);
    error = (tm_error){0};
    assert_int_equal(tm_image_resize(&in, 4, -1, TM_FILTER_NEAREST, &out, &error), TM_USAGE);
    assert_null(out.rgb);
    tm_image_free(&in);
}

static void names(void **state)
{
    (void)state;
    tm_filter filter;
    for (int f = 0; f < TM_FILTER_COUNT; f++) {
        assert_true(tm_filter_parse(tm_filter_name((tm_filter)f), &filter));
        assert_int_equal(filter, f);
    }
    assert_true(tm_filter_parse("random", &filter));
    assert_int_equal(filter, TM_FILTER_BILINEAR);
    assert_false(tm_filter_parse("Bicubic", &filter));
    assert_false(tm_filter_parse("", &filter));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_and_filters),
        cmocka_unit_test(extreme_ratios),
        cmocka_unit_test(refused_sizes),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
