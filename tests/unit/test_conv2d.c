/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions as they are lowered against the definition in double, over random configurations. */
#include "tests/unit/harness.h"

/* ---- the definition ---- */

typedef struct axis {
    int in, out, kernel, stride, dilation, before;
} axis;

/* timm's and torch's rules, written apart from ops/conv2d.c */
static axis make_axis(tm_conv conv, int in, int kernel)
{
    axis a = {.in = in, .kernel = kernel, .stride = conv.stride, .dilation = conv.dilation};
    int reach = (kernel - 1) * conv.dilation + 1, padded = in;
    if (conv.padding == TM_PAD_SAME) {
        a.out = (in - 1) / conv.stride + 1;
        int missing = (a.out - 1) * conv.stride + reach - in;
        a.before = missing > 0 ? missing / 2 : 0;
        return a;
    }
    if (conv.padding == TM_PAD_EXPLICIT)
        a.before = conv.pad;
    if (conv.padding == TM_PAD_DEFAULT)
        a.before = (conv.stride - 1 + conv.dilation * (kernel - 1)) / 2;
    padded += 2 * a.before;
    a.out = padded < reach ? 0 : (padded - reach) / conv.stride + 1;
    return a;
}

typedef struct layer {
    tm_conv conv;
    axis y, x;
    int channels;
    float *weight, *bias;
} layer;

static layer make_layer(const char *name, tm_conv conv, tm_shape in)
{
    char text[64];
    int kernel_w = conv.kernel_w ? conv.kernel_w : conv.kernel;
    layer l = {.conv = conv,
               .y = make_axis(conv, in.h, conv.kernel),
               .x = make_axis(conv, in.w, kernel_w),
               .channels = in.c};
    snprintf(text, sizeof text, "%s.weight", name);
    l.weight = formula_values(text, conv.linear ? 2 : 4,
                              (int64_t[]){conv.out, in.c / conv.groups, conv.kernel, kernel_w});
    snprintf(text, sizeof text, "%s.bias", name);
    l.bias = conv.bias ? formula_values(text, 1, (int64_t[]){conv.out}) : NULL;
    return l;
}

static void free_layer(layer *l)
{
    free(l->weight);
    free(l->bias);
}

/* Output o of pixel (oy, ox) of x, a picture [h][w][ld] whose channels begin at x; *size gathers
 * the absolute values of what was added. */
static double convolve(const layer *l, const float *x, size_t ld, int oy, int ox, int o,
                       double *size)
{
    int inputs = l->channels / l->conv.groups, group = o / (l->conv.out / l->conv.groups);
    double sum = l->bias ? (double)l->bias[o] : 0;
    *size += fabs(sum);
    for (int ky = 0; ky < l->y.kernel; ky++)
        for (int kx = 0; kx < l->x.kernel; kx++) {
            int iy = oy * l->y.stride - l->y.before + ky * l->y.dilation;
            int ix = ox * l->x.stride - l->x.before + kx * l->x.dilation;
            if (iy < 0 || iy >= l->y.in || ix < 0 || ix >= l->x.in)
                continue;
            const float *pixel = x + (size_t)(iy * l->x.in + ix) * ld + group * inputs;
            for (int i = 0; i < inputs; i++) {
                size_t at = (size_t)(((o * inputs + i) * l->y.kernel + ky) * l->x.kernel + kx);
                double product = (double)pixel[i] * (double)l->weight[at];
                sum += product;
                *size += fabs(product);
            }
        }
    return sum;
}

/* ---- random configurations ---- */

typedef enum grouping { DENSE, DEPTHWISE, MULTIPLIER, NARROW, WIDE, GROUPINGS } grouping;

typedef struct setup {
    tm_shape map;     /* of the network's input */
    int begin, count; /* the channels that are convolved: a view when not all of them */
    tm_conv conv;
    bool residual, reversed; /* a second convolution is added, on either side */
    bool concat;             /* the result stands in a wider one */
    tm_act_kind act;
    float param;
    int batch, threads;
    tm_isa isa;
    bool passes;
    char text[256];
} setup;

