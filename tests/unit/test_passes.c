/* SPDX-License-Identifier: Apache-2.0 */
/* What each pass merges, what it must leave alone, and that neither changes what comes out. */
#include "tests/unit/harness.h"

/* A small network over an 8x8 map of 6 channels (16 tokens of 8 for the token cases); it taps what
 * it likes. */
typedef void make_fn(net *n, tm_node *x);

typedef struct outcome {
    int steps, convs;
    float *values[4];
    size_t sizes[4];
    int taps;
} outcome;

static outcome run(make_fn *make, tm_shape in, bool passes)
{
    net n;
    net_open(&n, in);
    make(&n, n.graph.input);
    net_plan(&n, (net_options){.max_batch = 2, .passes = passes, .isa = TM_ISA_AVX512});
    net_run(&n, 2);
    outcome o = {
        .steps = net_steps(&n, NULL), .convs = net_steps(&n, "conv2d"), .taps = n.graph.tap_count};
    assert_true(o.taps <= 4);
    for (int i = 0; i < o.taps; i++) {
        o.values[i] = net_read(&n, i, 1);
        o.sizes[i] = net_size(&n, i);
    }
    net_close(&n);
    return o;
}

static void expect_in(const char *name, make_fn *make, tm_shape in, int steps, int convs)
{
    outcome plain = run(make, in, false), merged = run(make, in, true);
    if (merged.steps != steps || merged.convs != convs)
        fail_msg("%s: %d steps, %d of them convolutions; expected %d and %d", name, merged.steps,
                 merged.convs, steps, convs);
    assert_int_equal(plain.taps, merged.taps);
    for (int t = 0; t < plain.taps; t++) {
        assert_int_equal(plain.sizes[t], merged.sizes[t]);
        for (size_t i = 0; i < plain.sizes[t]; i++)
            ASSERT_NEAR((double)merged.values[t][i], (double)plain.values[t][i], 4e-6,
                        "%s: tap %d, element %zu", name, t, i);
        free(plain.values[t]);
        free(merged.values[t]);
    }
}

#define EXPECT(make, steps, convs) expect_in(#make, make, (tm_shape){8, 8, 6}, steps, convs)
#define EXPECT_TOKENS(make, steps, convs) expect_in(#make, make, (tm_shape){1, 8, 8}, steps, convs)

static tm_node *conv(net *n, const char *name, tm_node *x, int out, bool bias)
{
    return tm_conv2d(&n->b, name, x, (tm_conv){.out = out, .kernel = 3, .bias = bias});
}

static tm_node *norm(net *n, const char *name, tm_node *x)
{
    return tm_normalize(&n->b, name, x, (tm_norm){.kind = TM_NORM_BATCH});
}

static tm_node *relu(net *n, tm_node *x)
{
    return tm_activate(&n->b, x, TM_ACT_RELU);
}

/* ---- batch norm ---- */

static void conv_norm(net *n, tm_node *x)
{
    net_tap(n, norm(n, "bn", conv(n, "conv", x, 9, false)));
}

static void conv_bias_norm_relu(net *n, tm_node *x)
{
    net_tap(n, relu(n, norm(n, "bn", conv(n, "conv", x, 9, true))));
}

static void conv_norm_without_affine(net *n, tm_node *x)
{
    tm_norm plain = {.kind = TM_NORM_BATCH, .no_affine = true};
    net_tap(n, tm_normalize(&n->b, "bn", conv(n, "conv", x, 9, true), plain));
}

static void depthwise_norm_silu(net *n, tm_node *x)
{
    tm_conv c = {.out = 6, .kernel = 3, .groups = TM_DEPTHWISE};
    x = norm(n, "bn", tm_conv2d(&n->b, "dw", x, c));
    net_tap(n, tm_activate(&n->b, x, TM_ACT_SILU));
}

static void grouped_norm(net *n, tm_node *x)
{
    tm_conv c = {.out = 12, .kernel = 3, .groups = 3};
    net_tap(n, norm(n, "bn", tm_conv2d(&n->b, "conv", x, c)));
}

