/* SPDX-License-Identifier: Apache-2.0 */
/* Drawing: what is where on a canvas. */
#include "tests/unit/harness.h"

#include <math.h>
#include <string.h>

#include "image/canvas.h"
#include "tests/unit/pixel.h"

#define INK ((tm_colour)0xffffff)

static tm_image opened(int width, int height)
{
    tm_image canvas;
    assert_int_equal(tm_canvas_open(&canvas, width, height, 0x102030, NULL), TM_OK);
    return canvas;
}

/* Pixels of ink in a box. */
static int ink(const tm_image *canvas, int x, int y, int width, int height)
{
    int count = 0;
    for (int i = 0; i < height; i++)
        for (int k = 0; k < width; k++)
            count += at(canvas, x + k, y + i) == INK;
    return count;
}

static void areas(void **state)
{
    tm_image canvas = opened(8, 6);
    tm_error error = {0};
    (void)state;
    assert_int_equal(at(&canvas, 7, 5), 0x102030);
    tm_canvas_fill(&canvas, (tm_box){6, 4, 10, 10}, INK); /* as far as there is a canvas */
    tm_canvas_fill(&canvas, (tm_box){-3, -3, 4, 4}, 0xa0b0c0);
    assert_int_equal(ink(&canvas, 0, 0, 8, 6), 4);
    assert_int_equal(at(&canvas, 0, 0), 0xa0b0c0);
    assert_int_equal(at(&canvas, 1, 0), 0x102030);
    tm_image_free(&canvas);
    assert_int_equal(tm_canvas_open(&canvas, 0, 5, 0, &error), TM_USAGE);
    assert_null(canvas.rgb);
}

static void boxes(void **state)
{
    (void)state;
    tm_box wide = tm_box_fit((tm_box){10, 20, 100, 100}, 200, 50);
    assert_int_equal(wide.x, 10);
    assert_int_equal(wide.y, 20 + 37);
    assert_int_equal(wide.width, 100);
    assert_int_equal(wide.height, 25);
    tm_box thin = tm_box_fit((tm_box){0, 0, 100, 100}, 1, 5000);
    assert_int_equal(thin.width, 1);
    assert_int_equal(thin.height, 100);
}

static void pictures(void **state)
{
    tm_image canvas = opened(20, 20), picture;
    (void)state;
    assert_int_equal(tm_canvas_open(&picture, 40, 20, 0xff8000, NULL), TM_OK);
    assert_int_equal(tm_canvas_picture(&canvas, (tm_box){0, 0, 20, 20}, &picture, NULL), TM_OK);
    assert_int_equal(at(&canvas, 0, 4), 0x102030);
    assert_int_equal(at(&canvas, 0, 5), 0xff8000);
    assert_int_equal(at(&canvas, 19, 14), 0xff8000);
    assert_int_equal(at(&canvas, 19, 15), 0x102030);
    tm_image_free(&picture);
    tm_image_free(&canvas);
}

/* matplotlib's colours at its own places, and between two of them. */
static void colours(void **state)
{
    (void)state;
    assert_int_equal(tm_viridis(0), 0x440154);
    assert_int_equal(tm_viridis(-1), 0x440154);
    assert_int_equal(tm_viridis(1), 0xfde725);
    assert_int_equal(tm_viridis(INFINITY), 0xfde725);
    assert_int_equal(tm_viridis(NAN), 0);
    assert_int_equal(tm_viridis(125 / 255.0), 0x218e8d);
    assert_int_equal(tm_viridis(5.0 / 255 / 2), 0x450558);
}

static void planes(void **state)
{
    const float values[] = {1, 9, 2, 9, NAN, 9, 3, 9}; /* every second */
    tm_plane plane = {.values = values, .height = 2, .width = 2, .row = 4, .step = 2};
    tm_image canvas = opened(8, 8);
    (void)state;
    tm_plane_measure(&plane);
    assert_true(plane.least == 1 && plane.most == 3);
    tm_canvas_plane(&canvas, (tm_box){1, 1, 6, 6}, &plane);
    assert_int_equal(at(&canvas, 1, 1), 0x440154);
    assert_int_equal(at(&canvas, 3, 3), 0x440154);
    assert_int_equal(at(&canvas, 4, 3), tm_viridis(0.5));
    assert_int_equal(at(&canvas, 6, 6), 0xfde725);
    assert_int_equal(at(&canvas, 1, 6), 0); /* no number */
    assert_int_equal(at(&canvas, 7, 6), 0x102030);
    tm_image_free(&canvas);
}

