/* SPDX-License-Identifier: Apache-2.0 */
/* Feature maps as a picture: the layout of the values does not show. */
#include "tests/unit/harness.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/grid.h"

enum { CHANNELS = 5, HEIGHT = 6, WIDTH = 9 };

static tm_image drawn(const float *values, bool channels_last)
{
    char path[] = "/tmp/timmc-grid-XXXXXX";
    tm_error error = {0};
    tm_map map;
    tm_image image = {0};
    tm_grid_map grid = {.values = values,
                        .channels_last = channels_last,
                        .channels = CHANNELS,
                        .height = HEIGHT,
                        .width = WIDTH};
    close(mkstemp(path));
    assert_int_equal(tm_grid_write(&grid, 1, path, true, &error), TM_OK);
    assert_int_equal(tm_map_file(path, &map, &error), TM_OK);
    assert_int_equal(tm_image_decode(map.data, map.size, path, NULL, &image, &error), TM_OK);
    TM_ASSERT(tm_unmap(&map, TM_OK, NULL) == TM_OK);
    unlink(path);
    return image;
}

static void channels_first_and_last(void **state)
{
    (void)state;
    float first[CHANNELS * HEIGHT * WIDTH], last[CHANNELS * HEIGHT * WIDTH];
    for (int c = 0; c < CHANNELS; c++)
        for (int i = 0; i < HEIGHT * WIDTH; i++)
            first[c * HEIGHT * WIDTH + i] = last[i * CHANNELS + c] =
                (float)((c + 1) * (i * i % 31) - 7 * c);
    tm_image a = drawn(first, false), b = drawn(last, true);
    assert_int_equal(a.width, b.width);
    assert_int_equal(a.height, b.height);
    assert_memory_equal(a.rgb, b.rgb, 3 * (size_t)a.width * (size_t)a.height);
    tm_image_free(&a);
    tm_image_free(&b);
}

/* What is no number is black, and so is a range that is none; the rest is drawn. */
static void no_numbers(void **state)
{
    float values[CHANNELS * HEIGHT * WIDTH];
    (void)state;
    for (int i = 0; i < CHANNELS * HEIGHT * WIDTH; i++)
        values[i] = (float)(i % 7);
    values[1] = NAN;
    values[HEIGHT * WIDTH] = NAN;
    values[HEIGHT * WIDTH + 1] = INFINITY;
    values[HEIGHT * WIDTH + 2] = -INFINITY;
    if (CHANNELS > 2) {
        values[2 * HEIGHT * WIDTH] = FLT_MAX;
        values[2 * HEIGHT * WIDTH + 1] = -FLT_MAX;
    }
    tm_image image = drawn(values, false);
    const unsigned char *row = image.rgb + 3 * (size_t)image.width * 4;
    assert_int_equal(row[3 * (4 + 64 / WIDTH + 1)], 0);
    tm_image_free(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(channels_first_and_last),
                                       cmocka_unit_test(no_numbers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
