/* SPDX-License-Identifier: Apache-2.0 */
/* An example of a plugin: a family with two variants. */
#include "timmc_plugin.h"

typedef struct two_layer_variant {
    const char *name;
    int width;
} two_layer_variant;

static const two_layer_variant variants[] = {
    {.name = "two_layer_small", .width = 16},
    {.name = "two_layer_large", .width = 64},
};

static tm_node *layer(tm_builder *b, const char *name, tm_node *x, int width)
{
    tm_push(b, "%s", name);
    x = tm_conv2d(b, "conv", x, (tm_conv){.out = width, .kernel = 3, .stride = 2});
    x = tm_normalize(b, "bn", x, (tm_norm){.kind = TM_NORM_BATCH});
    x = tm_activate(b, x, TM_ACT_RELU);
    tm_pop(b);
    return x;
}

static void build(tm_builder *b, const void *variant)
{
    const two_layer_variant *v = variant;
    tm_node *x = layer(b, "layer1", b->graph->input, v->width);
    tm_tap_feature(b, "layer1", x, 2);
    x = layer(b, "layer2", x, 2 * v->width);
    tm_tap_feature(b, "layer2", x, 4);
    tm_tap_output(b, TM_TAP_FORWARD_FEATURES, x, TM_LAYOUT_MAP);
    /* options that no one asks for are refused: this model has no other pool and no dilation */
    x = tm_global_pool(b, x, "avg");
    tm_tap_output(b, TM_TAP_PRE_LOGITS, x, TM_LAYOUT_VECTOR);
    if (b->options.num_classes > 0)
        x = tm_linear(b, "fc", x, b->options.num_classes, true);
    tm_tap_output(b, TM_TAP_LOGITS, x, TM_LAYOUT_VECTOR);
}

static const tm_family family = {.module = "two_layer", TM_VARIANTS(variants), .build = build};

static const tm_plugin_model models[] = {
    {.arch = "two_layer_small", .input_size = {3, 64, 64}, .num_classes = 10, .classifier = "fc"},
};

const tm_plugin timmc_plugin = {
    .abi = TIMMC_PLUGIN_ABI, .family = &family, .models = models, .model_count = 1};