/* Where there are fewer pixels than numbers, their mean; a range that is none is its least. */
static void small_planes(void **state)
{
    float values[16], same[4] = {5, 5, 5, 5};
    tm_image canvas = opened(2, 2);
    (void)state;
    for (int i = 0; i < 16; i++)
        values[i] = (float)i;
    tm_plane plane = {.values = values, .height = 4, .width = 4, .row = 4, .step = 1};
    tm_plane_measure(&plane);
    tm_canvas_plane(&canvas, (tm_box){0, 0, 2, 2}, &plane);
    assert_int_equal(at(&canvas, 0, 0), tm_viridis((0 + 1 + 4 + 5) / 4.0 / 15));
    assert_int_equal(at(&canvas, 1, 1), tm_viridis((10 + 11 + 14 + 15) / 4.0 / 15));
    plane = (tm_plane){.values = same, .height = 2, .width = 2, .row = 2, .step = 1};
    tm_plane_measure(&plane);
    tm_canvas_plane(&canvas, (tm_box){0, 0, 2, 2}, &plane);
    assert_int_equal(at(&canvas, 1, 0), 0x440154);
    tm_image_free(&canvas);
}

/* Half of what was there, in gray; the middle of four numbers is their mean. */
static void veils(void **state)
{
    const float values[] = {0, 1, 1, 2};
    tm_plane plane = {.values = values, .height = 2, .width = 2, .row = 2, .step = 1};
    tm_image canvas;
    (void)state;
    assert_int_equal(tm_canvas_open(&canvas, 5, 5, 0, NULL), TM_OK);
    tm_plane_measure(&plane);
    tm_canvas_veil(&canvas, (tm_box){0, 0, 5, 5}, &plane);
    tm_colour middle = tm_viridis(0.5);
    assert_in_range(at(&canvas, 2, 2) >> 8 & 255, (middle >> 8 & 255) / 2,
                    (middle >> 8 & 255) / 2 + 1);
    assert_int_equal(at(&canvas, 0, 0), 0x22012a);
    assert_int_equal(at(&canvas, 4, 4) >> 16, (0xfd + 1) / 2);
    tm_canvas_fill(&canvas, (tm_box){0, 0, 5, 5}, 0xff0000);
    tm_canvas_veil(&canvas, (tm_box){0, 0, 9, 5}, &plane);
    assert_int_equal(at(&canvas, 0, 0) >> 8 & 255, (0x01 + 76 + 1) / 2);
    tm_image_free(&canvas);
}

/* What is left stays where it was. */
static void cuts(void **state)
{
    tm_image canvas = opened(7, 5);
    (void)state;
    tm_canvas_put(&canvas, 2, 3, INK);
    tm_canvas_put(&canvas, 5, 3, INK);
    tm_canvas_cut(&canvas, 4, 4);
    assert_true(canvas.width == 4 && canvas.height == 4);
    assert_int_equal(at(&canvas, 2, 3), INK);
    assert_int_equal(ink(&canvas, 0, 0, 4, 4), 1);
    tm_image_free(&canvas);
}

/* ---- text ---- */

enum { CELL = TM_TEXT_STEP, ROW = TM_TEXT_LINE };

static tm_image written(int scale, int columns, const char *text)
{
    tm_image canvas = opened(40 * CELL * scale, 4 * ROW * scale);
    tm_canvas_text(&canvas, 0, 0, scale, columns, INK, text);
    return canvas;
}

