/* SPDX-License-Identifier: Apache-2.0 */
/* Products of bytes as layers: near float32, the same bits however they are computed, and no number
 * that is none is lost in them. */
#include "products/product.h"
#include "tests/unit/harness.h"

#define BEST ((tm_isa)(TM_ISA_COUNT - 1))

enum { PICTURES = 3 };

typedef struct layer {
    const char *name;
    tm_shape in;
    tm_conv conv;
    bool residual;
    tm_act_kind act;
} layer;

/* all kinds of windows, rows and tails */
static const layer layers[] = {
    {"pointwise", {13, 11, 40}, {.out = 72, .kernel = 1, .bias = true}, false, TM_ACT_RELU},
    {"odd channels", {16, 16, 37}, {.out = 58, .kernel = 1, .bias = true}, true, TM_ACT_NONE},
    {"3x3", {14, 13, 32}, {.out = 48, .kernel = 3, .bias = true}, true, TM_ACT_RELU6},
    {"3x3, odd channels", {9, 12, 21}, {.out = 130, .kernel = 3}, false, TM_ACT_NONE},
    {"first, 7x7", {20, 22, 3}, {.out = 64, .kernel = 7, .stride = 2}, false, TM_ACT_RELU},
    {"stride 2", {15, 14, 24}, {.out = 64, .kernel = 3, .stride = 2}, false, TM_ACT_SILU},
    {"dilated", {15, 14, 24}, {.out = 33, .kernel = 3, .dilation = 2}, false, TM_ACT_NONE},
    {"5x5 same",
     {14, 14, 20},
     {.out = 32, .kernel = 5, .stride = 2, .padding = TM_PAD_SAME},
     false,
     TM_ACT_RELU},
    {"patches",
     {16, 16, 18},
     {.out = 96, .kernel = 4, .stride = 4, .padding = TM_PAD_VALID},
     false,
     TM_ACT_NONE},
    {"stride 2 of 1x1", {14, 14, 64}, {.out = 128, .kernel = 1, .stride = 2}, false, TM_ACT_NONE},
    {"groups", {14, 14, 72}, {.out = 72, .kernel = 3, .groups = 3}, false, TM_ACT_RELU},
    {"groups of 1x1", {14, 14, 80}, {.out = 160, .kernel = 1, .groups = 2}, false, TM_ACT_NONE},
    {"long sums", {3, 3, 640}, {.out = 48, .kernel = 3}, true, TM_ACT_RELU},
};

enum { LAYERS = sizeof layers / sizeof *layers };

static void make(net *n, const layer *l, net_options o)
{
    tm_conv conv = l->conv;
    conv.stride = conv.stride ? conv.stride : 1;
    conv.dilation = conv.dilation ? conv.dilation : 1;
    conv.groups = conv.groups ? conv.groups : 1;
    net_open(n, l->in);
    tm_node *y = tm_conv2d(&n->b, "conv", n->graph.input, conv);
    if (l->residual)
        y = tm_add(&n->b, y, tm_conv2d(&n->b, "other", n->graph.input, conv));
    net_tap(n, tm_activate(&n->b, y, l->act));
    o.passes = true;
    o.max_batch = PICTURES;
    net_plan(n, o);
    /* of both signs, and of another size in each picture */
    for (size_t i = 0; i < PICTURES * n->picture; i++)
        n->pixels[i] = (n->pixels[i] - 0.25f) * (float)(1 + i / n->picture);
}

static double relative_error(const net *n, const net *exact, int picture)
{
    float *a = net_read(exact, 0, picture), *b = net_read(n, 0, picture);
    double error = 0, size = 0;
    for (size_t i = 0; i < net_size(n, 0); i++) {
        error += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        size += (double)a[i] * (double)a[i];
    }
    free(a);
    free(b);
    return sqrt(error / size);
}

/* Steps of a 255th of the range and of a 127th of the largest weight: 1 % together. None at all
 * would be float32. */
