/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/harness.h"

static void scopes_name_parameters(void **state)
{
    (void)state;
    net n;
    net_open(&n, (tm_shape){4, 4, 3});
    assert_string_equal(tm_scoped(&n.b, NULL), "");
    assert_string_equal(tm_scoped(&n.b, "stem"), "stem");
    tm_push(&n.b, "layer%d", 1);
    tm_push(&n.b, "%d", 0);
    assert_string_equal(tm_scoped(&n.b, NULL), "layer1.0");
    assert_string_equal(tm_scoped(&n.b, ""), "layer1.0");
    tm_push(&n.b, "%s", ""); /* adds no dot */
    assert_string_equal(tm_param1(&n.b, "weight", 3)->name, "layer1.0.weight");
    tm_pop(&n.b);
    tm_pop(&n.b);
    tm_push(&n.b, "1");
    assert_string_equal(tm_scoped(&n.b, "conv1"), "layer1.1.conv1");
    tm_pop(&n.b);
    tm_pop(&n.b);
    assert_string_equal(tm_scoped(&n.b, "fc"), "fc");
    assert_int_equal(n.b.scope_depth, 0);
    net_close(&n);
}

static void layers_make_their_parameters(void **state)
{
    (void)state;
    static const char *const names[] = {"s.conv.weight",   "s.conv.bias",       "s.bn.weight",
                                        "s.bn.bias",       "s.bn.running_mean", "s.bn.running_var",
                                        "s.linear.weight", "s.rms.weight"};
    static const int64_t dims[][4] = {{8, 2, 3, 5}, {8}, {8}, {8}, {8}, {8}, {10, 8}, {10}};
    static const int ranks[] = {4, 1, 1, 1, 1, 1, 2, 1};
    net n;
    net_open(&n, (tm_shape){9, 9, 4});
    tm_push(&n.b, "s");
    tm_node *x =
        tm_conv2d(&n.b, "conv", n.graph.input,
                  (tm_conv){.out = 8, .kernel = 3, .kernel_w = 5, .groups = 2, .bias = true});
    x = tm_normalize(&n.b, "bn", x, (tm_norm){.kind = TM_NORM_BATCH});
    x = tm_linear(&n.b, "linear", x, 10, false);
    x = tm_normalize(&n.b, "rms", x, (tm_norm){.kind = TM_NORM_RMS});
    tm_pop(&n.b);
    int found = 0;
    for (int i = 0; i < n.graph.node_count; i++) {
        const tm_node *node = n.graph.nodes[i];
        assert_int_equal(node->id, i);
        if (node->op != &tm_op_param)
            continue;
        assert_true(found < 8);
        assert_string_equal(node->name, names[found]);
        assert_int_equal(node->rank, ranks[found]);
        assert_memory_equal(node->dims, dims[found], (size_t)ranks[found] * sizeof **dims);
        bool buffer = strstr(node->name, "running") != NULL;
        assert_int_equal(((const tm_param_attrs *)node->attrs)->trained, !buffer);
        found++;
    }
    assert_int_equal(found, 8);
    assert_int_equal(x->shape.c, 10);
    net_close(&n);
}

static void a_name_is_one_parameter(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    net n;
    net_open(&n, (tm_shape){1, 1, 1});
    tm_node *nodes[COUNT];
    for (int i = 0; i < COUNT; i++) { /* past every first capacity */
        tm_push(&n.b, "block%d", i);
        nodes[i] = tm_param1(&n.b, "weight", i + 1);
        tm_pop(&n.b);
    }
    int count = n.graph.node_count;
    for (int i = COUNT - 1; i >= 0; i--) {
        tm_push(&n.b, "block%d", i);
        assert_ptr_equal(tm_param1(&n.b, "weight", i + 1), nodes[i]);
        tm_pop(&n.b);
    }
    assert_int_equal(n.graph.node_count, count);
    for (int i = 0; i < count; i++)
        assert_int_equal(n.graph.nodes[i]->id, i);
    net_close(&n);
}

static void attributes_are_copied(void **state)
{
    (void)state;
    net n;
    net_open(&n, (tm_shape){2, 2, 2});
    float data[] = {1, 2, 3, 4};
    tm_node *literal = tm_literal(&n.b, 2, (int64_t[]){2, 2}, data);
    char name[] = "early";
    tm_tap_feature(&n.b, name, n.graph.input, 2);
    int tap = net_tap(&n, tm_constant_activation(&n.b, literal, 1, 2, 2));
    data[0] = 9;
    name[0] = 'X';
    assert_string_equal(tm_graph_tap(&n.graph, TM_TAP_FEATURE, 0)->module, "early");
    net_plan(&n, (net_options){0});
    net_run(&n, 1);
    assert_true(net_at(&n, tap, 0, 0, 0, 0) == 1 && net_at(&n, tap, 0, 0, 1, 1) == 4);
    net_close(&n);
}

