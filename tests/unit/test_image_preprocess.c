/* SPDX-License-Identifier: Apache-2.0 */
/* timm 1.0.31's evaluation transform. Every expected checksum is zlib's crc32 of what
 * create_transform(..., is_training=False) gives, as [height][width][channels]: the bytes of the
 * little-endian float32 tensor, or of the picture with normalize=False. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "base/little_endian.h"
#include "base/file.h"
#include "image/image.h"

#define DATA "tests/data/images/"
#define COUNT(array) (sizeof(array) / sizeof *(array))

/* clang-format off */
#define EACH(...) {(const double[]){__VA_ARGS__}, 3}
#define IMAGENET EACH(0.485, 0.456, 0.406), EACH(0.229, 0.224, 0.225)
#define HALF EACH(0.5, 0.5, 0.5), EACH(0.5, 0.5, 0.5)
#define CLIP EACH(0.48145466, 0.4578275, 0.40821073), EACH(0.26862954, 0.26130258, 0.27577711)

enum { PICTURES = 4 };
static const char *const pictures[PICTURES] = {"astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg"};

static const struct {
    const char *title;
    tm_preprocess how;
    uint32_t checksums[PICTURES];
} cases[] = {
    {"tf_efficientnet_lite0", {3, 224, 224, TM_FILTER_BICUBIC, 0.875, TM_CROP_CENTER, HALF},
     {0xa9966744, 0xa7f2547d, 0x47fb4b8a, 0x65681f94}},
    {"resnet50.a1_in1k", {3, 288, 288, TM_FILTER_BICUBIC, 0.95, TM_CROP_CENTER, IMAGENET},
     {0x6400d0f7, 0xe4abfabd, 0xe162af1a, 0x6c1362e9}},
    {"vit_base", {3, 224, 224, TM_FILTER_BICUBIC, 0.9, TM_CROP_CENTER, HALF},
     {0x9546af80, 0xad1887d7, 0x21303910, 0x3027041e}},
    {"squash", {3, 224, 224, TM_FILTER_BILINEAR, 0.9, TM_CROP_SQUASH, CLIP},
     {0x26b4af84, 0xccba12d5, 0xad77c01d, 0x17aff4ed}},
    {"squash whole", {3, 256, 256, TM_FILTER_BICUBIC, 1.0, TM_CROP_SQUASH, IMAGENET},
     {0x3a097dfa, 0x0db46176, 0xea3b3cef, 0xac0e9fc5}},
    {"border", {3, 224, 224, TM_FILTER_BICUBIC, 0.95, TM_CROP_BORDER, IMAGENET},
     {0xbe046ac4, 0xd73eab11, 0x315bcbb8, 0x944f17ba}},
    {"border wide", {3, 100, 300, TM_FILTER_LANCZOS, 1.0, TM_CROP_BORDER, HALF},
     {0x5ae9ebe8, 0xfdc4bd1b, 0x5f2d2fc6, 0x9806065e}},
    {"non-square", {3, 193, 257, TM_FILTER_BICUBIC, 0.875, TM_CROP_CENTER, IMAGENET},
     {0x22130a4f, 0xf0ad7ee8, 0x0ccc64f9, 0xabf0ff1c}},
    {"non-square tall", {3, 257, 193, TM_FILTER_HAMMING, 0.9, TM_CROP_CENTER, CLIP},
     {0xa21586c9, 0x1e6df10d, 0xf79d49ff, 0x961751df}},
    {"larger than the picture", {3, 700, 700, TM_FILTER_BILINEAR, 1.5, TM_CROP_CENTER, IMAGENET},
     {0x0ccec72e, 0x5fb42fab, 0xd31016a5, 0x67392e96}},
    {"nearest", {3, 97, 97, TM_FILTER_NEAREST, 0.9, TM_CROP_CENTER, IMAGENET},
     {0xaac2789a, 0x453586c0, 0xeece08a1, 0x9ea1647b}},
    {"box", {3, 64, 64, TM_FILTER_BOX, 1.0, TM_CROP_CENTER, IMAGENET},
     {0x7b63c086, 0x229199d9, 0x33ed2387, 0x5e3c059e}},
    {"one channel", {1, 224, 224, TM_FILTER_BICUBIC, 0.875, TM_CROP_CENTER, IMAGENET},
     {0x44c7ceb0, 0x54af7f7e, 0x1698ba32, 0x272dd59d}},
    {"one channel, border", {1, 120, 90, TM_FILTER_BILINEAR, 0.9, TM_CROP_BORDER, IMAGENET},
     {0x8d5ec87e, 0xa6f1b5a2, 0xdbbee944, 0x6f97fd71}},
};

