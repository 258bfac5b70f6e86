/* SPDX-License-Identifier: Apache-2.0 */
/* Principal components: of rows whose directions are known. */
#include "tests/unit/harness.h"

#include <math.h>
#include <string.h>

#include "cli/pca.h"
#include "cli/pca_sheet.h"
#include "tests/unit/pixel.h"

enum { COUNT = 64, CHANNELS = 24, WAVES = 12 };

/* cos(wave * step / COUNT): over all rows these are orthogonal, of mean 0 and variance 1/2. */
static double wave(int k, int row)
{
    return cos(2 * acos(-1) * (k + 1) * row / COUNT);
}

/* Unit vectors along which the waves run: orthogonal, too, and of no two channels alone. */
static double direction(int k, int channel)
{
    return sqrt(2.0 / CHANNELS) * cos(acos(-1) * (k + 1) * (channel + 0.5) / CHANNELS);
}

/* Wave k has amplitude[k] along direction k. */
static void make_rows(const double amplitudes[WAVES], float rows[COUNT][CHANNELS])
{
    for (int i = 0; i < COUNT; i++)
        for (int c = 0; c < CHANNELS; c++) {
            double sum = 3 + c; /* the mean */
            for (int k = 0; k < WAVES; k++)
                sum += amplitudes[k] * wave(k, i) * direction(k, c);
            rows[i][c] = (float)sum;
        }
}

static double coefficient(const tm_pca *pca, int k, int channel)
{
    return pca->components[channel * TM_PCA_COMPONENTS + k];
}

/* Whichever of the waves is strongest comes first, though neighbours are nearly as strong. */
static void known_directions(void **state)
{
    const double amplitudes[WAVES] = {1, 5, 4.9, 0.5, 0.4, 10, 4.5, 4.4, 4.3, 4.2, 4.1, 4};
    const int expected[TM_PCA_COMPONENTS] = {5, 1, 2};
    float rows[COUNT][CHANNELS];
    tm_pca pca;
    (void)state;
    make_rows(amplitudes, rows);
    assert_int_equal(tm_pca_find(rows[0], COUNT, CHANNELS, &pca, NULL), TM_OK);
    for (int k = 0; k < TM_PCA_COMPONENTS; k++) {
        double a = amplitudes[expected[k]], along = 0, largest = 0;
        TM_ASSERT(fabs(pca.variances[k] - a * a / 2) < 1e-4);
        for (int c = 0; c < CHANNELS; c++) {
            double value = coefficient(&pca, k, c);
            along += value * direction(expected[k], c);
            largest = fabs(value) > fabs(largest) ? value : largest;
        }
        TM_ASSERT(fabs(fabs(along) - 1) < 1e-6);
        TM_ASSERT(largest > 0);
        double places[TM_PCA_COMPONENTS];
        tm_pca_project(&pca, rows[7], places);
        TM_ASSERT(fabs(places[k] - (along > 0 ? 1 : -1) * a * wave(expected[k], 7)) < 1e-3);
    }
    for (int c = 0; c < CHANNELS; c++)
        TM_ASSERT(fabs(pca.mean[c] - (3 + c)) < 1e-4);
    tm_pca_free(&pca);
}

/* Where rows vary in fewer directions, the others are none: 0, and no noise in their place. */
static void few_directions(void **state)
{
    float rows[COUNT][CHANNELS];
    tm_pca pca;
    (void)state;
    make_rows((double[WAVES]){0}, rows);
    for (int i = 0; i < COUNT; i++)
        rows[i][3] += (float)(i % 2);
    assert_int_equal(tm_pca_find(rows[0], COUNT, CHANNELS, &pca, NULL), TM_OK);
    TM_ASSERT(fabs(coefficient(&pca, 0, 3) - 1) < 1e-9);
    TM_ASSERT(fabs(pca.variances[0] - 0.25) < 1e-9);
    for (int k = 1; k < TM_PCA_COMPONENTS; k++) {
        TM_ASSERT(pca.variances[k] == 0);
        for (int c = 0; c < CHANNELS; c++)
            TM_ASSERT(coefficient(&pca, k, c) == 0);
    }
    tm_pca_free(&pca);
    assert_int_equal(tm_pca_find(rows[0], 1, CHANNELS, &pca, NULL), TM_OK);
    TM_ASSERT(pca.variances[0] == 0 && coefficient(&pca, 0, 3) == 0);
    tm_pca_free(&pca);
    const float narrow[] = {0, 0, 1, 2, 2, 4};
    assert_int_equal(tm_pca_find(narrow, 3, 2, &pca, NULL), TM_OK);
    TM_ASSERT(fabs(coefficient(&pca, 0, 0) - sqrt(0.2)) < 1e-9);
    TM_ASSERT(fabs(coefficient(&pca, 0, 1) - sqrt(0.8)) < 1e-9);
    tm_pca_free(&pca);
}

static tm_image drawn(const float *a, const float *b, bool channels_first)
{
    tm_pca_sheet sheet = {.columns = calloc(1, sizeof *sheet.columns), .column_count = 1};
    const float *values[] = {a, b};
    tm_image canvas;
    assert_non_null(sheet.columns);
    sheet.columns[0].name = "features.1";
    for (int i = 0; i < 2; i++) {
        tm_image picture;
        tm_pca_map map = {values[i], channels_first, 1, 2, 3};
        assert_int_equal(tm_canvas_open(&picture, 16, 16, 0x8090a0, NULL), TM_OK);
        assert_int_equal(tm_pca_sheet_add_map(&sheet, 0, &map, NULL), TM_OK);
        assert_int_equal(tm_pca_sheet_add(&sheet, "cat.png", &picture, NULL), TM_OK);
    }
    assert_int_equal(tm_pca_sheet_draw(&sheet, "resnet18", &canvas, NULL), TM_OK);
    tm_pca_sheet_free(&sheet);
    return canvas;
}

/* Of two inputs with two places each, in one direction: from the mean as far as they are apart. */
static void sheet(void **state)
{
    const float a[] = {0, 0, 0, 1, 0, 0}, b[] = {2, 0, 0, 3, 0, 0};
    const float a_first[] = {0, 1, 0, 0, 0, 0}, b_first[] = {2, 3, 0, 0, 0, 0};
    const double deviation = sqrt(1.25);
    const int top = 3 * 12 + 3 * 22, left = 12 + 224 + 12, down = 224 + 11 + 4 + 12;
    (void)state;
    tm_image canvas = drawn(a, b, false), other = drawn(a_first, b_first, true);
    assert_int_equal(canvas.width, left + 224 + 12);
    assert_int_equal(canvas.height, top + 2 * down);
    assert_memory_equal(canvas.rgb, other.rgb, 3 * (size_t)canvas.width * (size_t)canvas.height);
    for (int i = 0; i < 4; i++) {
        tm_colour red = (tm_colour)((0.5 + (i - 1.5) / deviation / 4) * 255 + 0.5);
        int x = left + (i % 2 ? 223 : 0), y = top + i / 2 * down + 112;
        assert_int_equal(at(&canvas, x, y), red << 16 | 0x8080);
    }
    assert_int_equal(at(&canvas, 12, top), 0x8090a0);
    assert_int_equal(at(&canvas, 12 + 223, top + down + 223), 0x8090a0);
    tm_image_free(&canvas);
    tm_image_free(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(known_directions),
                                       cmocka_unit_test(few_directions), cmocka_unit_test(sheet)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
