/* SPDX-License-Identifier: Apache-2.0 */
/* Operators that move values: every element of a result is one of the input, bit for bit. */
#include "tests/unit/harness.h"

static float pixel(const net *n, int picture, int y, int x, int c)
{
    tm_shape s = n->graph.input->shape;
    return n->pixels[(size_t)picture * n->picture + (size_t)((y * s.w + x) * s.c + c)];
}

static void open_and_plan(net *n, tm_shape in, tm_node *(*make)(net *), int *tap)
{
    net_open(n, in);
    *tap = net_tap(n, make(n));
    net_plan(n, (net_options){.max_batch = 2, .threads = 2, .passes = true});
    net_run(n, 2);
}

/* ---- padding ---- */

static int mirrored(int i, int size)
{
    while (i < 0 || i >= size)
        i = i < 0 ? -i : 2 * (size - 1) - i;
    return i;
}

static void padding(void **state)
{
    (void)state;
    random_state = 4;
    for (int round = 0; round < rounds(100); round++) {
        tm_shape in = {between(2, 9), between(2, 9), between(1, 20)};
        tm_pad_mode mode = coin() ? TM_PAD_ZERO : TM_PAD_REFLECT;
        int top = between(0, in.h - 1), bottom = between(0, in.h - 1);
        int left = between(0, in.w - 1), right = between(0, in.w - 1);
        net n;
        net_open(&n, in);
        int tap = net_tap(&n, tm_pad2d(&n.b, n.graph.input, top, bottom, left, right, mode));
        net_plan(&n, (net_options){.max_batch = 2, .threads = 2});
        net_run(&n, 2);
        const tm_tensor *t = &n.plan.taps[tap];
        assert_true(t->h == in.h + top + bottom && t->w == in.w + left + right && t->c == in.c);
        for (int y = 0; y < t->h; y++)
            for (int x = 0; x < t->w; x++)
                for (int c = 0; c < t->c; c++) {
                    int sy = y - top, sx = x - left;
                    bool inside = sy >= 0 && sy < in.h && sx >= 0 && sx < in.w;
                    float want = mode == TM_PAD_REFLECT
                                     ? pixel(&n, 1, mirrored(sy, in.h), mirrored(sx, in.w), c)
                                 : inside ? pixel(&n, 1, sy, sx, c)
                                          : 0.0f;
                    assert_true(net_at(&n, tap, 1, y, x, c) == want);
                }
        net_close(&n);
    }
}

/* ---- views ---- */

static tm_node *slice_of_slice(net *n)
{
    return tm_slice_c(&n->b, tm_slice_c(&n->b, n->graph.input, 3, 9), 2, 4);
}

static void slices(void **state)
{
    (void)state;
    net n;
    int tap;
    open_and_plan(&n, (tm_shape){4, 5, 14}, slice_of_slice, &tap);
    assert_int_equal(n.plan.steps.count, 0);
    for (int i = 0; i < 2; i++)
        for (int y = 0; y < 4; y++)
            for (int x = 0; x < 5; x++)
                for (int c = 0; c < 4; c++)
                    assert_true(net_at(&n, tap, i, y, x, c) == pixel(&n, i, y, x, c + 5));
    net_close(&n);
}

static tm_node *tokens_of_channels(net *n)
{
    return tm_slice_w(&n->b, tm_slice_c(&n->b, n->graph.input, 3, 6), 2, 5);
}

static void token_slices(void **state)
{
    (void)state;
    net n;
    int tap;
    open_and_plan(&n, (tm_shape){1, 9, 11}, tokens_of_channels, &tap);
    assert_int_equal(n.plan.steps.count, 0);
    for (int i = 0; i < 2; i++)
        for (int x = 0; x < 5; x++)
            for (int c = 0; c < 6; c++)
                assert_true(net_at(&n, tap, i, 0, x, c) == pixel(&n, i, 0, x + 2, c + 3));
    net_close(&n);
}

static tm_node *map_to_tokens(net *n)
{
    return tm_reshape(&n->b, n->graph.input, 1, 12, 5);
}

/* other channels: of memory without gaps still a view */
static tm_node *map_to_vector(net *n)
{
    return tm_reshape(&n->b, n->graph.input, 1, 1, 60);
}

/* tokens without the first, as a map */
static tm_node *tokens_to_map(net *n)
{
    tm_node *x = tm_reshape(&n->b, n->graph.input, 1, 12, 5);
    return tm_reshape(&n->b, tm_slice_w(&n->b, x, 3, 9), 3, 3, 5);
}

