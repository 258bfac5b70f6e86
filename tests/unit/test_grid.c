/* SPDX-License-Identifier: Apache-2.0 */
/* Feature maps as a picture: where things are, and that the layout of the values does not show. */
#include "tests/unit/harness.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "cli/grid.h"
#include "tests/unit/pixel.h"

enum {
    CHANNELS = 5,
    HEIGHT = 6,
    WIDTH = 9,
    TIMES = 12,          /* of a pixel: 112 / 9 */
    LEFT = 224 + 3 * 12, /* of the first tile */
    TOP = 12 + 2 * 11 + 4,
    NEXT = WIDTH * TIMES + 4
};

static tm_grid_map map_of(const float *values, bool channels_last)
{
    return (tm_grid_map){.values = values,
                         .channels_last = channels_last,
                         .channels = CHANNELS,
                         .height = HEIGHT,
                         .width = WIDTH,
                         .title = "features.1  [1,5,6,9]"};
}

static tm_image drawn(const tm_grid_map *maps, size_t count)
{
    tm_error error = {0};
    tm_image picture, canvas;
    assert_int_equal(tm_canvas_open(&picture, 32, 32, 0x8090a0, &error), TM_OK);
    const tm_grid_input input = {&picture, "cat.png", "resnet18.a1_in1k"};
    assert_int_equal(tm_grid_draw(&input, maps, count, &canvas, &error), TM_OK);
    tm_image_free(&picture);
    return canvas;
}

static void channels_first_and_last(void **state)
{
    float first[CHANNELS * HEIGHT * WIDTH], last[CHANNELS * HEIGHT * WIDTH];
    (void)state;
    for (int c = 0; c < CHANNELS; c++)
        for (int i = 0; i < HEIGHT * WIDTH; i++)
            first[c * HEIGHT * WIDTH + i] = last[i * CHANNELS + c] =
                (float)((c + 1) * (i * i % 31) - 7 * c);
    tm_grid_map maps[] = {map_of(first, false), map_of(last, true)};
    tm_image a = drawn(&maps[0], 1), b = drawn(&maps[1], 1);
    assert_int_equal(a.width, b.width);
    assert_int_equal(a.height, b.height);
    assert_memory_equal(a.rgb, b.rgb, 3 * (size_t)a.width * (size_t)a.height);
    tm_image_free(&a);
    tm_image_free(&b);
}

/* The picture, tiles of whole pixels each from its own least to its greatest value, and a second
 * band below. */
static void places(void **state)
{
    float values[CHANNELS * HEIGHT * WIDTH];
    (void)state;
    for (int i = 0; i < CHANNELS * HEIGHT * WIDTH; i++)
        values[i] = (float)i;
    tm_grid_map maps[] = {map_of(values, false), map_of(values, false)};
    tm_image canvas = drawn(maps, 2);
    assert_int_equal(at(&canvas, 12, 12), 0x8090a0);
    assert_int_equal(at(&canvas, 12 + 223, 12 + 223), 0x8090a0);
    for (int c = 0; c < CHANNELS; c++) {
        int left = LEFT + c * NEXT;
        assert_int_equal(at(&canvas, left, TOP), 0x440154);
        assert_int_equal(at(&canvas, left + TIMES, TOP), tm_viridis(1 / 53.0));
        assert_int_equal(at(&canvas, left + WIDTH * TIMES - 1, TOP + HEIGHT * TIMES - 1), 0xfde725);
        assert_int_equal(at(&canvas, left + WIDTH * TIMES, TOP), at(&canvas, 0, 0));
    }
    int below = TOP + HEIGHT * TIMES + 4 + 12 + 2 * 11 + 4;
    assert_int_equal(at(&canvas, LEFT, below), 0x440154);
    assert_int_equal(at(&canvas, LEFT, below - 1), at(&canvas, 0, 0));
    tm_image_free(&canvas);
}

/* What is no number is black, a range that is none is its least; the rest is drawn. */
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
    values[2 * HEIGHT * WIDTH] = FLT_MAX;
    values[2 * HEIGHT * WIDTH + 1] = -FLT_MAX;
    for (int i = 0; i < HEIGHT * WIDTH; i++)
        values[3 * HEIGHT * WIDTH + i] = NAN;
    tm_grid_map map = map_of(values, false);
    tm_image canvas = drawn(&map, 1);
    assert_int_equal(at(&canvas, LEFT, TOP), 0x440154);
    assert_int_equal(at(&canvas, LEFT + TIMES, TOP), 0);
    assert_int_equal(at(&canvas, LEFT + NEXT + TIMES, TOP), 0);
    assert_int_equal(at(&canvas, LEFT + 2 * NEXT, TOP), 0xfde725);
    assert_int_equal(at(&canvas, LEFT + 2 * NEXT + TIMES, TOP), 0x440154);
    assert_int_equal(at(&canvas, LEFT + 3 * NEXT, TOP), 0);
    tm_image_free(&canvas);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(channels_first_and_last),
                                       cmocka_unit_test(places), cmocka_unit_test(no_numbers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