/* Formula pictures to 48 x 64, bicubic, crop_pct 0.9, mean 0.5. */
static const struct {
    int width, height;
    uint32_t checksums[TM_CROP_COUNT]; /* center, squash, border */
} crops[] = {
    {50, 80, {0x9dc1fdab, 0x3a4b9446, 0x67779a3d}},
    {80, 50, {0x6c00f210, 0xeba3eccd, 0x5b7313e2}},
    {300, 200, {0x0e835832, 0xba51c3fb, 0xde3abc28}},
    {1, 40, {0xa9e32546, 0x7d423c1b, 0xcff49baa}},
    {33, 33, {0x2ac0c171, 0xc0e630bd, 0x5fd34ee1}},
};
/* clang-format on */

static tm_image read_picture(const char *name)
{
    char path[256];
    tm_map map;
    tm_error error = {0};
    tm_image image = {0};
    snprintf(path, sizeof path, DATA "%s", name);
    if (tm_map_file(path, &map, &error) != TM_OK ||
        tm_image_decode(map.data, map.size, path, NULL, &image, &error) != TM_OK)
        fail_msg("%s", error.message);
    TM_ASSERT(tm_unmap(&map, TM_OK, NULL) == TM_OK);
    return image;
}

static void tensors(void **state)
{
    (void)state;
    for (size_t p = 0; p < PICTURES; p++) {
        tm_image image = read_picture(pictures[p]);
        for (size_t i = 0; i < COUNT(cases); i++) {
            const tm_preprocess *how = &cases[i].how;
            size_t bytes = (size_t)how->height * (size_t)how->width * (size_t)how->channels * 4;
            float *tensor = malloc(bytes);
            assert_non_null(tensor);
            tm_error error = {0};
            if (tm_preprocess_f32(&image, how, tensor, &error) != TM_OK)
                fail_msg("%s: %s", cases[i].title, error.message);
            tm_f32_to_le(tensor, tensor, bytes / sizeof *tensor);
            uint32_t found = (uint32_t)crc32_z(0, (unsigned char *)tensor, bytes);
            if (found != cases[i].checksums[p])
                fail_msg("%s of %s: found %08x, expected %08x", cases[i].title, pictures[p], found,
                         cases[i].checksums[p]);
            free(tensor);
        }
        tm_image_free(&image);
    }
}

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

static const tm_preprocess usual = {3, 48, 64, TM_FILTER_BICUBIC, 0.9, TM_CROP_CENTER, HALF};

static void crop_modes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(crops); i++) {
        tm_image image = make_picture(crops[i].width, crops[i].height);
        for (int mode = 0; mode < TM_CROP_COUNT; mode++) {
            tm_preprocess how = usual;
            how.crop_mode = (tm_crop_mode)mode;
            tm_image out;
            tm_error error = {0};
            assert_int_equal(tm_preprocess_u8(&image, &how, &out, &error), TM_OK);
            assert_int_equal(out.width, 64);
            assert_int_equal(out.height, 48);
            uint32_t found = (uint32_t)crc32_z(0, out.rgb, 3 * 64 * 48);
            if (found != crops[i].checksums[mode])
                fail_msg("%d x %d, %s: found %08x, expected %08x", crops[i].width, crops[i].height,
                         tm_crop_mode_name((tm_crop_mode)mode), found, crops[i].checksums[mode]);
            tm_image_free(&out);
        }
        tm_image_free(&image);
    }
}