/* a slice of channels has gaps: its reshape must copy */
static tm_node *slice_to_vector(net *n)
{
    return tm_reshape(&n->b, tm_slice_c(&n->b, n->graph.input, 1, 3), 1, 1, 36);
}

static void reshapes(void **state)
{
    (void)state;
    static const struct {
        tm_node *(*make)(net *);
        int steps, first, channels, skipped; /* of each pixel: channels from `skipped` on */
    } rows[] = {{map_to_tokens, 0, 0, 5, 0},
                {map_to_vector, 0, 0, 5, 0},
                {tokens_to_map, 0, 3, 5, 0},
                {slice_to_vector, 1, 0, 3, 1}};
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        net n;
        int tap;
        open_and_plan(&n, (tm_shape){3, 4, 5}, rows[r].make, &tap);
        assert_int_equal(n.plan.steps.count, rows[r].steps);
        for (int i = 0; i < 2; i++) {
            float *got = net_read(&n, tap, i);
            size_t count = net_size(&n, tap);
            for (size_t k = 0; k < count; k++) {
                int p = rows[r].first + (int)k / rows[r].channels;
                int c = rows[r].skipped + (int)k % rows[r].channels;
                assert_true(got[k] == pixel(&n, i, p / 4, p % 4, c));
            }
            free(got);
        }
        net_close(&n);
    }
}

/* ---- concatenation ---- */

/* Parts of every kind: computed, viewed, the input itself, one used twice, a concatenation. */
static void channel_concats(void **state)
{
    (void)state;
    net n;
    net_open(&n, (tm_shape){3, 4, 6});
    tm_builder *b = &n.b;
    tm_node *x = n.graph.input, *doubled = tm_affine(b, x, 2.0f, 0.0f);
    tm_node *inner = tm_concat_c(b, 2, (tm_node *[]){tm_affine(b, x, 4.0f, 0.0f), doubled});
    tm_node *view = tm_slice_c(b, doubled, 1, 2);
    tm_node *parts[] = {x, doubled, view, inner, doubled};
    int tap = net_tap(&n, tm_concat_c(b, 5, parts)), twice = net_tap(&n, doubled);
    net_plan(&n, (net_options){.max_batch = 2, .passes = true});
    net_run(&n, 2);
    assert_int_equal(n.plan.taps[tap].c, 32);
    for (int i = 0; i < 2; i++)
        for (int y = 0; y < 3; y++)
            for (int w = 0; w < 4; w++)
                for (int c = 0; c < 32; c++) {
                    static const int begins[] = {0, 6, 12, 14, 20, 26, 32};
                    static const int from[] = {0, 0, 1, 0, 0, 0};
                    static const float scales[] = {1, 2, 2, 4, 2, 2};
                    int part = 0;
                    while (c >= begins[part + 1])
                        part++;
                    float want = scales[part] * pixel(&n, i, y, w, c - begins[part] + from[part]);
                    assert_true(net_at(&n, tap, i, y, w, c) == want);
                    if (c < 6)
                        assert_true(net_at(&n, twice, i, y, w, c) == 2 * pixel(&n, i, y, w, c));
                }
    net_close(&n);
}

/* class token and patches, with a position added: timm's way into a vision transformer */
static void token_concats(void **state)
{
    (void)state;
    net n;
    net_open(&n, (tm_shape){1, 7, 5});
    tm_builder *b = &n.b;
    tm_node *token = tm_param3(b, "cls_token", 1, 1, 5), *two = tm_param2(b, "reg", 2, 5);
    tm_node *patches = tm_affine(b, n.graph.input, 2.0f, 0.0f);
    tm_node *x = tm_concat_w(b, 4, (tm_node *[]){token, two, patches, n.graph.input});
    int raw = net_tap(&n, x);
    int moved = net_tap(&n, tm_add(b, x, tm_param3(b, "pos_embed", 1, 17, 5)));
    net_plan(&n, (net_options){.max_batch = 2, .passes = true});
    net_run(&n, 2);
    float *cls = formula_values("cls_token", 3, (int64_t[]){1, 1, 5});
    float *reg = formula_values("reg", 2, (int64_t[]){2, 5});
    float *pos = formula_values("pos_embed", 3, (int64_t[]){1, 17, 5});
    for (int i = 0; i < 2; i++)
        for (int t = 0; t < 17; t++)
            for (int c = 0; c < 5; c++) {
                float want = t == 0   ? cls[c]
                             : t < 3  ? reg[(t - 1) * 5 + c]
                             : t < 10 ? 2 * pixel(&n, i, 0, t - 3, c)
                                      : pixel(&n, i, 0, t - 10, c);
                assert_true(net_at(&n, raw, i, 0, t, c) == want);
                assert_true(net_at(&n, moved, i, 0, t, c) == want + pos[t * 5 + c]);
            }
    free(cls), free(reg), free(pos);
    net_close(&n);
}

