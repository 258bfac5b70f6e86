/* SPDX-License-Identifier: Apache-2.0 */
/* How a product's rows and panels are divided among units. */
#include "products/division.h"
#include "tests/unit/harness.h"

enum { MOST_ROWS = 400, MOST_PANELS = 40, MOST_GROUPS = 3 };

static tm_unit_bytes bytes_of(size_t row, size_t panel, size_t conversion)
{
    return (tm_unit_bytes){row, 256 * 1024, panel, 512 * 1024, conversion};
}

/* Every row meets every panel of every group once, and no unit is empty. */
static void check_cover(const tm_division *d, int batch)
{
    static int seen[2 * MOST_ROWS][MOST_GROUPS][MOST_PANELS];
    const tm_run_state run = {.batch = batch};
    memset(seen, 0, sizeof seen);
    for (int i = 0; i < tm_division_units(d, batch); i++) {
        tm_unit unit = tm_unit_at(d, &run, i);
        assert_true(unit.count > 0 && unit.panels > 0 && unit.last_group > unit.group);
        assert_true(unit.count <= d->block);
        for (int row = unit.first; row < unit.first + unit.count; row++)
            for (int group = unit.group; group < unit.last_group; group++)
                for (int panel = unit.panel; panel < unit.panel + unit.panels; panel++)
                    seen[unit.n * d->rows + row][group][panel]++;
    }
    for (int row = 0; row < batch * d->rows; row++)
        for (int group = 0; group < d->groups; group++)
            for (int panel = 0; panel < d->panels; panel++)
                assert_int_equal(seen[row][group][panel], 1);
}

static void units_cover_all(void **state)
{
    (void)state;
    random_state = 11;
    for (int round = 0; round < rounds(200); round++) {
        tm_division d = {.rows = between(1, MOST_ROWS),
                         .run = coin(),
                         .by_rows = coin(),
                         .grain = between(1, 10),
                         .panels = between(1, MOST_PANELS),
                         .groups = between(1, MOST_GROUPS),
                         .group_step = 1};
        size_t row = (size_t)between(16, 16384), conversion = coin() ? 8 * row : 0;
        const tm_unit_bytes bytes = bytes_of(row, 16 * row, conversion);
        tm_division_fit(&d, &bytes, between(1, 4));
        check_cover(&d, 1);
        check_cover(&d, 2);
    }
}

/* ViT-B's fc2: blocks of rows pass by weights that do not fit. */
static tm_division fit_fc2(size_t conversion, int threads)
{
    tm_division d = {.rows = 197, .grain = 8, .panels = 48, .groups = 1, .group_step = 1};
    const tm_unit_bytes bytes = bytes_of(3072, 16 * 3072, conversion);
    tm_division_fit(&d, &bytes, threads);
    return d;
}

static void one_thread_converts_a_row_once(void **state)
{
    (void)state;
    assert_true(fit_fc2(0, 1).chunk < 48);
    tm_division d = fit_fc2(8 * 3072, 1);
    assert_int_equal(d.chunk, 48);
    assert_true(d.block < 197);
}

/* The dearer a conversion is, the fewer units share a row; all threads have work. */
static void threads_weigh_conversions(void **state)
{
    (void)state;
    tm_division cheap = fit_fc2(1, 2), dear = fit_fc2(1000 * 3072, 2);
    assert_true(cheap.chunk < 48);
    assert_int_equal(dear.chunk, 48);
    assert_true(dear.block < cheap.block);
    assert_true(tm_division_units(&cheap, 1) >= 8);
    assert_true(tm_division_units(&dear, 1) >= 8);
}

/* 36 panels as 12 units of 3 for two threads, not as 7 of 5 and one of 1. */
static void no_thread_has_much_more(void **state)
{
    (void)state;
    tm_division d = {.rows = 196, .grain = 8, .panels = 36, .groups = 1, .group_step = 1};
    const tm_unit_bytes bytes = bytes_of(1024, 16384, 0);
    tm_division_fit(&d, &bytes, 2);
    assert_int_equal(d.panels % d.chunk, 0);
    assert_int_equal(tm_division_units(&d, 1) % 2, 0);
    d.block = d.rows;
    assert_true(fabs(tm_division_unevenness(&d, 2) - 1) < 1e-9);
    d.chunk = 5;
    assert_true(fabs(tm_division_unevenness(&d, 2) - 40.0 / 36) < 1e-9);
}

/* Few rows and few panels: as many units as there are, none of them tiny. */
static void small_products_have_few_units(void **state)
{
    (void)state;
    tm_division d = {.rows = 30, .grain = 8, .panels = 4, .groups = 1, .group_step = 1};
    const tm_unit_bytes bytes = bytes_of(64, 1024, 512);
    tm_division_fit(&d, &bytes, 4);
    assert_int_equal(tm_division_units(&d, 1), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_cover_all),
        cmocka_unit_test(one_thread_converts_a_row_once),
        cmocka_unit_test(threads_weigh_conversions),
        cmocka_unit_test(no_thread_has_much_more),
        cmocka_unit_test(small_products_have_few_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