static void choose_channels(setup *s, grouping kind)
{
    static const int narrow[] = {1, 2, 3, 4, 5, 8};
    int groups, in = 1, out = 1;
    switch (kind) {
    case DEPTHWISE:
        groups = between(2, 70);
        break;
    case MULTIPLIER:
        groups = between(2, 24);
        out = between(2, 3);
        break;
    case NARROW:
        groups = between(2, 12);
        in = narrow[below(6)];
        out = narrow[below(6)];
        break;
    case WIDE:
        groups = between(2, 3);
        in = between(9, 24);
        out = coin() ? 16 : between(9, 40);
        break;
    default:
        groups = 1;
        in = coin() ? 3 : between(1, 40);
        out = coin() ? 16 * between(1, 5) : between(1, 100);
    }
    s->count = groups * in;
    s->conv.groups = groups;
    s->conv.out = groups * out;
}

static void choose_window(tm_conv *conv)
{
    static const int kernels[] = {1, 1, 2, 3, 3, 3, 4, 5, 7};
    conv->kernel = kernels[below(9)];
    if (below(4) == 0)
        conv->kernel_w = kernels[below(9)];
    conv->stride = (int[]){1, 1, 2, 3}[below(4)];
    conv->dilation = below(5) ? 1 : 2;
    conv->padding = (tm_padding)below(4);
    conv->pad = conv->padding == TM_PAD_EXPLICIT ? between(0, 3) : 0;
    conv->bias = coin();
}

static void describe(setup *s)
{
    static const char *const paddings[] = {"default", "same", "valid", "explicit"};
    const tm_conv *c = &s->conv;
    snprintf(
        s->text, sizeof s->text,
        "%dx%dx%d[%d+%d] out %d, kernel %dx%d, stride %d, dilation %d, groups %d, pad %s %d%s%s%s, "
        "act %d, batch %d, threads %d, %s%s",
        s->map.h, s->map.w, s->map.c, s->begin, s->count, c->out, c->kernel,
        c->kernel_w ? c->kernel_w : c->kernel, c->stride, c->dilation, c->groups,
        paddings[c->padding], c->pad, c->bias ? ", bias" : "", s->residual ? ", residual" : "",
        s->concat ? ", concat" : "", (int)s->act, s->batch, s->threads,
        tm_isa_name(net_isa(s->isa)), s->passes ? ", passes" : "");
}

static setup choose(grouping kind)
{
    setup s = {.map = {between(1, 14), between(1, 14), 0},
               .residual = below(3) == 0,
               .reversed = coin(),
               .concat = below(3) == 0,
               .param = 0.1f,
               .batch = between(1, 3),
               .threads = between(1, 3),
               .isa = (tm_isa)below(TM_ISA_COUNT),
               .passes = below(4) != 0};
    do /* 1 / sqrt of a negative number is NaN on both sides */
        s.act = (tm_act_kind)below(TM_ACT_COUNT);
    while (s.act == TM_ACT_RSQRT);
    choose_channels(&s, kind);
    choose_window(&s.conv);
    s.begin = below(3) ? 0 : between(0, 5);
    s.map.c = s.begin + s.count + (below(3) ? 0 : between(0, 5));
    describe(&s);
    return s;
}

/* Builds the network; returns the tap. */
static int build(net *n, const setup *s)
{
    tm_builder *b = &n->b;
    net_open(n, s->map);
    tm_node *x = n->graph.input;
    if (s->count < s->map.c)
        x = tm_slice_c(b, x, s->begin, s->count);
    tm_node *y = tm_conv2d(b, "first", x, s->conv);
    if (s->residual) {
        tm_node *other = tm_conv2d(b, "second", x, s->conv);
        y = s->reversed ? tm_add(b, other, y) : tm_add(b, y, other);
    }
    y = tm_activate_param(b, y, s->act, s->param);
    if (!s->concat)
        return net_tap(n, y);
    tm_node *beside = tm_conv2d(b, "beside", x, s->conv);
    net_tap(n, tm_slice_c(b, tm_concat_c(b, 2, (tm_node *[]){beside, y}), 0, s->conv.out));
    return net_tap(n, tm_concat_c(b, 2, (tm_node *[]){beside, y}));
}

