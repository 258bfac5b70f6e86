/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes of pictures in a budget of patches: timm's get_image_size_for_seq. */
#include "tests/unit/harness.h"

#include "image/image.h"

static const struct {
    int width, height, patch, most;
    int fit_width, fit_height;
} cases[] = {
    {451, 300, 16, 576, 464, 304},
    {512, 512, 16, 576, 384, 384},
    {300, 451, 16, 576, 304, 464},
    {640, 427, 16, 576, 464, 304},
    {427, 640, 16, 128, 144, 224},
    {500, 375, 16, 256, 288, 224},
    {500, 333, 16, 256, 304, 208},
    {1, 1, 16, 576, 112, 112},
    {1, 1, 16, 1, 16, 16},
    {5, 2, 16, 100, 240, 96},
    {37, 400, 16, 100, 48, 528},
    {4000, 1, 16, 576, 9216, 16},
    {1, 4000, 16, 7, 16, 112},
    {1000000, 1000000, 16, 1, 16, 16},
    {999999, 3, 16, 3, 48, 16},
    {64, 64, 16, 16, 64, 64},
    {65, 64, 16, 16, 64, 64},
    {128, 32, 16, 16, 128, 32},
    {384, 384, 16, 576, 384, 384},
    {385, 384, 16, 576, 384, 384},
    {224, 224, 14, 256, 224, 224},
    {301, 199, 32, 64, 320, 192},
    {301, 199, 14, 1023, 546, 364},
    {1920, 1080, 16, 1024, 672, 384},
    {1080, 1920, 16, 1024, 384, 672},
    {333, 500, 16, 784, 368, 544},
};

static void test_as_timm(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const tm_image image = {.width = cases[i].width, .height = cases[i].height};
        int width = 0, height = 0;
        tm_error error = {0};
        assert_int_equal(tm_image_fit_patches(&image, cases[i].patch, cases[i].most, 16384, &width,
                                              &height, &error),
                         TM_OK);
        assert_int_equal(width, cases[i].fit_width);
        assert_int_equal(height, cases[i].fit_height);
    }
}

static void test_too_large(void **state)
{
    (void)state;
    const tm_image thin = {.width = 4000, .height = 1}, huge = {.width = 2000000, .height = 1};
    int width = 0, height = 0;
    tm_error error = {0};
    assert_int_equal(tm_image_fit_patches(&thin, 16, 576, 9216, &width, &height, &error), TM_OK);
    assert_int_equal(width, 9216);
    assert_int_equal(tm_image_fit_patches(&thin, 16, 576, 9215, &width, &height, &error),
                     TM_TOO_LARGE);
    assert_string_equal(error.message, "picture of 4000 x 1 would be 9216 x 16 in at most 576 "
                                       "patches, expected sides of at most 9215");
    error = (tm_error){0};
    assert_int_equal(tm_image_fit_patches(&huge, 16, 1, 16384, &width, &height, &error),
                     TM_TOO_LARGE); /* timm raises */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_as_timm),
                                       cmocka_unit_test(test_too_large)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