static void taps_are_numbered(void **state)
{
    (void)state;
    net n;
    net_open(&n, (tm_shape){4, 4, 3});
    tm_node *x = n.graph.input, *y = tm_activate(&n.b, x, TM_ACT_RELU);
    for (int i = 0; i < 200; i++) {
        tm_tap_intermediate(&n.b, i % 2 ? x : y, TM_LAYOUT_TOKENS);
        tm_tap_prefix(&n.b, x);
        tm_tap_feature(&n.b, "block", y, 4);
    }
    tm_tap_output(&n.b, TM_TAP_LOGITS, y, TM_LAYOUT_VECTOR);
    assert_int_equal(tm_graph_tap_count(&n.graph, TM_TAP_INTERMEDIATE), 200);
    assert_int_equal(tm_graph_tap_count(&n.graph, TM_TAP_FEATURE), 200);
    assert_int_equal(tm_graph_tap_count(&n.graph, TM_TAP_PREFIX), 200);
    assert_int_equal(tm_graph_tap_count(&n.graph, TM_TAP_FINAL), 0);
    for (int i = 0; i < 200; i++) {
        assert_ptr_equal(tm_graph_tap(&n.graph, TM_TAP_INTERMEDIATE, i)->node, i % 2 ? x : y);
        assert_ptr_equal(tm_graph_tap(&n.graph, TM_TAP_PREFIX, i)->node, x);
        assert_int_equal(tm_graph_tap(&n.graph, TM_TAP_FEATURE, i)->reduction, 4);
        assert_false(tm_graph_tap(&n.graph, TM_TAP_FEATURE, i)->selected);
    }
    assert_null(tm_graph_tap(&n.graph, TM_TAP_INTERMEDIATE, 200));
    assert_null(tm_graph_tap(&n.graph, TM_TAP_FINAL, 0));
    assert_int_equal(tm_graph_tap(&n.graph, TM_TAP_LOGITS, 0)->layout, TM_LAYOUT_VECTOR);
    net_close(&n);
}

/* The first refusal stays; what the model goes on to say crashes nothing. */
static void errors_stick(void **state)
{
    (void)state;
    net n;
    net_open(&n, (tm_shape){4, 4, 3});
    assert_int_equal(tm_act_by_name(&n.b, "swish"), TM_ACT_SILU);
    assert_int_equal(n.graph.error.status, TM_OK);
    tm_act_by_name(&n.b, "sine");
    tm_refuse(&n.b, "and this is the second");
    assert_int_equal(n.graph.error.status, TM_USAGE);
    assert_non_null(strstr(n.graph.error.message, "sine"));
    tm_node *x = tm_conv2d(&n.b, "conv", n.graph.input, (tm_conv){.out = 7, .kernel = 9});
    x = tm_slice_c(&n.b, x, 3, 400);
    x = tm_concat_c(&n.b, 2, (tm_node *[]){x, n.graph.input});
    x = tm_attend(&n.b, x, n.graph.input, x, (tm_attention){.heads = 3});
    x = tm_global_pool(&n.b, x, "median");
    assert_non_null(x);
    tm_passes_run(&n.b);
    assert_non_null(strstr(n.graph.error.message, "sine"));
    net_close(&n);
}

static void small_inputs_are_refused(void **state)
{
    (void)state;
    net n;
    net_open(&n, (tm_shape){5, 40, 3});
    tm_conv2d(&n.b, "stem", n.graph.input,
              (tm_conv){.out = 7, .kernel = 7, .padding = TM_PAD_VALID});
    assert_int_equal(n.graph.error.status, TM_SHAPE);
    assert_non_null(strstr(n.graph.error.message, "stem"));
    assert_non_null(strstr(n.graph.error.message, "5x40"));
    net_close(&n);
    net_open(&n, (tm_shape){3, 3, 3});
    tm_pad2d(&n.b, n.graph.input, 3, 0, 0, 0, TM_PAD_REFLECT);
    assert_int_equal(n.graph.error.status, TM_SHAPE);
    net_close(&n);
    net_open(&n, (tm_shape){3, 3, 3});
    tm_pool2d(&n.b, n.graph.input, (tm_pool){.kernel = 4});
    assert_int_equal(n.graph.error.status, TM_SHAPE);
    net_close(&n);
}

/* shapes as torch has them */
static void shapes_follow(void **state)
{
    (void)state;
    net n;
    net_open(&n, (tm_shape){13, 10, 6});
    tm_node *x = n.graph.input;
    tm_shape s = tm_conv2d(&n.b, "a", x, (tm_conv){.out = 5, .kernel = 3, .stride = 2})->shape;
    assert_true(s.h == 7 && s.w == 5 && s.c == 5);
    s = tm_conv2d(&n.b, "b", x,
                  (tm_conv){.out = 5, .kernel = 4, .stride = 3, .padding = TM_PAD_SAME})
            ->shape;
    assert_true(s.h == 5 && s.w == 4);
    s = tm_conv2d(
            &n.b, "c", x,
            (tm_conv){.out = 5, .kernel = 3, .kernel_w = 1, .dilation = 2, .padding = TM_PAD_VALID})
            ->shape;
    assert_true(s.h == 9 && s.w == 10);
    s = tm_pool2d(&n.b, x, (tm_pool){.max = true, .kernel = 2, .ceil_mode = true})->shape;
    assert_true(s.h == 7 && s.w == 5 && s.c == 6);
    /* torch drops a ceil-mode window that would begin in the padding */
    s = tm_pool2d(&n.b, x, (tm_pool){.kernel = 2, .stride = 3, .pad = 1, .ceil_mode = true})->shape;
    assert_true(s.h == 5 && s.w == 4);
    s = tm_space_to_depth(&n.b, tm_slice_c(&n.b, x, 1, 2), 2)->shape;
    assert_true(s.h == 6 && s.w == 5 && s.c == 8);
    assert_int_equal(n.graph.error.status, TM_OK);
    net_close(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scopes_name_parameters),   cmocka_unit_test(layers_make_their_parameters),
        cmocka_unit_test(a_name_is_one_parameter),  cmocka_unit_test(attributes_are_copied),
        cmocka_unit_test(taps_are_numbered),        cmocka_unit_test(errors_stick),
        cmocka_unit_test(small_inputs_are_refused), cmocka_unit_test(shapes_follow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
