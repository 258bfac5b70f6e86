/* SPDX-License-Identifier: Apache-2.0 */
/* Products of activations, gathers, windows and folded branches against their definitions. */
#include "layers/window.h"
#include "products/panels.h"
#include "tests/unit/harness.h"

/* ---- products ---- */

static void product_is_its_definition(void **state)
{
    (void)state;
    random_state = 5;
    for (int round = 0; round < rounds(80); round++) {
        int rows = between(1, 3), m = between(1, 100), k = between(1, 40), n = between(1, 300);
        bool shared = coin();
        net t;
        net_open(&t, (tm_shape){rows, m > k ? m : k, k + n});
        /* the slices leave gaps between pixels */
        tm_node *pixels = t.graph.input, *x = tm_slice_c(&t.b, pixels, 0, k);
        if (shared)
            x = tm_constant_activation(&t.b, tm_param2(&t.b, "x", m, k), 1, m, k);
        else if (m < k && rows == 1)
            x = tm_slice_w(&t.b, x, 0, m);
        else
            m = pixels->shape.w;
        tm_node *y = tm_slice_c(&t.b, tm_affine(&t.b, pixels, 2.0f, 0.0f), k, n);
        y = tm_reshape(&t.b, y, 1, rows * pixels->shape.w, n);
        y = tm_reshape(&t.b, tm_slice_w(&t.b, y, 0, rows * k), rows, k, n);
        int left = net_tap(&t, x), right = net_tap(&t, y);
        int out = net_tap(&t, tm_matmul(&t.b, x, y));
        net_plan(&t, (net_options){.max_batch = 2, .threads = 2, .isa = (tm_isa)below(3)});
        net_run(&t, 2);
        for (int i = 0; i < rows * m * n; i++) {
            int row = i / n / m, at = i / n % m, column = i % n;
            double want = 0, size = 0;
            for (int j = 0; j < k; j++) {
                double p = (double)net_at(&t, left, 1, shared ? 0 : row, at, j) *
                           (double)net_at(&t, right, 1, row, j, column);
                want += p;
                size += fabs(p);
            }
            ASSERT_NEAR((double)net_at(&t, out, 1, row, at, column), want,
                        ROUNDING * size * (2 + sqrt(k)), "%dx%dx%d, row %d, %d, %d", m, k, n, row,
                        at, column);
        }
        net_close(&t);
    }
}

/* ---- windows ---- */

/* What is cut comes back where it was; and each window holds the pixels of the rolled map. */
static void windows_come_back(void **state)
{
    (void)state;
    random_state = 7;
    for (int round = 0; round < rounds(60); round++) {
        int h = between(1, 12), w = between(1, 12), c = between(1, 5);
        tm_window window = {.h = between(1, h), .w = between(1, w)};
        window.shift_h = between(0, window.h - 1);
        window.shift_w = between(0, window.w - 1);
        net t;
        net_open(&t, (tm_shape){h, w, c});
        tm_node *cut = tm_window_partition(&t.b, t.graph.input, window);
        int in = net_tap(&t, t.graph.input), parts = net_tap(&t, cut);
        int back = net_tap(&t, tm_window_reverse(&t.b, cut, h, w, window));
        net_plan(&t, (net_options){.max_batch = 2});
        net_run(&t, 2);
        int across = (w + window.w - 1) / window.w;
        for (int i = 0; i < cut->shape.h * cut->shape.w; i++) {
            int at = i / cut->shape.w, token = i % cut->shape.w;
            int y = at / across * window.h + token / window.w;
            int x = at % across * window.w + token % window.w;
            float want = y < h && x < w ? net_at(&t, in, 1, (y + window.shift_h) % h,
                                                 (x + window.shift_w) % w, c - 1)
                                        : 0.0f;
            assert_true(net_at(&t, parts, 1, at, token, c - 1) == want);
        }
        for (int i = 0; i < h * w * c; i++)
            assert_true(net_at(&t, back, 1, i / c / w, i / c % w, i % c) ==
                        net_at(&t, in, 1, i / c / w, i / c % w, i % c));
        net_close(&t);
    }
}

/* Two pixels of a window see each other exactly when the roll has not parted them: no edge of the
 * map lies between where they came from. */
static void mask_parts_what_the_roll_joined(void **state)
{
    (void)state;
    tm_window window = {.h = 4, .w = 3, .shift_h = 2, .shift_w = 1};
    enum { H = 8, W = 9, TOKENS = 12 };
    net t;
    net_open(&t, (tm_shape){H, W, 1});
    tm_node *mask = tm_window_mask(&t.b, H, W, window);
    int tap = net_tap(&t, tm_constant_activation(&t.b, mask, H / 4 * (W / 3), TOKENS, TOKENS));
    net_plan(&t, (net_options){0});
    net_run(&t, 1);
    for (int i = 0; i < H / 4 * (W / 3) * TOKENS * TOKENS; i++) {
        int at = i / TOKENS / TOKENS, a = i / TOKENS % TOKENS, c = i % TOKENS;
        bool wrapped[2][2];
        for (int k = 0; k < 2; k++) {
            int token = k ? c : a;
            wrapped[k][0] = at / 3 * 4 + token / 3 + window.shift_h >= H;
            wrapped[k][1] = at % 3 * 3 + token % 3 + window.shift_w >= W;
        }
        bool together = wrapped[0][0] == wrapped[1][0] && wrapped[0][1] == wrapped[1][1];
        assert_true(net_at(&t, tap, 0, at, a, c) == (together ? 0.0f : -100.0f));
    }
    net_close(&t);
    assert_null(tm_window_mask(&t.b, H, W, (tm_window){.h = 4, .w = 3}));
}