/* Winograd convolution computes 4 x 4 outputs from all pixels under any of them: its rounding
 * errors are of the size of the largest, and twice those of a plain sum. */
static double rounded_size(const layer *l, const float *x, size_t ld, int oy, int ox, int o)
{
    double most = 0;
    bool tiles = l->y.kernel == 3 && l->x.kernel == 3 && l->y.stride == 1 && l->y.dilation == 1 &&
                 l->conv.groups == 1;
    for (int i = 0; i < 16 && tiles; i++) {
        double size = 0;
        convolve(l, x, ld, oy / 4 * 4 + i / 4, ox / 4 * 4 + i % 4, o, &size);
        most = fmax(most, 2 * size);
    }
    return most;
}

static void compare(const net *n, const setup *s, int tap, const layer layers[2])
{
    const tm_tensor *t = &n->plan.taps[tap];
    int first = s->concat ? s->conv.out : 0;
    double length = (double)layers->y.kernel * layers->x.kernel * s->count / s->conv.groups;
    assert_int_equal(t->h, layers->y.out);
    assert_int_equal(t->w, layers->x.out);
    for (int i = 0; i < s->batch; i++)
        for (int y = 0; y < t->h; y++)
            for (int x = 0; x < t->w; x++)
                for (int o = 0; o < s->conv.out; o++) {
                    const float *picture = n->pixels + (size_t)i * n->picture + s->begin;
                    size_t ld = (size_t)s->map.c;
                    double size = 0, want = 0;
                    for (int k = 0; k < 1 + s->residual; k++) {
                        want += convolve(&layers[k], picture, ld, y, x, o, &size);
                        size = fmax(size, rounded_size(&layers[k], picture, ld, y, x, o));
                    }
                    want = activated(s->act, (double)s->param, want);
                    /* a product's rounding errors grow as a random walk; no curve but exp, selu
                     * and hard_mish is steeper than 1.2 */
                    double slope = s->act == TM_ACT_EXP ? want : 1.8;
                    double bound =
                        ROUNDING * slope * size * (6 + sqrt(length)) + 4e-7 * fmax(1, fabs(want));
                    ASSERT_NEAR((double)net_at(n, tap, i, y, x, first + o), want, bound,
                                "%s: picture %d, %d, %d, output %d", s->text, i, y, x, o);
                }
}

static void run_one(const setup *s)
{
    tm_shape in = {s->map.h, s->map.w, s->count};
    layer layers[2] = {make_layer("first", s->conv, in), make_layer("second", s->conv, in)};
    if (layers->y.out > 0 && layers->x.out > 0) {
        net n;
        int tap = build(&n, s);
        net_plan(&n, (net_options){.max_batch = s->batch,
                                   .threads = s->threads,
                                   .isa = s->isa,
                                   .passes = s->passes});
        /* results of several units, so that every clamp acts */
        for (size_t i = 0; i < (size_t)s->batch * n.picture; i++)
            n.pixels[i] *= 4;
        net_run(&n, s->batch);
        compare(&n, s, tap, layers);
        net_close(&n);
    }
    free_layer(&layers[0]);
    free_layer(&layers[1]);
}

static void run_many(grouping kind, int count)
{
    random_state = 1000 + (uint64_t)kind;
    for (int i = 0; i < rounds(count); i++) {
        setup s = choose(kind);
        run_one(&s);
    }
}

static void dense(void **state)
{
    (void)state;
    run_many(DENSE, 300);
}

static void depthwise(void **state)
{
    (void)state;
    run_many(DEPTHWISE, 200);
}

/* Pixels 4 KB from one another, whose lines share a set of the L1 cache: a unit copies them. */
static void depthwise_of_crowded_pixels(void **state)
{
    (void)state;
    static const struct {
        int kernel, stride, dilation, pad;
    } windows[] = {{5, 1, 1, 2}, {7, 2, 1, 3}, {9, 1, 1, 4}, {9, 1, 2, 0}, {11, 3, 1, 20}};
    random_state = 77;
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++)
        for (int isa = TM_ISA_SCALAR; isa <= (int)tm_cpu_isa(); isa++) {
            int count = between(2, 70);
            setup s = {.map = {between(23, 40), between(17, 30), 1024},
                       .begin = between(0, 5),
                       .count = count,
                       .conv = {.out = count,
                                .groups = count,
                                .kernel = windows[i].kernel,
                                .stride = windows[i].stride,
                                .dilation = windows[i].dilation,
                                .padding = TM_PAD_EXPLICIT,
                                .pad = windows[i].pad},
                       .batch = 2,
                       .threads = 2,
                       .isa = (tm_isa)isa,
                       .passes = true};
            describe(&s);
            run_one(&s);
        }
}

