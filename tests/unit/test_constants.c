/* SPDX-License-Identifier: Apache-2.0 */
/* Layers on constants, against values worked out by hand. */
#include "tests/unit/harness.h"

static void a_linear_layer_of_constants(void **state)
{
    (void)state;
    const float x[] = {1, 2, -3, 4, 0.5f, -1}, weight[] = {2, -1, 0.25f, 8}, bias[] = {10, -10};
    const float with[] = {10, 6.25f, 0, 21.25f, 12, -17.875f};
    net n;
    float out[6];
    net_open(&n, (tm_shape){4, 4, 1});
    tm_node *rows = tm_param2(&n.b, "x", 3, 2), *matrix = tm_param2(&n.b, "weight", 2, 2);
    tm_node *node = tm_const_linear(&n.b, rows, matrix, tm_param1(&n.b, "bias", 2));
    assert_int_equal(node->rank, 2);
    assert_int_equal(node->dims[0], 3);
    assert_int_equal(node->dims[1], 2);
    assert_true(node->op->evaluate(node, (const float *[]){x, weight, bias}, 0, 3, out));
    for (int i = 0; i < 6; i++)
        assert_true(out[i] == with[i]);
    /* by rows: input 0 holds the row alone, the others are whole */
    assert_true(node->op->by_rows);
    assert_true(node->op->evaluate(node, (const float *[]){x + 2, weight, bias}, 1, 1, out));
    assert_true(out[0] == with[2] && out[1] == with[3]);
    node = tm_const_linear(&n.b, rows, matrix, NULL);
    assert_int_equal(node->input_count, 2);
    assert_true(node->op->evaluate(node, (const float *[]){x, weight}, 0, 3, out));
    for (int i = 0; i < 6; i++)
        assert_true(out[i] == with[i] - bias[i % 2]);
    net_close(&n);
}

static void a_clamp_of_constants(void **state)
{
    (void)state;
    const float x[] = {-2, -0.5f, 0, 0.5f, 7};
    const float both[] = {-1, -0.5f, 0, 0.5f, 1}, relu[] = {0, 0, 0, 0.5f, 7};
    net n;
    float out[5];
    net_open(&n, (tm_shape){4, 4, 1});
    tm_node *from = tm_param1(&n.b, "x", 5), *node = tm_const_clamp(&n.b, from, -1, 1);
    assert_true(node->op->evaluate(node, (const float *[]){x}, 0, 5, out));
    for (int i = 0; i < 5; i++)
        assert_true(out[i] == both[i]);
    node = tm_const_clamp(&n.b, from, 0, INFINITY);
    assert_true(node->op->evaluate(node, (const float *[]){x}, 0, 5, out));
    for (int i = 0; i < 5; i++)
        assert_true(out[i] == relu[i]);
    net_close(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_linear_layer_of_constants),
        cmocka_unit_test(a_clamp_of_constants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