static void bias_follows_the_offset(void **state)
{
    (void)state;
    enum { H = 3, W = 2, HEADS = 2, OFFSETS = 15 };
    net t;
    net_open(&t, (tm_shape){1, 1, 1});
    tm_node *bias = tm_relative_position_bias(&t.b, tm_param2(&t.b, "table", OFFSETS, HEADS), H, W);
    int tap = net_tap(&t, tm_constant_activation(&t.b, bias, HEADS, H * W, H * W));
    net_plan(&t, (net_options){0});
    net_run(&t, 1);
    float *table = formula_values("table", 2, (int64_t[]){OFFSETS, HEADS});
    for (int i = 0; i < HEADS * H * W * H * W; i++) {
        int head = i / (H * W * H * W), a = i / (H * W) % (H * W), c = i % (H * W);
        int down = a / W - c / W + H - 1, across = a % W - c % W + W - 1;
        assert_true(net_at(&t, tap, 0, head, a, c) ==
                    table[(down * (2 * W - 1) + across) * HEADS + head]);
    }
    free(table);
    net_close(&t);
}

/* ---- branches ---- */

static void branches_add_up(void **state)
{
    (void)state;
    random_state = 11;
    for (int round = 0; round < rounds(40); round++) {
        int groups = between(1, 3), c = groups * between(1, 6), kernel = coin() ? 3 : 5;
        tm_conv conv = {.out = c, .kernel = kernel, .groups = groups}, point = conv;
        tm_norm norm = {0};
        point.kernel = coin() ? 1 : 3;
        net t;
        net_open(&t, (tm_shape){between(3, 9), between(3, 9), c});
        tm_builder *b = &t.b;
        tm_node *x = t.graph.input;
        tm_node *sum = tm_normalize(b, "bn0", tm_conv2d(b, "conv0", x, conv), norm);
        sum = tm_add(b, sum, tm_normalize(b, "bn1", tm_conv2d(b, "conv1", x, point), norm));
        sum = tm_add(b, sum, tm_normalize(b, "bn2", x, norm));
        tm_branch all = tm_conv_norm_branch(b, "conv0", "bn0", x, conv, norm);
        all = tm_add_branch(b, all, tm_conv_norm_branch(b, "conv1", "bn1", x, point, norm));
        all = tm_add_branch(b, all, tm_norm_branch(b, "bn2", x, norm));
        tm_node *one = tm_conv2d_with(b, "one", x, all.weight, all.bias, conv);
        int want = net_tap(&t, sum), got = net_tap(&t, one);
        net_plan(&t, (net_options){.passes = true});
        net_run(&t, 1);
        for (int i = 0; i < (int)net_size(&t, got); i++) {
            int at = i / c;
            ASSERT_NEAR((double)net_at(&t, got, 0, at / x->shape.w, at % x->shape.w, i % c),
                        (double)net_at(&t, want, 0, at / x->shape.w, at % x->shape.w, i % c),
                        ROUNDING * 200, "%d channels, %d groups, kernels %d and %d", c, groups,
                        kernel, point.kernel);
        }
        net_close(&t);
    }
}

/* ---- fetching ---- */

enum { PANELS_MOST = 4, ROWS_MOST = 64 };

/* How often the tiles fetch each row of the panels that follow, once for two steps of k. */
static void fetch_all(int count, int ahead, int tiles, int fetched[PANELS_MOST * ROWS_MOST])
{
    static const float panels[(PANELS_MOST + 1) * ROWS_MOST * TM_PANEL];
    size_t stride = (size_t)count * TM_PANEL;
    tm_fetch fetch = tm_fetch_from(panels, stride, (size_t)count, ahead, tiles);
    for (int tile = 0; tile < tiles; tile++) {
        const float *from = tm_fetch_next(&fetch);
        for (int k = 0; from && k < count / TM_STEPS; k++, from += fetch.step) {
            size_t row = (size_t)(from - panels) / TM_PANEL;
            assert_in_range(row, 0,
                            ahead * count + count / 8); /* a line is no whole number of steps */
            fetched[row]++;
        }
    }
}

/* Every row of every panel, where there are two tiles for each. */
static void tiles_fetch_what_follows(void **state)
{
    (void)state;
    for (int ahead = 0; ahead <= PANELS_MOST; ahead++)
        for (int tiles = 2 * ahead; tiles <= 40; tiles++)
            for (int count = 2; count < ROWS_MOST; count += 2) {
                int fetched[(PANELS_MOST + 1) * ROWS_MOST] = {0};
                fetch_all(count, ahead, tiles, fetched);
                for (int row = 0; row < ahead * count; row++)
                    assert_true(fetched[row]);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(product_is_its_definition),
        cmocka_unit_test(windows_come_back),
        cmocka_unit_test(mask_parts_what_the_roll_joined),
        cmocka_unit_test(bias_follows_the_offset),
        cmocka_unit_test(branches_add_up),
        cmocka_unit_test(tiles_fetch_what_follows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
