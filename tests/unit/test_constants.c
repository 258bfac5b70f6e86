/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic on constants, against its definition. */
#include <math.h>

#include "tests/unit/harness.h"

static const float values[] = {-3.0f, -0.5f, 0.0f, 0.25f, 4.6f, 9.0f};
enum { COUNT = sizeof values / sizeof *values };

static tm_node *literal(net *n, int64_t rows, int64_t columns, const float *data)
{
    return tm_literal(&n->b, 2, (int64_t[]){rows, columns}, data);
}

/* The constant [rows, columns], computed at load. */
static float *evaluated(net *n, tm_node *x, int rows, int columns)
{
    int tap = net_tap(n, tm_constant_activation(&n->b, x, 1, rows, columns));
    net_plan(n, (net_options){.max_batch = 1});
    net_run(n, 1);
    return net_read(n, tap, 0);
}

static void activations(void **state)
{
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        net n;
        net_open(&n, (tm_shape){1, 1, 1});
        tm_node *x = literal(&n, 1, COUNT, values);
        x = kind ? tm_const_sigmoid(&n.b, x) : tm_const_clamp(&n.b, x, -1.5f, 4.5f);
        float *got = evaluated(&n, x, 1, COUNT);
        for (int i = 0; i < COUNT; i++) {
            double v = values[i];
            double want = kind ? 1 / (1 + exp(-v)) : fmin(fmax(v, -1.5), 4.5);
            assert_true(got[i] == (float)want);
        }
        free(got);
        net_close(&n);
    }
}

/* Of rows: what is far below the largest is 0, not a subnormal number. */
static void softmax_of_rows(void **state)
{
    (void)state;
    static const float x[] = {1, 3, 2, -300, 5, 5, -64, 5.5f};
    net n;
    net_open(&n, (tm_shape){1, 1, 1});
    float *got = evaluated(&n, tm_const_softmax(&n.b, literal(&n, 2, 4, x)), 2, 4);
    for (int i = 0; i < 8; i++) {
        const float *row = x + i / 4 * 4;
        double sum = 0, most = i < 4 ? 3 : 5.5;
        for (int j = 0; j < 4; j++)
            sum += exp(row[j] - most);
        ASSERT_NEAR(got[i], exp(x[i] - most) / sum, 1e-7 * exp(x[i] - most) + 1e-30, "element %d",
                    i);
    }
    assert_true(got[3] == 0 && got[6] > 0);
    free(got);
    net_close(&n);
}

/* x [3, 2], weight [4, 2] or [4, 2, 1, 1], with and without bias [4] */
static void linear_layers(void **state)
{
    (void)state;
    static const float weight[] = {1, 2, 3, 4, -5, 6, 0.5f, -7}, bias[] = {1, -1, 0.5f, 100};
    for (int kind = 0; kind < 4; kind++) {
        bool has_bias = kind & 1, convolution = kind & 2;
        net n;
        net_open(&n, (tm_shape){1, 1, 1});
        tm_node *w = tm_literal(&n.b, convolution ? 4 : 2, (int64_t[]){4, 2, 1, 1}, weight);
        tm_node *shift = has_bias ? tm_literal(&n.b, 1, (int64_t[]){4}, bias) : NULL;
        tm_node *y = tm_const_linear(&n.b, literal(&n, 3, 2, values), w, shift);
        assert_true(y->rank == 2 && y->dims[0] == 3 && y->dims[1] == 4);
        float *got = evaluated(&n, y, 3, 4);
        for (int i = 0; i < 3; i++)
            for (int o = 0; o < 4; o++) {
                double want = (double)values[2 * i] * weight[2 * o] +
                              (double)values[2 * i + 1] * weight[2 * o + 1] +
                              (has_bias ? bias[o] : 0);
                ASSERT_NEAR(got[i * 4 + o], want, 1e-6 * (1 + fabs(want)), "row %d, output %d", i,
                            o);
            }
        free(got);
        net_close(&n);
    }
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
        cmocka_unit_test(activations),
        cmocka_unit_test(softmax_of_rows),
        cmocka_unit_test(linear_layers),
        cmocka_unit_test(a_clamp_of_constants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
