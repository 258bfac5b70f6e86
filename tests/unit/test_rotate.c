/* SPDX-License-Identifier: Apache-2.0 */
/* Rotary positions against their definition. */
#include <math.h>

#include "layers/rotary.h"
#include "tests/unit/harness.h"

enum { TOKENS = 13, HEADS = 3, D = 12 };

/* Channel c of token t, turned by the row of the table that is its own. */
static double expected(const net *n, const float *table, tm_rotation r, bool by_head, int picture,
                       int t, int c)
{
    const float *x = n->pixels + (size_t)picture * n->picture + (size_t)t * HEADS * D;
    int head = c / D, j = c % D, tokens = TOKENS - r.first;
    if (t < r.first)
        return x[c];
    const float *sines = table + ((by_head ? head * tokens : 0) + t - r.first) * D;
    int pair = r.half ? j % (D / 2) : j / 2;
    bool first = r.half ? j < D / 2 : j % 2 == 0;
    int other = r.half ? (first ? c + D / 2 : c - D / 2) : (first ? c + 1 : c - 1);
    double s = sines[pair], co = sines[D / 2 + pair];
    return first ? (double)x[c] * co - x[other] * s : (double)x[c] * co + x[other] * s;
}

static void check_rotation(bool half, bool by_head, int first)
{
    net n;
    tm_rotation r = {.heads = HEADS, .first = first, .half = half};
    int64_t rows = (by_head ? HEADS : 1) * (TOKENS - first);
    static float table[HEADS * TOKENS * D];
    for (int64_t i = 0; i < rows * D; i++)
        table[i] = (float)sin(0.37 * (double)i);
    net_open(&n, (tm_shape){1, TOKENS, HEADS * D});
    tm_node *constant = tm_literal(&n.b, 2, (int64_t[]){rows, D}, table);
    int tap = net_tap(&n, tm_rotate(&n.b, n.graph.input, constant, r));
    net_plan(&n, (net_options){.max_batch = 2, .threads = 2});
    net_run(&n, 2);
    for (int picture = 0; picture < 2; picture++)
        for (int t = 0; t < TOKENS; t++)
            for (int c = 0; c < HEADS * D; c++)
                assert_true(fabs(net_at(&n, tap, picture, 0, t, c) -
                                 expected(&n, table, r, by_head, picture, t, c)) < 1e-6);
    net_close(&n);
}

static void heads_are_turned(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        check_rotation(i & 1, i & 2, 0);
        check_rotation(i & 1, i & 2, 3);
    }
}

/* The rows of a table, as an activation of its own. */
static float *values_of(tm_node *(*make)(tm_builder *b), int rows, int columns)
{
    net n;
    net_open(&n, (tm_shape){1, 1, 1});
    int tap = net_tap(&n, tm_constant_activation(&n.b, make(&n.b), 1, rows, columns));
    net_plan(&n, (net_options){0});
    net_run(&n, 1);
    float *values = net_read(&n, tap, 0);
    net_close(&n);
    return values;
}

static tm_node *cat_table(tm_builder *b)
{
    return tm_rotary_table(b, 2, 3, 8, (tm_rotary){.temperature = 100, .offset = 1, .xy = true});
}

static tm_node *stretched_table(tm_builder *b)
{
    return tm_rotary_table(b, 2, 3, 8, (tm_rotary){.ref = 6});
}

static tm_node *dinov3_table(tm_builder *b)
{
    return tm_rotary_dinov3_table(b, 2, 3, 8, 100);
}

static void tables(void **state)
{
    (void)state;
    float *cat = values_of(cat_table, 6, 8), *stretched = values_of(stretched_table, 6, 8);
    float *centred = values_of(dinov3_table, 6, 8);
    for (int p = 0; p < 6; p++)
        for (int i = 0; i < 4; i++) {
            int y = p / 3, x = p % 3;
            double band = i % 2 ? 0.1 : 1, own = (i < 2 ? x : y) + 1;
            assert_true(fabs(cat[p * 8 + i] - sin(own * band)) < 1e-6);
            assert_true(fabs(cat[p * 8 + 4 + i] - cos(own * band)) < 1e-6);
            own = i < 2 ? y * 6 / 2.0 : x * 6 / 3.0;
            band = i % 2 ? 0.01 : 1;
            assert_true(fabs(stretched[p * 8 + i] - sin(own * band)) < 1e-6);
            own = i < 2 ? 2 * (y + 0.5) / 2 - 1 : 2 * (x + 0.5) / 3 - 1;
            band = i % 2 ? 0.1 : 1;
            assert_true(fabs(centred[p * 8 + i] - sin(2 * 3.14159265358979 * own * band)) < 1e-6);
        }
    free(cat);
    free(stretched);
    free(centred);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_are_turned),
        cmocka_unit_test(tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
