/* SPDX-License-Identifier: Apache-2.0 */
/* Activations in bfloat16: who computes in them, where conversions stand, and how near the results
 * stay to float32. Tiles are emulated, so that every machine has products in bfloat16. */
#include <math.h>

#include "kernels/dispatch.h"
#include "tests/unit/harness.h"

static const tm_isa BEST = (tm_isa)(TM_ISA_COUNT - 1);

static tm_node *conv(tm_builder *b, const char *name, tm_node *x, int out)
{
    return tm_conv2d(b, name, x, (tm_conv){.out = out, .kernel = 1, .bias = true});
}

/* ---- operators between two convolutions ---- */

typedef tm_node *middle(tm_builder *b, tm_node *x);

static tm_node *nothing(tm_builder *b, tm_node *x)
{
    (void)b;
    return x;
}

static tm_node *three_by_three(tm_builder *b, tm_node *x)
{
    return tm_conv2d(b, "three", x, (tm_conv){.out = x->shape.c, .kernel = 3, .stride = 2});
}

static tm_node *dilated(tm_builder *b, tm_node *x)
{
    return tm_conv2d(b, "dilated", x, (tm_conv){.out = 72, .kernel = 3, .dilation = 2});
}

static tm_node *residual(tm_builder *b, tm_node *x)
{
    tm_node *y = tm_activate(b, conv(b, "a", x, 72), TM_ACT_SILU);
    return tm_activate(b, tm_add(b, conv(b, "b", y, x->shape.c), x), TM_ACT_GELU);
}

static tm_node *depthwise(tm_builder *b, tm_node *x)
{
    tm_conv c = {.out = x->shape.c, .kernel = 3, .groups = TM_DEPTHWISE, .bias = true};
    return tm_activate(b, tm_conv2d(b, "dw", x, c), TM_ACT_HARD_SWISH);
}

static tm_node *grouped(tm_builder *b, tm_node *x)
{
    return tm_conv2d(b, "groups", x, (tm_conv){.out = x->shape.c, .kernel = 3, .groups = 8});
}

static tm_node *gated(tm_builder *b, tm_node *x)
{
    tm_node *gate = tm_reduce_hw(b, x, TM_REDUCE_AVG);
    gate = tm_activate(b, conv(b, "gate", gate, x->shape.c), TM_ACT_SIGMOID);
    return tm_mul(b, x, gate);
}

static tm_node *pools(tm_builder *b, tm_node *x)
{
    tm_node *parts[] = {tm_pool2d(b, x, (tm_pool){.max = true, .kernel = 3, .stride = 1, .pad = 1}),
                        tm_pool2d(b, x, (tm_pool){.kernel = 3, .stride = 1, .pad = 1}),
                        tm_adaptive_avg_pool2d(b, x, x->shape.h, x->shape.w), x};
    return tm_concat_c(b, 4, parts);
}

static tm_node *norms(tm_builder *b, tm_node *x)
{
    x = tm_normalize(b, "layer", x, (tm_norm){.kind = TM_NORM_LAYER});
    x = tm_activate(b, tm_normalize(b, "batch", x, (tm_norm){.kind = TM_NORM_BATCH}), TM_ACT_TANH);
    tm_node *y = tm_normalize(b, "group", x, (tm_norm){.kind = TM_NORM_GROUP, .groups = 4});
    return tm_add(b, conv(b, "mid", x, x->shape.c), y);
}

static tm_node *moves(tm_builder *b, tm_node *x)
{
    int h = x->shape.h, w = x->shape.w, c = x->shape.c;
    x = tm_pad2d(b, x, 1, 1, 2, 0, TM_PAD_ZERO);
    x = tm_space_to_depth(b, x, 2);
    x = tm_slice_c(b, x, 3, x->shape.c - 3);
    int from[49];
    for (int i = 0; i < 49; i++)
        from[i] = i % 5 ? i * 11 % 49 : -1;
    x = tm_gather_pixels(b, x, 7, 7, from);
    x = tm_transpose(b, tm_reshape(b, tm_transpose(b, x), 7, x->shape.c, 7));
    return tm_affine(b, tm_concat_c(b, 2, (tm_node *[]){x, x}), 0.5f, 1.0f * (float)(h + w + c));
}

static tm_node *tokens(tm_builder *b, tm_node *x)
{
    int c = x->shape.c, pixels = x->shape.h * x->shape.w;
    x = tm_reshape(b, x, 1, pixels, c);
    tm_node *all[] = {tm_param3(b, "cls_token", 1, 1, c), x};
    x = tm_concat_w(b, 2, all);
    x = tm_add(b, x, tm_param3(b, "pos_embed", 1, pixels + 1, c));
    tm_node *qkv =
        tm_linear(b, "qkv", tm_normalize(b, "n", x, (tm_norm){.kind = TM_NORM_LAYER}), 3 * c, true);
    tm_node *y = tm_attend(b, tm_slice_c(b, qkv, 0, c), tm_slice_c(b, qkv, c, c),
                           tm_slice_c(b, qkv, 2 * c, c), (tm_attention){.heads = 4});
    return tm_add(b, x, tm_linear(b, "proj", y, c, true));
}

static const struct {
    const char *name;
    middle *build;
    int converts; /* conversions beside the one before the tap */
} middles[] = {
    {"nothing", nothing, 0},   {"3x3", three_by_three, 0},  {"dilated", dilated, 0},
    {"residual", residual, 0}, {"depthwise", depthwise, 0}, {"grouped", grouped, 0},
    {"gated", gated, 0},       {"pools", pools, 0},         {"norms", norms, 1},
    {"moves", moves, 0},       {"tokens", tokens, 0},
};

