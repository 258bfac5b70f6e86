/* SPDX-License-Identifier: Apache-2.0 */
/* timm's repghost.py: RepGhostNet (2211.06088). */
#include "layers/classifier.h"
#include "layers/conv_bn_act.h"
#include "layers/make_divisible.h"
#include "layers/squeeze_excite.h"
#include "layers/taps.h"
#include "models/model.h"

typedef struct repghost_variant {
    const char *name;
    double width;
} repghost_variant;

static const repghost_variant variants[] = {
    {"repghostnet_050", 0.5}, {"repghostnet_058", 0.58}, {"repghostnet_080", 0.8},
    {"repghostnet_100", 1.0}, {"repghostnet_111", 1.11}, {"repghostnet_130", 1.3},
    {"repghostnet_150", 1.5}, {"repghostnet_200", 2.0},
};

static const struct repghost_row {
    int stage, kernel, middle, out;
    bool squeeze;
    int stride;
} rows[] = {
    {0, 3, 8, 16, false, 1},    {1, 3, 24, 24, false, 2},  {2, 3, 36, 24, false, 1},
    {3, 5, 36, 40, true, 2},    {4, 5, 60, 40, true, 1},   {5, 3, 120, 80, false, 2},
    {6, 3, 100, 80, false, 1},  {6, 3, 120, 80, false, 1}, {6, 3, 120, 80, false, 1},
    {6, 3, 240, 112, true, 1},  {6, 3, 336, 112, true, 1}, {7, 5, 336, 160, true, 2},
    {8, 5, 480, 160, false, 1}, {8, 5, 480, 160, true, 1}, {8, 5, 480, 160, false, 1},
    {8, 5, 480, 160, true, 1},
};

enum { ROWS = sizeof rows / sizeof *rows };

static const tm_norm batch = {.kind = TM_NORM_BATCH};

static int scaled(const repghost_variant *v, double channels)
{
    return tm_divisible(channels * v->width, 4, 0.9);
}

/* timm's RepGhostModule: a pointwise convolution, then a depthwise one and a norm, added */
static tm_node *ghost(tm_builder *b, const char *name, tm_node *x, int out, tm_act_kind act)
{
    tm_conv depthwise = {.out = out, .kernel = 3, .groups = TM_DEPTHWISE};
    tm_push(b, "%s", name);
    x = tm_conv_norm(b, "primary_conv.0", "primary_conv.1", x, (tm_conv){.out = out, .kernel = 1});
    x = tm_activate(b, x, act);
    tm_branch sum =
        tm_conv_norm_branch(b, "cheap_operation.0", "cheap_operation.1", x, depthwise, batch);
    sum = tm_add_branch(b, sum, tm_norm_branch(b, "fusion_bn.0", x, batch));
    x = tm_conv2d_with(b, "cheap_operation", x, sum.weight, sum.bias, depthwise);
    tm_pop(b);
    return tm_activate(b, x, act);
}

static tm_node *project(tm_builder *b, tm_node *x, tm_conv depthwise, int out)
{
    if (x->shape.c == out && depthwise.stride == 1)
        return x;
    depthwise.out = x->shape.c;
    x = tm_conv_norm(b, "shortcut.0", "shortcut.1", x, depthwise);
    return tm_conv_norm(b, "shortcut.2", "shortcut.3", x, (tm_conv){.out = out, .kernel = 1});
}

static tm_node *block(tm_builder *b, const repghost_variant *v, tm_node *x,
                      const struct repghost_row *row)
{
    int out = scaled(v, row->out), middle = scaled(v, row->middle);
    tm_conv depthwise = {
        .out = middle, .kernel = row->kernel, .stride = row->stride, .groups = TM_DEPTHWISE};
    tm_node *shortcut = project(b, x, depthwise, out);
    x = ghost(b, "ghost1", x, middle, TM_ACT_RELU);
    if (row->stride > 1)
        x = tm_conv_norm(b, "conv_dw", "bn_dw", x, depthwise);
    if (row->squeeze)
        x = tm_squeeze_excite_with(b, "se", x,
                                   (tm_squeeze){.reduce = "conv_reduce",
                                                .expand = "conv_expand",
                                                .reduced = tm_divisible(middle * 0.25, 4, 0.9),
                                                .gate = TM_ACT_HARD_SIGMOID});
    return tm_add(b, ghost(b, "ghost2", x, out, TM_ACT_NONE), shortcut);
}

static tm_node *blocks(tm_builder *b, const repghost_variant *v, tm_node *x)
{
    int reduction = 2;
    for (int i = 0, index = 0; i < ROWS; i++, index++) {
        if (i > 0 && rows[i].stage != rows[i - 1].stage)
            index = 0;
        tm_push(b, "blocks.%d.%d", rows[i].stage, index);
        x = block(b, v, x, &rows[i]);
        tm_pop(b);
        if (rows[i].stride > 1) {
            reduction *= 2;
            tm_tap_stage_of(b, "blocks", rows[i].stage, x, reduction);
        }
    }
    x = tm_conv_norm(b, "blocks.9.0.conv", "blocks.9.0.bn1", x,
                     (tm_conv){.out = scaled(v, 2 * rows[ROWS - 1].middle), .kernel = 1});
    return tm_activate(b, x, TM_ACT_RELU);
}

static void build(tm_builder *b, const void *variant)
{
    const repghost_variant *v = variant;
    tm_node *x = tm_conv2d(b, "conv_stem", b->graph->input,
                           (tm_conv){.out = scaled(v, 16), .kernel = 3, .stride = 2});
    tm_tap_stage(b, "conv_stem", x, 2); /* before the norm */
    x = tm_activate(b, tm_normalize(b, "bn1", x, batch), TM_ACT_RELU);
    x = blocks(b, v, x);
    b->graph->pruning = TM_PRUNING_TOGETHER;
    tm_tap_final(b, x);
    tm_hidden_classifier_head(b, x,
                              (tm_hidden_head){.conv = "conv_head",
                                               .classifier = "classifier",
                                               .hidden = 1280,
                                               .bias = true,
                                               .act = TM_ACT_RELU});
}

const tm_family tm_family_repghost = {.module = "repghost", TM_VARIANTS(variants), .build = build};
