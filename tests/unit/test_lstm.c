/* SPDX-License-Identifier: Apache-2.0 */
/* Long short-term memory against its definition. */
#include <math.h>

#include "tests/unit/harness.h"

enum { ROWS = 5, PIXELS = 7, HIDDEN = 6, GATES = 4 * HIDDEN };

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* One pixel further: states and cells of the pixel before become its own. */
static void step(const float *x, const float *weight, double states[HIDDEN], double cells[HIDDEN])
{
    double gates[GATES];
    for (int i = 0; i < GATES; i++) {
        gates[i] = x[i];
        for (int k = 0; k < HIDDEN; k++)
            gates[i] += (double)weight[i * HIDDEN + k] * states[k];
    }
    for (int i = 0; i < HIDDEN; i++) {
        double in = sigmoid(gates[i]), forget = sigmoid(gates[HIDDEN + i]);
        cells[i] = forget * cells[i] + in * tanh(gates[2 * HIDDEN + i]);
        states[i] = sigmoid(gates[3 * HIDDEN + i]) * tanh(cells[i]);
    }
}

static void check(bool backward, int threads)
{
    net n;
    float weight[GATES * HIDDEN];
    for (int i = 0; i < GATES * HIDDEN; i++)
        weight[i] = (float)sin(0.71 * i);
    net_open(&n, (tm_shape){ROWS, PIXELS, GATES});
    tm_node *constant = tm_literal(&n.b, 2, (int64_t[]){GATES, HIDDEN}, weight);
    int tap = net_tap(&n, tm_lstm(&n.b, n.graph.input, constant, backward));
    net_plan(&n, (net_options){.max_batch = 2, .threads = threads});
    net_run(&n, 2);
    for (int row = 0; row < 2 * ROWS; row++) {
        double states[HIDDEN] = {0}, cells[HIDDEN] = {0};
        for (int i = 0; i < PIXELS; i++) {
            int t = backward ? PIXELS - 1 - i : i, picture = row / ROWS, y = row % ROWS;
            const float *x = n.pixels + (size_t)picture * n.picture;
            step(x + (y * PIXELS + t) * GATES, weight, states, cells);
            for (int c = 0; c < HIDDEN; c++)
                assert_true(fabs(net_at(&n, tap, picture, y, t, c) - states[c]) < 2e-6);
        }
    }
    net_close(&n);
}

static void remembers(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 3; threads++) {
        check(false, threads);
        check(true, threads);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(remembers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