typedef struct run_options {
    tm_precision precision;
    int threads, walk_batch, batch;
} run_options;

/* tap 0: the last convolution; tap 1: what stands between, before it */
static void make(net *n, middle *build, run_options o)
{
    net_open(n, (tm_shape){14, 13, 8});
    tm_node *x = build(&n->b, conv(&n->b, "first", n->graph.input, 96));
    net_tap(n, conv(&n->b, "last", x, 80));
    net_plan(n, (net_options){.max_batch = o.batch,
                              .threads = o.threads,
                              .walk_batch = o.walk_batch,
                              .isa = BEST,
                              .passes = true,
                              .precision = o.precision});
    net_run(n, o.batch);
}

static void results_stay_near(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof middles / sizeof *middles; i++) {
        net exact, half;
        make(&exact, middles[i].build, (run_options){.batch = 2});
        make(&half, middles[i].build, (run_options){TM_PRECISION_BF16, .batch = 2});
        for (int picture = 0; picture < 2; picture++) {
            float *a = net_read(&exact, 0, picture), *b = net_read(&half, 0, picture);
            double error = 0, size = 0;
            for (size_t j = 0; j < net_size(&exact, 0); j++) {
                error += ((double)a[j] - b[j]) * ((double)a[j] - b[j]);
                size += (double)a[j] * a[j];
            }
            if (!(error <= 0.006 * 0.006 * size) || error == 0)
                fail_msg("%s: relative error %g", middles[i].name, sqrt(error / size));
            free(a);
            free(b);
        }
        net_close(&exact);
        net_close(&half);
    }
}

/* The middle's activations are bfloat16, and conversions are few. */
static void activations_are_halves(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof middles / sizeof *middles; i++) {
        net n;
        int halves = 0;
        make(&n, middles[i].build, (run_options){TM_PRECISION_BF16, .batch = 1});
        for (int k = 0; k < n.graph.node_count; k++)
            halves += n.graph.nodes[k]->live && n.graph.nodes[k]->type == TM_DTYPE_BF16;
        if (!halves)
            fail_msg("%s: no activation is bfloat16", middles[i].name);
        if (net_steps(&n, "convert") != middles[i].converts)
            fail_msg("%s: %d conversions", middles[i].name, net_steps(&n, "convert"));
        net_close(&n);
    }
}

/* What only the taps read stays float32, and a network in float32 has one type. */
static void float32_where_nobody_asks(void **state)
{
    (void)state;
    net n;
    make(&n, nothing, (run_options){TM_PRECISION_BF16, .batch = 1});
    assert_int_equal(n.graph.taps[0].node->type, TM_DTYPE_F32);
    assert_string_equal(n.graph.taps[0].node->op->name, "conv2d");
    net_close(&n);
    make(&n, tokens, (run_options){TM_PRECISION_BF16X3, .batch = 1});
    for (int k = 0; k < n.graph.node_count; k++)
        assert_int_equal(n.graph.nodes[k]->type, TM_DTYPE_F32);
    net_close(&n);
}

static void arenas_are_smaller(void **state)
{
    (void)state;
    net exact, half;
    make(&exact, residual, (run_options){.batch = 1});
    make(&half, residual, (run_options){TM_PRECISION_BF16, .batch = 1});
    assert_true(half.plan.arena_bytes * 2 <= exact.plan.arena_bytes + 128);
    net_close(&exact);
    net_close(&half);
}

static void same_bits_for_any_threads_and_batch(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof middles / sizeof *middles; i++) {
        net one, many;
        make(&one, middles[i].build, (run_options){TM_PRECISION_BF16, .threads = 1, .batch = 3});
        make(&many, middles[i].build,
             (run_options){TM_PRECISION_BF16, .threads = 3, .walk_batch = 1, .batch = 3});
        for (int picture = 0; picture < 3; picture++) {
            float *a = net_read(&one, 0, picture), *b = net_read(&many, 0, picture);
            assert_memory_equal(a, b, net_size(&one, 0) * sizeof *a);
            free(a);
            free(b);
        }
        net_close(&one);
        net_close(&many);
    }
}

/* A tap in the midst of bfloat16 is read as float32, and its node by the next layer as it is. */
static void taps_are_converted(void **state)
{
    (void)state;
    net n;
    net_open(&n, (tm_shape){14, 14, 8});
    tm_node *x = tm_activate(&n.b, conv(&n.b, "a", n.graph.input, 64), TM_ACT_RELU);
    int tap = net_tap(&n, x);
    net_tap(&n, conv(&n.b, "b", x, 64));
    net_plan(&n, (net_options){.isa = BEST, .passes = true, .precision = TM_PRECISION_BF16});
    net_run(&n, 1);
    assert_int_equal(net_steps(&n, "convert"), 1);
    assert_string_equal(n.graph.taps[tap].node->op->name, "convert");
    assert_int_equal(n.graph.taps[tap].node->inputs[0]->type, TM_DTYPE_BF16);
    float *values = net_read(&n, tap, 0);
    for (size_t i = 0; i < net_size(&n, tap); i++)
        assert_true(values[i] >= 0 && values[i] < 100);
    free(values);
    net_close(&n);
}

int main(void)
{
    tm_kernels_emulate();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_stay_near),
        cmocka_unit_test(activations_are_halves),
        cmocka_unit_test(float32_where_nobody_asks),
        cmocka_unit_test(arenas_are_smaller),
        cmocka_unit_test(same_bits_for_any_threads_and_batch),
        cmocka_unit_test(taps_are_converted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