static void linear_norm(net *n, tm_node *x)
{
    net_tap(n, norm(n, "bn", tm_linear(&n->b, "fc", x, 9, true)));
}

static void conv_norm_norm(net *n, tm_node *x)
{
    net_tap(n, norm(n, "bn2", norm(n, "bn1", conv(n, "conv", x, 9, false))));
}

static void shared_weight(net *n, tm_node *x)
{
    tm_node *w = tm_param4(&n->b, "w", 6, 6, 1, 1);
    tm_conv c = {.out = 6, .kernel = 1};
    x = norm(n, "bn1", tm_conv2d_with(&n->b, "a", x, w, NULL, c));
    net_tap(n, norm(n, "bn2", tm_conv2d_with(&n->b, "b", x, w, NULL, c)));
}

/* must stay: */

static void norm_alone(net *n, tm_node *x)
{
    net_tap(n, norm(n, "bn", x));
}

static void conv_with_two_users(net *n, tm_node *x)
{
    tm_node *y = conv(n, "conv", x, 6, false);
    net_tap(n, tm_mul(&n->b, norm(n, "bn", y), y));
}

static void tapped_conv(net *n, tm_node *x)
{
    tm_node *y = conv(n, "conv", x, 6, false);
    net_tap(n, y);
    net_tap(n, norm(n, "bn", y));
}

static void conv_relu_norm(net *n, tm_node *x)
{
    net_tap(n, norm(n, "bn", relu(n, conv(n, "conv", x, 6, false))));
}

static void conv_layer_norm(net *n, tm_node *x)
{
    net_tap(n, tm_normalize(&n->b, "ln", conv(n, "conv", x, 6, false),
                            (tm_norm){.kind = TM_NORM_LAYER}));
}

static void batch_norm_folds(void **state)
{
    (void)state;
    EXPECT(conv_norm, 1, 1);
    EXPECT(conv_bias_norm_relu, 1, 1);
    EXPECT(conv_norm_without_affine, 1, 1);
    EXPECT(depthwise_norm_silu, 1, 1);
    EXPECT(grouped_norm, 1, 1);
    EXPECT(linear_norm, 1, 1);
    EXPECT(conv_norm_norm, 1, 1);
    EXPECT(shared_weight, 2, 2);
}

static void batch_norm_stays(void **state)
{
    (void)state;
    EXPECT(norm_alone, 1, 0);
    EXPECT(conv_with_two_users, 3, 1);
    EXPECT(tapped_conv, 2, 1);
    EXPECT(conv_relu_norm, 2, 1);
    EXPECT(conv_layer_norm, 2, 1);
}

/* ---- residual and activation ---- */

static void residual(net *n, tm_node *x)
{
    net_tap(n, tm_add(&n->b, conv(n, "conv", x, 6, true), x));
}

static void residual_first(net *n, tm_node *x)
{
    net_tap(n, tm_add(&n->b, x, conv(n, "conv", x, 6, true)));
}

/* timm's basic block */
static void residual_block(net *n, tm_node *x)
{
    tm_node *y = relu(n, norm(n, "bn1", conv(n, "conv1", x, 6, false)));
    y = norm(n, "bn2", conv(n, "conv2", y, 6, false));
    net_tap(n, relu(n, tm_add(&n->b, y, x)));
}

/* with a projection: both sides are convolutions, one of them adds */
static void projection_block(net *n, tm_node *x)
{
    tm_node *y = norm(n, "bn2", conv(n, "conv2", x, 10, false));
    tm_node *shortcut = norm(n, "bn1", conv(n, "conv1", x, 10, false));
    net_tap(n, relu(n, tm_add(&n->b, y, shortcut)));
}

static void grouped_residual(net *n, tm_node *x)
{
    tm_conv c = {.out = 6, .kernel = 3, .groups = 2};
    net_tap(n, tm_add(&n->b, tm_conv2d(&n->b, "conv", x, c), x));
}

static void two_residuals(net *n, tm_node *x)
{
    tm_node *y = tm_add(&n->b, conv(n, "conv1", x, 6, true), x);
    net_tap(n, tm_add(&n->b, tm_add(&n->b, conv(n, "conv2", y, 6, true), x), y));
}