/* A strip of 1 x 20000 grows to 71 x 1,420,000; only the part that is kept is computed. */
static void thin_pictures(void **state)
{
    (void)state;
    tm_image image = make_picture(1, 20000), out;
    tm_error error = {0};
    assert_int_equal(tm_preprocess_u8(&image, &usual, &out, &error), TM_OK);
    tm_image_free(&out);
    tm_preprocess border = usual;
    border.crop_mode = TM_CROP_BORDER;
    assert_int_equal(tm_preprocess_u8(&image, &border, &out, &error), TM_UNSUPPORTED);
    assert_non_null(strstr(error.message, "1 x 20000 would be resized to 0 x 53"));
    assert_null(out.rgb);
    tm_image_free(&image);
}

static void expect_refused(tm_preprocess how, tm_status status)
{
    tm_image image = make_picture(8, 8), out;
    tm_error error = {0};
    assert_int_equal(tm_preprocess_u8(&image, &how, &out, &error), status);
    assert_int_equal(error.status, status);
    assert_null(out.rgb);
    float nothing;
    error = (tm_error){0};
    assert_int_equal(tm_preprocess_f32(&image, &how, &nothing, &error), status);
    tm_image_free(&image);
}

static void refused_settings(void **state)
{
    (void)state;
    tm_preprocess how = usual;
    how.channels = 4;
    expect_refused(how, TM_UNSUPPORTED);
    how = usual;
    how.width = 0;
    expect_refused(how, TM_USAGE);
    const double ratios[] = {0, -1, 49, NAN};
    for (size_t i = 0; i < COUNT(ratios); i++) {
        how = usual;
        how.crop_pct = ratios[i];
        expect_refused(how, TM_USAGE);
    }
    how = usual;
    how.crop_pct = 1e-9;
    expect_refused(how, TM_UNSUPPORTED);
    how = usual;
    how.std = (tm_numbers){(const double[]){0.5, 0, 0.5}, 3};
    expect_refused(how, TM_USAGE);
    how = usual;
    how.mean.count = 2; /* neither one for all nor one for each */
    expect_refused(how, TM_UNSUPPORTED);
    how.mean.count = 0;
    expect_refused(how, TM_UNSUPPORTED);
}

static void one_number_serves_all(void **state)
{
    (void)state;
    tm_image image = make_picture(40, 40);
    tm_preprocess how = usual;
    size_t count = 3 * (size_t)how.height * (size_t)how.width;
    float *three = malloc(2 * count * sizeof *three), *one = three + count;
    tm_error error = {0};
    assert_non_null(three);
    how.crop_mode = TM_CROP_BORDER;
    assert_int_equal(tm_preprocess_f32(&image, &how, three, &error), TM_OK);
    how.mean.count = how.std.count = 1;
    assert_int_equal(tm_preprocess_f32(&image, &how, one, &error), TM_OK);
    assert_memory_equal(one, three, count * sizeof *three);
    free(three);
    tm_image_free(&image);
}

static void names(void **state)
{
    (void)state;
    tm_crop_mode mode;
    for (int m = 0; m < TM_CROP_COUNT; m++) {
        assert_true(tm_crop_mode_parse(tm_crop_mode_name((tm_crop_mode)m), &mode));
        assert_int_equal(mode, m);
    }
    assert_false(tm_crop_mode_parse("centre", &mode));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors),       cmocka_unit_test(crop_modes),
        cmocka_unit_test(thin_pictures), cmocka_unit_test(refused_settings),
        cmocka_unit_test(names),         cmocka_unit_test(one_number_serves_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
