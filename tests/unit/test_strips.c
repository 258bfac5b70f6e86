/* SPDX-License-Identifier: Apache-2.0 */
/* Steps that go through a picture strip by strip compute the bits that they compute alone. */
#include "tests/unit/harness.h"

enum { MOST_BETWEEN = 3 };

/* A network, what lies between its steps, and what is asked for beside its result, or NULL. */
typedef struct chain {
    tm_node *out, *between[MOST_BETWEEN], *beside;
    int count;
} chain;

typedef chain build_fn(tm_builder *b, tm_node *x);

static tm_node *conv(tm_builder *b, const char *name, tm_node *x, int out, int kernel)
{
    return tm_conv2d(b, name, x, (tm_conv){.out = out, .kernel = kernel, .bias = true});
}

static tm_node *depthwise(tm_builder *b, const char *name, tm_node *x, int kernel, int stride,
                          int dilation)
{
    return tm_conv2d(b, name, x,
                     (tm_conv){.out = x->shape.c,
                               .kernel = kernel,
                               .stride = stride,
                               .dilation = dilation,
                               .groups = x->shape.c});
}

static chain inverted(tm_builder *b, tm_node *x, int kernel, int stride, int dilation)
{
    chain c = {.count = 2};
    c.between[0] = conv(b, "expand", x, 100, 1);
    c.between[1] = depthwise(b, "depthwise", c.between[0], kernel, stride, dilation);
    c.out = conv(b, "project", c.between[1], x->shape.c, 1);
    if (stride == 1)
        c.out = tm_add(b, c.out, x);
    return c;
}

static chain plain(tm_builder *b, tm_node *x)
{
    return inverted(b, x, 3, 1, 1);
}

static chain strided(tm_builder *b, tm_node *x)
{
    return inverted(b, x, 3, 2, 1);
}

static chain wide(tm_builder *b, tm_node *x)
{
    return inverted(b, x, 5, 1, 1);
}

static chain wide_strided(tm_builder *b, tm_node *x)
{
    return inverted(b, x, 5, 2, 1);
}

static chain dilated(tm_builder *b, tm_node *x)
{
    return inverted(b, x, 3, 1, 3);
}

/* The depthwise step copies its input, some rows at a time. */
static chain crowded(tm_builder *b, tm_node *x)
{
    chain c = {.count = 2};
    c.between[0] = conv(b, "expand", x, 1024, 1);
    c.between[1] = depthwise(b, "depthwise", c.between[0], 5, 1, 1);
    c.out = conv(b, "project", c.between[1], x->shape.c, 1);
    return c;
}

/* The rows that the first step's window reads are shared by strips, too. */
static chain stem(tm_builder *b, tm_node *x)
{
    chain c = {.count = 2};
    x = conv(b, "before", x, 3, 1);
    c.between[0] = tm_conv2d(b, "stem", x, (tm_conv){.out = 72, .kernel = 3, .groups = 3});
    c.between[1] = depthwise(b, "depthwise", c.between[0], 3, 1, 1);
    c.out = conv(b, "project", c.between[1], 7, 1);
    return c;
}

/* Whose first step needs whole rows. */
static chain separable(tm_builder *b, tm_node *x)
{
    chain c = {.count = 1};
    c.beside = conv(b, "before", x, 120, 1);
    c.between[0] = depthwise(b, "depthwise", c.beside, 3, 1, 1);
    c.out = conv(b, "pointwise", c.between[0], 10, 1);
    return c;
}

/* Of pixels alone: a strip is no whole number of rows. */
static chain mlp(tm_builder *b, tm_node *x)
{
    chain c = {.count = 2};
    x = conv(b, "before", x, 65, 1);
    c.between[0] = tm_normalize(b, "norm", x, (tm_norm){.kind = TM_NORM_LAYER});
    c.between[1] = tm_activate(b, conv(b, "fc1", c.between[0], 130, 1), TM_ACT_GELU);
    c.out = tm_add(b, conv(b, "fc2", c.between[1], 65, 1), x);
    return c;
}