/* Characters that differ look different, and none is without ink but the space. */
static void all_characters(void **state)
{
    (void)state;
    for (int c = ' '; c < 127; c++) {
        char text[2] = {(char)c, '\0'};
        tm_image a = written(1, 1, text);
        assert_true((ink(&a, 0, 0, CELL, ROW) > 0) == (c != ' '));
        assert_int_equal(ink(&a, CELL - 1, 0, 1, ROW) + ink(&a, 0, ROW - 2, CELL, 2), 0);
        for (int d = ' '; d < c; d++) {
            char other[2] = {(char)d, '\0'};
            tm_image b = written(1, 1, other);
            assert_true(memcmp(a.rgb, b.rgb, 3 * (size_t)a.width * (size_t)a.height) != 0);
            tm_image_free(&b);
        }
        tm_image_free(&a);
    }
}

static void scales(void **state)
{
    (void)state;
    tm_image one = written(1, 9, "Ag"), three = written(3, 9, "Ag");
    assert_int_equal(9 * ink(&one, 0, 0, one.width, one.height),
                     ink(&three, 0, 0, three.width, three.height));
    tm_image_free(&one);
    tm_image_free(&three);
}

static void same_picture(const char *text, int columns, const char *expected)
{
    tm_image a = written(1, columns, text), b = written(1, 40, expected);
    assert_memory_equal(a.rgb, b.rgb, 3 * (size_t)a.width * (size_t)a.height);
    tm_image_free(&a);
    tm_image_free(&b);
}

/* A box is one character, whatever its bytes; \x7f is drawn as one. */
static void other_characters(void **state)
{
    (void)state;
    same_picture("a\xc3\xa4z", 9, "a\x7fz");
    same_picture("a\xf0\x9f\x90\x88z", 9, "a\x7fz");
    same_picture("a\x1b[31mz", 9, "a\x7f[31mz");
    same_picture("a\xffz", 9, "a\x7fz");
    tm_image box = written(1, 1, "\xff");
    assert_int_equal(ink(&box, 0, 0, CELL, ROW), 2 * 5 + 2 * 5);
    tm_image_free(&box);
}

static void long_texts(void **state)
{
    (void)state;
    same_picture("Egyptian cat", 12, "Egyptian cat");
    same_picture("Egyptian cat", 11, "Egyptian...");
    same_picture("Egyptian", 2, "..");
}

static int lines_of(const char *text, int columns, int lines, tm_image *canvas)
{
    *canvas = opened(40 * CELL, 4 * ROW);
    return tm_canvas_lines(canvas, 0, 0, 1, columns, lines, INK, text);
}

static void same_lines(const char *text, int columns, int most, const char *const *expected,
                       int count)
{
    tm_image a, b = opened(40 * CELL, 4 * ROW);
    assert_int_equal(lines_of(text, columns, most, &a), count);
    for (int i = 0; i < count; i++)
        tm_canvas_text(&b, 0, i * ROW, 1, 40, INK, expected[i]);
    assert_memory_equal(a.rgb, b.rgb, 3 * (size_t)a.width * (size_t)a.height);
    tm_image_free(&a);
    tm_image_free(&b);
}

static void lines(void **state)
{
    (void)state;
    same_lines("", 10, 3, NULL, 0);
    same_lines("tiger cat", 9, 2, (const char *[]){"tiger cat"}, 1);
    same_lines("golden retriever", 10, 2, (const char *[]){"golden", "retriever"}, 2);
    same_lines("golden retriever", 6, 2, (const char *[]){"golden", "ret..."}, 2);
    same_lines("abcdefgh", 3, 4, (const char *[]){"abc", "def", "gh"}, 3);
    same_lines("tf_efficientnet_lite0.in1k", 16, 3,
               (const char *[]){"tf_efficientnet_", "lite0.in1k"}, 2);
    same_lines("one two three four", 5, 3, (const char *[]){"one", "two", "th..."}, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(areas),
        cmocka_unit_test(boxes),
        cmocka_unit_test(pictures),
        cmocka_unit_test(colours),
        cmocka_unit_test(planes),
        cmocka_unit_test(small_planes),
        cmocka_unit_test(veils),
        cmocka_unit_test(cuts),
        cmocka_unit_test(all_characters),
        cmocka_unit_test(scales),
        cmocka_unit_test(other_characters),
        cmocka_unit_test(long_texts),
        cmocka_unit_test(lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