/* ---- the rest ---- */

static void depth_of_space(void **state)
{
    (void)state;
    for (int size = 1; size <= 3; size++) {
        net n;
        net_open(&n, (tm_shape){6, 12, 5});
        int tap = net_tap(&n, tm_space_to_depth(&n.b, n.graph.input, size));
        net_plan(&n, (net_options){.max_batch = 2});
        net_run(&n, 2);
        for (int y = 0; y < 6; y++)
            for (int x = 0; x < 12; x++)
                for (int c = 0; c < 5; c++)
                    assert_true(net_at(&n, tap, 1, y / size, x / size,
                                       (y % size * size + x % size) * 5 + c) ==
                                pixel(&n, 1, y, x, c));
        net_close(&n);
    }
}

/* of a slice too, whose pixels have gaps between them */
static void transposes(void **state)
{
    (void)state;
    random_state = 9;
    for (int round = 0; round < rounds(60); round++) {
        tm_shape in = {between(1, 4), between(1, 70), between(1, round % 8 ? 70 : 1100)};
        int begin = (int)below((size_t)in.c), count = between(1, in.c - begin);
        net n;
        net_open(&n, in);
        tm_node *x = tm_slice_c(&n.b, n.graph.input, begin, count);
        int tap = net_tap(&n, tm_transpose(&n.b, x));
        net_plan(&n, (net_options){.max_batch = 2, .threads = 2, .passes = true});
        net_run(&n, 2);
        const tm_tensor *t = &n.plan.taps[tap];
        assert_true(t->h == in.h && t->w == count && t->c == in.w);
        for (int y = 0; y < in.h; y++)
            for (int w = 0; w < in.w; w++)
                for (int c = 0; c < count; c++)
                    assert_true(net_at(&n, tap, 1, y, c, w) == pixel(&n, 1, y, w, begin + c));
        net_close(&n);
    }
}

/* y of each shape that may be broadcast over x, as an activation */
static void broadcasts(void **state)
{
    (void)state;
    random_state = 6;
    for (int round = 0; round < rounds(120); round++) {
        tm_shape in = {between(1, 5), between(1, 5), between(1, 20)};
        int bits = round % 8, op = round / 8 % 3;
        tm_shape ys = {bits & 1 ? 1 : in.h, bits & 2 ? 1 : in.w, bits & 4 ? 1 : in.c};
        net n;
        net_open(&n, in);
        tm_builder *b = &n.b;
        tm_node *constant = tm_param3(b, "y", ys.h, ys.w, ys.c);
        tm_node *x = n.graph.input, *y = tm_constant_activation(b, constant, ys.h, ys.w, ys.c);
        int tap = net_tap(&n, op == 0   ? tm_add(b, x, y)
                              : op == 1 ? tm_sub(b, x, y)
                                        : tm_mul(b, x, y));
        net_plan(&n, (net_options){.max_batch = 2, .threads = 2, .isa = (tm_isa)below(3)});
        net_run(&n, 2);
        float *values = formula_values("y", 3, (int64_t[]){ys.h, ys.w, ys.c});
        for (int i = 0; i < in.h; i++)
            for (int j = 0; j < in.w; j++)
                for (int c = 0; c < in.c; c++) {
                    int at = ((bits & 1 ? 0 : i) * ys.w + (bits & 2 ? 0 : j)) * ys.c;
                    float p = pixel(&n, 1, i, j, c), q = values[at + (bits & 4 ? 0 : c)];
                    float want = op == 0 ? p + q : op == 1 ? p - q : p * q;
                    assert_true(net_at(&n, tap, 1, i, j, c) == want);
                }
        free(values);
        net_close(&n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(padding),         cmocka_unit_test(slices),
        cmocka_unit_test(token_slices),    cmocka_unit_test(reshapes),
        cmocka_unit_test(channel_concats), cmocka_unit_test(token_concats),
        cmocka_unit_test(depth_of_space),  cmocka_unit_test(transposes),
        cmocka_unit_test(broadcasts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