static void results_stay_near(void **state)
{
    (void)state;
    for (int i = 0; i < LAYERS; i++) {
        net exact, bytes;
        make(&exact, &layers[i], (net_options){.isa = BEST});
        make(&bytes, &layers[i], (net_options){.isa = BEST, .precision = TM_PRECISION_INT8});
        net_run(&exact, PICTURES);
        net_run(&bytes, PICTURES);
        for (int picture = 0; picture < PICTURES; picture++) {
            double error = relative_error(&bytes, &exact, picture);
            if (!(error > 1e-4 && error < 0.02))
                fail_msg("%s, picture %d: relative error %g", layers[i].name, picture, error);
        }
        net_close(&exact);
        net_close(&bytes);
    }
}

static void expect_same(const layer *l, const net *one, const net *other, const char *what)
{
    for (int picture = 0; picture < PICTURES; picture++) {
        float *a = net_read(one, 0, picture), *b = net_read(other, 0, picture);
        if (memcmp(a, b, net_size(one, 0) * sizeof *a) != 0)
            fail_msg("%s, picture %d: other bits %s", l->name, picture, what);
        free(a);
        free(b);
    }
}

/* A curve has a kernel of its own in each level; all else has the same bits in all of them. */
static void same_bits(void **state)
{
    (void)state;
    for (int i = 0; i < LAYERS; i++) {
        net one, other;
        make(&one, &layers[i], (net_options){.isa = BEST, .precision = TM_PRECISION_INT8});
        net_run(&one, PICTURES);
        make(&other, &layers[i],
             (net_options){
                 .isa = BEST, .threads = 3, .walk_batch = 1, .precision = TM_PRECISION_INT8});
        net_run(&other, PICTURES);
        expect_same(&layers[i], &one, &other, "with three threads, picture by picture");
        net_close(&other);
        for (int isa = 0; isa < TM_ISA_COUNT && layers[i].act != TM_ACT_SILU; isa++) {
            make(&other, &layers[i],
                 (net_options){.isa = (tm_isa)isa, .threads = 2, .precision = TM_PRECISION_INT8});
            net_run(&other, PICTURES);
            expect_same(&layers[i], &one, &other, tm_isa_name((tm_isa)isa));
            net_close(&other);
        }
        net_close(&one);
    }
}

static int nan_count(const net *n, int picture)
{
    float *values = net_read(n, 0, picture);
    int count = 0;
    for (size_t i = 0; i < net_size(n, 0); i++)
        count += isnan(values[i]) != 0;
    free(values);
    return count;
}

/* What is infinite or NaN has no byte: all that it touches is NaN, a clamp behind it or not, and
 * no other picture. */
static void no_number_is_lost(void **state)
{
    (void)state;
    static const float odd[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < LAYERS; i++)
        for (int k = 0; k < 3; k++) {
            net n;
            make(&n, &layers[i], (net_options){.isa = BEST, .precision = TM_PRECISION_INT8});
            n.pixels[n.picture] = odd[k]; /* of picture 1 */
            net_run(&n, PICTURES);
            assert_int_equal(nan_count(&n, 0) + nan_count(&n, 2), 0);
            if (nan_count(&n, 1) <
                layers[i].conv.out / (layers[i].conv.groups ? layers[i].conv.groups : 1))
                fail_msg("%s: %g is lost", layers[i].name, (double)odd[k]);
            net_close(&n);
        }
}