static void tapped_sum(net *n, tm_node *x)
{
    tm_node *y = tm_add(&n->b, conv(n, "conv", x, 6, true), x);
    net_tap(n, y);
    net_tap(n, relu(n, y));
}

/* must stay apart: */

static void tapped_convolution_of_a_sum(net *n, tm_node *x)
{
    tm_node *y = conv(n, "conv", x, 6, true);
    net_tap(n, y);
    net_tap(n, tm_add(&n->b, y, x));
}

static void relu_before_the_sum(net *n, tm_node *x)
{
    net_tap(n, tm_add(&n->b, relu(n, conv(n, "conv", x, 6, true)), x));
}

static void conv_added_to_itself(net *n, tm_node *x)
{
    tm_node *y = conv(n, "conv", x, 6, true);
    net_tap(n, tm_add(&n->b, y, y));
}

static void depthwise_residual(net *n, tm_node *x)
{
    tm_conv c = {.out = 6, .kernel = 3, .groups = TM_DEPTHWISE};
    net_tap(n, tm_add(&n->b, tm_conv2d(&n->b, "dw", x, c), x));
}

static void broadcast_sum(net *n, tm_node *x)
{
    tm_node *gate = tm_linear(&n->b, "fc", tm_reduce_hw(&n->b, x, TM_REDUCE_AVG), 6, true);
    net_tap(n, tm_add(&n->b, conv(n, "conv", x, 6, true), gate));
}

static void difference(net *n, tm_node *x)
{
    net_tap(n, tm_sub(&n->b, conv(n, "conv", x, 6, true), x));
}

static void two_activations(net *n, tm_node *x)
{
    tm_node *y = tm_activate(&n->b, conv(n, "conv", x, 6, true), TM_ACT_SIGMOID);
    net_tap(n, tm_activate(&n->b, y, TM_ACT_HARD_SWISH));
}

static void activation_and_another_user(net *n, tm_node *x)
{
    tm_node *y = conv(n, "conv", x, 6, true);
    net_tap(n, tm_mul(&n->b, tm_activate(&n->b, y, TM_ACT_SIGMOID), y));
}

static void sums_fuse(void **state)
{
    (void)state;
    EXPECT(residual, 1, 1);
    EXPECT(residual_first, 1, 1);
    EXPECT(residual_block, 2, 2);
    EXPECT(projection_block, 2, 2);
    EXPECT(grouped_residual, 1, 1);
    EXPECT(two_residuals, 3, 2);
    EXPECT(tapped_sum, 2, 1);
}

static void sums_stay(void **state)
{
    (void)state;
    EXPECT(tapped_convolution_of_a_sum, 2, 1);
    EXPECT(relu_before_the_sum, 2, 1);
    EXPECT(conv_added_to_itself, 2, 1);
    EXPECT(depthwise_residual, 2, 1);
    EXPECT(broadcast_sum, 4, 2);
    EXPECT(difference, 2, 1);
    EXPECT(two_activations, 2, 1);
    EXPECT(activation_and_another_user, 3, 1);
}

/* ---- layer scale ---- */

static void scaled_linear(net *n, tm_node *x)
{
    tm_node *y = tm_linear(&n->b, "fc", x, 8, true);
    y = tm_mul(&n->b, y, tm_param1(&n->b, "ls.gamma", 8));
    net_tap(n, tm_add(&n->b, x, y));
}

static void scaled_conv_without_bias(net *n, tm_node *x)
{
    tm_node *y = conv(n, "conv", x, 6, false);
    net_tap(n, tm_mul(&n->b, y, tm_param1(&n->b, "ls.gamma", 6)));
}

static void scaled_after_norm(net *n, tm_node *x)
{
    tm_node *y = norm(n, "bn", conv(n, "conv", x, 6, false));
    net_tap(n, relu(n, tm_mul(&n->b, y, tm_param3(&n->b, "gamma", 1, 1, 6))));
}

/* must stay: */

/* one factor per token, and as many tokens as channels */
static void scaled_tokens(net *n, tm_node *x)
{
    tm_node *y = tm_linear(&n->b, "fc", x, 8, true);
    net_tap(n, tm_mul(&n->b, y, tm_param2(&n->b, "per_token.weight", 8, 1)));
}

