/* SPDX-License-Identifier: Apache-2.0 */
/* timm's repghost.py: RepGhostNet (2211.06088). */
#include "layers/conv_bn_act.h"
#include "models/ghost.h"
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

static const tm_ghost_row rows[] = {
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
    return tm_ghost_scaled(v->width, channels);
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

static tm_node *block(tm_builder *b, const void *variant, tm_node *x, int index)
{
    const repghost_variant *v = variant;
    const tm_ghost_row *row = &rows[index];
    int out = scaled(v, row->out), middle = scaled(v, row->middle);
    tm_conv depthwise = {
        .out = middle, .kernel = row->kernel, .stride = row->stride, .groups = TM_DEPTHWISE};
    tm_node *shortcut = project(b, x, depthwise, out);
    x = ghost(b, "ghost1", x, middle, TM_ACT_RELU);
    if (row->stride > 1)
        x = tm_conv_norm(b, "conv_dw", "bn_dw", x, depthwise);
    if (row->squeeze)
        x = tm_ghost_squeeze(b, x, middle);
    return tm_add(b, ghost(b, "ghost2", x, out, TM_ACT_NONE), shortcut);
}

static void build(tm_builder *b, const void *variant)
{
    const repghost_variant *v = variant;
    tm_ghost ghost = {.width = v->width,
                      .rows = rows,
                      .count = ROWS,
                      .last = 2 * rows[ROWS - 1].middle,
                      .block = block};
    tm_ghost_build(b, &ghost, v);
}

const tm_family tm_family_repghost = {.module = "repghost", TM_VARIANTS(variants), .build = build};