static void depthwise_with_multiplier(void **state)
{
    (void)state;
    run_many(MULTIPLIER, 100);
}

static void narrow_groups(void **state)
{
    (void)state;
    run_many(NARROW, 300);
}

static void wide_groups(void **state)
{
    (void)state;
    run_many(WIDE, 100);
}

/* every activation after a GEMM and after a depthwise kernel, fused */
static void every_activation(void **state)
{
    (void)state;
    random_state = 7;
    for (int act = 0; act < TM_ACT_COUNT; act++)
        for (int groups = 1; groups <= 21; groups += 20) {
            if (act == TM_ACT_RSQRT)
                continue;
            setup s = {.map = {6, 7, 21},
                       .count = 21,
                       .conv = {.out = 21, .kernel = 3, .stride = 1, .dilation = 1, .bias = true},
                       .act = (tm_act_kind)act,
                       .param = 0.1f,
                       .batch = 1,
                       .threads = 1,
                       .isa = TM_ISA_AVX512,
                       .passes = true};
            s.conv.groups = groups;
            describe(&s);
            run_one(&s);
        }
}

/* Large enough for several chunks of panels, blocks of rows and parts of sums. */
static void large_layers(void **state)
{
    (void)state;
    static const struct {
        tm_shape map;
        int out, kernel, stride, groups;
    } rows[] = {
        {{7, 7, 512}, 700, 1, 1, 1},   {{14, 14, 96}, 96, 3, 1, 1}, {{56, 56, 3}, 64, 7, 2, 1},
        {{1, 197, 192}, 576, 1, 1, 1}, {{28, 28, 64}, 64, 3, 2, 8}, {{20, 20, 130}, 130, 5, 1, 130},
        {{13, 14, 70}, 90, 3, 1, 1},   {{9, 9, 300}, 70, 3, 2, 1},  {{1, 30, 2100}, 50, 1, 1, 1},
    };
    for (int i = 0; i < rounds((int)(sizeof rows / sizeof *rows)); i++)
        for (int threads = 1; threads <= 3; threads += 2) {
            setup s = {.map = rows[i].map,
                       .count = rows[i].map.c,
                       .conv = {.out = rows[i].out,
                                .kernel = rows[i].kernel,
                                .stride = rows[i].stride,
                                .dilation = 1,
                                .groups = rows[i].groups},
                       .batch = 2,
                       .threads = threads,
                       .isa = TM_ISA_AVX512,
                       .passes = true};
            describe(&s);
            run_one(&s);
        }
}

static void linear(void **state)
{
    (void)state;
    random_state = 5;
    for (int i = 0; i < rounds(50); i++) {
        tm_shape map = {1, between(1, 60), between(1, 70)};
        setup s = {.map = map,
                   .count = map.c,
                   .conv = {.out = between(1, 130),
                            .kernel = 1,
                            .stride = 1,
                            .dilation = 1,
                            .groups = 1,
                            .bias = coin(),
                            .linear = true},
                   .batch = between(1, 3),
                   .threads = between(1, 2),
                   .isa = (tm_isa)below(TM_ISA_COUNT),
                   .passes = true,
                   .residual = coin()};
        describe(&s);
        run_one(&s);
    }
}

int main(void)
{
    tm_kernels_emulate(); /* AMX's loops and layouts are tested on every machine */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dense),
        cmocka_unit_test(depthwise),
        cmocka_unit_test(depthwise_of_crowded_pixels),
        cmocka_unit_test(depthwise_with_multiplier),
        cmocka_unit_test(narrow_groups),
        cmocka_unit_test(wide_groups),
        cmocka_unit_test(every_activation),
        cmocka_unit_test(large_layers),
        cmocka_unit_test(linear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