static void scaled_by_activation(net *n, tm_node *x)
{
    tm_node *gate = tm_linear(&n->b, "gate", tm_reduce_hw(&n->b, x, TM_REDUCE_AVG), 8, true);
    net_tap(n, tm_mul(&n->b, tm_linear(&n->b, "fc", x, 8, true), gate));
}

static void scaled_per_element(net *n, tm_node *x)
{
    tm_node *y = tm_linear(&n->b, "fc", x, 8, true);
    net_tap(n, tm_mul(&n->b, y, tm_param2(&n->b, "mask.weight", 8, 8)));
}

static void added_per_channel(net *n, tm_node *x)
{
    tm_node *y = tm_linear(&n->b, "fc", x, 8, true);
    net_tap(n, tm_add(&n->b, y, tm_param1(&n->b, "shift", 8)));
}

static void tapped_before_the_scale(net *n, tm_node *x)
{
    tm_node *y = tm_linear(&n->b, "fc", x, 8, true);
    net_tap(n, y);
    net_tap(n, tm_mul(&n->b, y, tm_param1(&n->b, "ls.gamma", 8)));
}

static void scales_fold(void **state)
{
    (void)state;
    EXPECT_TOKENS(scaled_linear, 1, 1);
    EXPECT(scaled_conv_without_bias, 1, 1);
    EXPECT(scaled_after_norm, 1, 1);
}

static void scales_stay(void **state)
{
    (void)state;
    EXPECT_TOKENS(scaled_tokens, 2, 1);
    EXPECT_TOKENS(scaled_by_activation, 4, 2);
    EXPECT_TOKENS(scaled_per_element, 2, 1);
    EXPECT_TOKENS(added_per_channel, 2, 1);
    EXPECT_TOKENS(tapped_before_the_scale, 2, 1);
}

/* ---- pruning ---- */

/* What no chosen tap needs is not computed, and users are counted among what is. */
static void unneeded_nodes_die(void **state)
{
    (void)state;
    net n;
    net_open(&n, (tm_shape){8, 8, 6});
    tm_node *x = conv(&n, "conv1", n.graph.input, 6, false);
    tm_node *early = norm(&n, "bn1", x), *late = conv(&n, "conv2", early, 6, false);
    tm_tap_output(&n.b, TM_TAP_LOGITS, late, TM_LAYOUT_MAP);
    int tap = net_tap(&n, early);
    net_plan(&n, (net_options){.passes = true});
    assert_int_equal(n.plan.steps.count, 1); /* late would have kept nothing from folding either */
    assert_false(late->live);
    assert_false(x->live);
    assert_true(n.graph.input->live && early->live);
    assert_int_equal(early->users, 1);
    net_run(&n, 1);
    for (int i = 0; i < n.graph.node_count; i++)
        if (n.graph.nodes[i]->op == &tm_op_param &&
            strncmp(n.graph.nodes[i]->name, "conv2", 5) == 0)
            assert_false(n.graph.nodes[i]->live);
    assert_false(isnan((double)net_at(&n, tap, 0, 0, 0, 0)));
    net_close(&n);
}

/* A dead user does not keep a convolution from merging with a live one. */
static void dead_users_do_not_count(net *n, tm_node *x)
{
    tm_node *y = conv(n, "conv", x, 6, false);
    tm_tap_output(&n->b, TM_TAP_PRE_LOGITS, y, TM_LAYOUT_MAP); /* not chosen */
    tm_mul(&n->b, y, x);
    n->graph.tap_count = 0;
    net_tap(n, norm(n, "bn", y));
}

static void only_the_living_count(void **state)
{
    (void)state;
    EXPECT(dead_users_do_not_count, 1, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batch_norm_folds),   cmocka_unit_test(batch_norm_stays),
        cmocka_unit_test(sums_fuse),          cmocka_unit_test(sums_stay),
        cmocka_unit_test(scales_fold),        cmocka_unit_test(scales_stay),
        cmocka_unit_test(unneeded_nodes_die), cmocka_unit_test(only_the_living_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