/* Pictures of zeros, and of what is as good as zero, give the bias. */
static void zeros_are_zeros(void **state)
{
    (void)state;
    for (int i = 0; i < LAYERS; i++) {
        net exact, bytes;
        make(&exact, &layers[i], (net_options){.isa = BEST});
        make(&bytes, &layers[i], (net_options){.isa = BEST, .precision = TM_PRECISION_INT8});
        for (size_t j = 0; j < PICTURES * exact.picture; j++)
            exact.pixels[j] = bytes.pixels[j] = j < exact.picture ? 0 : 1e-40f;
        net_run(&exact, PICTURES);
        net_run(&bytes, PICTURES);
        for (int picture = 0; picture < PICTURES; picture++) {
            float *a = net_read(&exact, 0, picture), *b = net_read(&bytes, 0, picture);
            for (size_t j = 0; j < net_size(&exact, 0); j++)
                ASSERT_NEAR((double)b[j], (double)a[j], 1e-6, "%s", layers[i].name);
            free(a);
            free(b);
        }
        net_close(&exact);
        net_close(&bytes);
    }
}

/* First layers, gates, depthwise, narrow groups and rows with little to multiply are float32, to
 * the bit. */
static void small_layers_stay(void **state)
{
    (void)state;
    static const layer small[] = {
        {"first", {32, 32, 3}, {.out = 64, .kernel = 3}, false, TM_ACT_NONE},
        {"gate", {1, 1, 256}, {.out = 64, .kernel = 1}, false, TM_ACT_NONE},
        {"depthwise", {32, 32, 64}, {.out = 64, .kernel = 3, .groups = 64}, false, TM_ACT_NONE},
        {"narrow groups", {32, 32, 64}, {.out = 64, .kernel = 3, .groups = 8}, false, TM_ACT_NONE},
        {"few outputs", {32, 32, 64}, {.out = 8, .kernel = 3}, false, TM_ACT_NONE},
        {"short rows", {32, 32, 16}, {.out = 64, .kernel = 1}, false, TM_ACT_NONE},
        {"no quads", {32, 32, 54}, {.out = 54, .kernel = 3, .groups = 3}, false, TM_ACT_NONE},
    };
    for (size_t i = 0; i < sizeof small / sizeof *small; i++) {
        net exact, bytes;
        make(&exact, &small[i], (net_options){.isa = BEST});
        make(&bytes, &small[i], (net_options){.isa = BEST, .precision = TM_PRECISION_INT8});
        net_run(&exact, PICTURES);
        net_run(&bytes, PICTURES);
        expect_same(&small[i], &exact, &bytes, "than float32");
        net_close(&exact);
        net_close(&bytes);
    }
}

/* Of the outputs of a panel, the one with a weight that is none has the scale NaN, which makes NaN
 * of each of its sums. */
static void odd_weights_stay_odd(void **state)
{
    (void)state;
    enum { INPUTS = 8, ODD = 3 };
    static const float odd[] = {NAN, INFINITY, -INFINITY};
    for (int k = 0; k < 3; k++) {
        float values[TM_PANEL * INPUTS], room[TM_PANEL * INPUTS];
        _Alignas(64) char panel[TM_I8_HEAD + INPUTS * TM_PANEL];
        for (int i = 0; i < TM_PANEL * INPUTS; i++)
            values[i] = 0.5f;
        values[ODD * INPUTS + 2] = odd[k];
        const tm_product p = {.kc = INPUTS,
                              .taps = 1,
                              .merged = 1,
                              .panel_bytes = sizeof panel,
                              .f32 = tm_kernels_for(BEST),
                              .bytes = {.taps = 1, .kc = INPUTS, .row = INPUTS}};
        tm_product_i8.pack(&p, values, 0, TM_PANEL, room, panel);
        const float *scales = (const float *)(const void *)panel;
        for (int j = 0; j < TM_PANEL; j++)
            assert_true(j == ODD ? isnan(scales[j]) : scales[j] == 0.5f / 127);
    }
}

int main(void)
{
    tm_kernels_emulate(); /* tiles of bytes on every machine */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_stay_near), cmocka_unit_test(same_bits),
        cmocka_unit_test(no_number_is_lost), cmocka_unit_test(zeros_are_zeros),
        cmocka_unit_test(small_layers_stay), cmocka_unit_test(odd_weights_stay_odd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