/* Plans and runs it; alone: what lies between is asked for, so that it must be written. */
static float *run(build_fn *build, tm_shape input, net_options o, bool alone, int *strips)
{
    net n;
    net_open(&n, input);
    chain c = build(&n.b, n.graph.input);
    int out = net_tap(&n, c.out);
    if (c.beside)
        net_tap(&n, c.beside);
    for (int i = 0; alone && i < c.count; i++)
        net_tap(&n, c.between[i]);
    net_plan(&n, o);
    net_run(&n, o.max_batch);
    *strips = net_steps(&n, "strip");
    size_t size = net_size(&n, out);
    float *all = malloc((size_t)o.max_batch * size * sizeof *all);
    assert_non_null(all);
    for (int i = 0; i < o.max_batch; i++) {
        float *one = net_read(&n, out, i);
        memcpy(all + (size_t)i * size, one, size * sizeof *all);
        free(one);
    }
    net_close(&n);
    return all;
}

static void expect_same(build_fn *build, tm_shape input, net_options o)
{
    net n;
    int with, without;
    net_open(&n, input);
    tm_node *result = build(&n.b, n.graph.input).out;
    size_t count =
        (size_t)o.max_batch * (size_t)(result->shape.h * result->shape.w) * (size_t)result->shape.c;
    tm_builder_done(&n.b);
    tm_graph_free(&n.graph);
    float *in_strips = run(build, input, o, false, &with),
          *alone = run(build, input, o, true, &without);
    assert_int_equal(with, 1);
    assert_int_equal(without, 0);
    assert_memory_equal(in_strips, alone, count * sizeof *alone);
    free(in_strips);
    free(alone);
}

static build_fn *const builds[] = {plain,   strided, wide,      wide_strided,
                                   dilated, stem,    separable, mlp};

static void the_same_bits(void **state)
{
    (void)state;
    static const tm_shape inputs[] = {{90, 130, 9}, {131, 83, 9}, {1000, 12, 9}};
    for (size_t i = 0; i < sizeof builds / sizeof *builds; i++)
        for (size_t k = 0; k < sizeof inputs / sizeof *inputs; k++) {
            expect_same(builds[i], inputs[k], (net_options){.max_batch = 1, .passes = true});
            expect_same(
                builds[i], inputs[k],
                (net_options){.max_batch = 3, .walk_batch = 3, .threads = 2, .passes = true});
        }
}

static void of_crowded_pixels(void **state)
{
    (void)state;
    expect_same(crowded, (tm_shape){300, 9, 4}, (net_options){.max_batch = 2, .walk_batch = 2});
}

static void at_every_level(void **state)
{
    (void)state;
    for (int isa = TM_ISA_SCALAR; isa <= (int)tm_cpu_isa(); isa++)
        expect_same(strided, (tm_shape){90, 130, 9},
                    (net_options){.max_batch = 1, .isa = (tm_isa)isa, .passes = true});
}

/* What lies between takes no room in the arena. */
static void less_memory(void **state)
{
    (void)state;
    size_t arena[2];
    for (int alone = 0; alone < 2; alone++) {
        net n;
        net_open(&n, (tm_shape){128, 128, 8});
        chain c = plain(&n.b, n.graph.input);
        net_tap(&n, alone ? conv(&n.b, "other", c.between[0], 1, 1) : c.out);
        net_tap(&n, c.out);
        net_plan(&n, (net_options){.passes = true});
        arena[alone] = n.plan.arena_bytes;
        net_close(&n);
    }
    assert_true(arena[0] < 1 << 20);
    assert_true(arena[1] > 6 << 20);
}

/* In another number type, where L2 holds what lies between, and where weights would fill it. */
static void none(void **state)
{
    (void)state;
    int strips;
    free(run(plain, (tm_shape){24, 24, 9}, (net_options){.max_batch = 1, .passes = true}, false,
             &strips));
    assert_int_equal(strips, 0);
    net n;
    net_open(&n, (tm_shape){40, 40, 512});
    net_tap(&n, conv(&n.b, "second", conv(&n.b, "first", n.graph.input, 512, 1), 512, 1));
    net_plan(&n, (net_options){.passes = true});
    assert_int_equal(net_steps(&n, "strip"), 0);
    net_close(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_bits),  cmocka_unit_test(of_crowded_pixels),
        cmocka_unit_test(at_every_level), cmocka_unit_test(less_memory),
        cmocka_unit_test(none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
