/* SPDX-License-Identifier: Apache-2.0 */
/* timm's ghostnet.py: GhostNet (1911.11907), V2 (2211.12905) and V3 (2404.11202). */
#include <stdio.h>
#include <string.h>

#include "layers/conv_bn_act.h"
#include "layers/upsample.h"
#include "models/filters.h"
#include "models/ghost.h"
#include "models/model.h"

typedef struct ghostnet_variant {
    const char *name;
    double width;
    int version;
} ghostnet_variant;

static const ghostnet_variant variants[] = {
    {"ghostnet_050", 0.5, 1},   {"ghostnet_100", 1.0, 1},   {"ghostnet_130", 1.3, 1},
    {"ghostnetv2_100", 1.0, 2}, {"ghostnetv2_130", 1.3, 2}, {"ghostnetv2_160", 1.6, 2},
    {"ghostnetv3_050", 0.5, 3}, {"ghostnetv3_100", 1.0, 3}, {"ghostnetv3_130", 1.3, 3},
    {"ghostnetv3_160", 1.6, 3},
};

static const tm_ghost_row rows[] = {
    {0, 3, 16, 16, false, 1},   {1, 3, 48, 24, false, 2},  {2, 3, 72, 24, false, 1},
    {3, 5, 72, 40, true, 2},    {4, 5, 120, 40, true, 1},  {5, 3, 240, 80, false, 2},
    {6, 3, 200, 80, false, 1},  {6, 3, 184, 80, false, 1}, {6, 3, 184, 80, false, 1},
    {6, 3, 480, 112, true, 1},  {6, 3, 672, 112, true, 1}, {7, 5, 672, 160, true, 2},
    {8, 5, 960, 160, false, 1}, {8, 5, 960, 160, true, 1}, {8, 5, 960, 160, false, 1},
    {8, 5, 960, 160, true, 1},
};

/* the first block whose wide part has a gate, in V2 and V3 */
enum { ROWS = sizeof rows / sizeof *rows, GATED = 2, BRANCHES = 3 };

static const tm_norm batch = {.kind = TM_NORM_BATCH};

static int scaled(const ghostnet_variant *v, double channels)
{
    return tm_ghost_scaled(v->width, channels);
}

/* ---- V3: branches that become one convolution ---- */

static tm_branch branch(tm_builder *b, const char *name, tm_node *x, tm_conv conv)
{
    tm_push(b, "%s", name);
    tm_branch made = tm_conv_norm_branch(b, "conv", "bn1", x, conv, batch);
    tm_pop(b);
    return made;
}

/* name_rpr_conv.I; with `scale` name_rpr_scale of 1x1, with `skip` the norm name_rpr_skip */
static tm_node *rep_conv(tm_builder *b, const char *name, tm_node *x, tm_conv conv, bool scale,
                         bool skip)
{
    char part[32];
    tm_branch sum = {0};
    for (int i = 0; i < BRANCHES; i++) {
        snprintf(part, sizeof part, "%s_rpr_conv.%d", name, i);
        tm_branch made = branch(b, part, x, conv);
        sum = i == 0 ? made : tm_add_branch(b, sum, made);
    }
    tm_conv point = conv;
    point.kernel = 1;
    if (scale) {
        snprintf(part, sizeof part, "%s_rpr_scale", name);
        sum = tm_add_branch(b, sum, branch(b, part, x, point));
    }
    if (skip) {
        snprintf(part, sizeof part, "%s_rpr_skip", name);
        sum = tm_add_branch(b, sum, tm_norm_branch(b, part, x, batch));
    }
    return tm_conv2d_with(b, name, x, sum.weight, sum.bias, conv);
}

/* ---- ghost modules ---- */

/* of x at half its size, a gate for each channel of a map of h x w */
static tm_node *gate(tm_builder *b, tm_node *x, int out, int h, int w)
{
    tm_push(b, "short_conv");
    x = tm_pool2d(b, x, (tm_pool){.kernel = 2, .stride = 2});
    x = tm_conv_norm(b, "0", "1", x, (tm_conv){.out = out, .kernel = 1});
    x = tm_conv_norm(b, "2", "3", x,
                     (tm_conv){.out = out, .kernel = 1, .kernel_w = 5, .groups = TM_DEPTHWISE});
    x = tm_conv_norm(b, "4", "5", x,
                     (tm_conv){.out = out, .kernel = 5, .kernel_w = 1, .groups = TM_DEPTHWISE});
    tm_pop(b);
    return tm_upsample_nearest(b, tm_activate(b, x, TM_ACT_SIGMOID), h, w);
}

/* timm's GhostModule, V2 and V3: half of the channels by a pointwise convolution, half by a
 * depthwise one of those. All widths are even. */
static tm_node *ghost(tm_builder *b, const ghostnet_variant *v, const char *name, tm_node *x,
                      int out, bool wide, bool gated)
{
    tm_act_kind act = wide ? TM_ACT_RELU : TM_ACT_NONE;
    tm_conv point = {.out = out / 2, .kernel = 1};
    tm_conv depthwise = {.out = out / 2, .kernel = 3, .groups = TM_DEPTHWISE};
    tm_node *parts[2];
    tm_push(b, "%s", name);
    if (v->version == 3) {
        parts[0] = tm_activate(b, rep_conv(b, "primary", x, point, false, false), act);
        parts[1] = rep_conv(b, "cheap", parts[0], depthwise, true, true);
    } else {
        parts[0] = tm_conv_norm(b, "primary_conv.0", "primary_conv.1", x, point);
        parts[0] = tm_activate(b, parts[0], act);
        parts[1] = tm_conv_norm(b, "cheap_operation.0", "cheap_operation.1", parts[0], depthwise);
    }
    parts[1] = tm_activate(b, parts[1], act);
    tm_node *y = tm_concat_c(b, 2, parts);
    if (gated)
        y = tm_mul(b, y, gate(b, x, out, y->shape.h, y->shape.w));
    tm_pop(b);
    return y;
}

/* ---- blocks ---- */

static tm_node *project(tm_builder *b, tm_node *x, tm_conv depthwise, int out)
{
    if (x->shape.c == out && depthwise.stride == 1)
        return x;
    depthwise.out = x->shape.c;
    x = tm_conv_norm(b, "shortcut.0", "shortcut.1", x, depthwise);
    return tm_conv_norm(b, "shortcut.2", "shortcut.3", x, (tm_conv){.out = out, .kernel = 1});
}

static tm_node *downsample(tm_builder *b, const ghostnet_variant *v, tm_node *x, tm_conv depthwise)
{
    if (v->version == 3)
        return rep_conv(b, "dw", x, depthwise, true, false);
    return tm_conv_norm(b, "conv_dw", "bn_dw", x, depthwise);
}

static tm_node *block(tm_builder *b, const void *variant, tm_node *x, int index)
{
    const ghostnet_variant *v = variant;
    const tm_ghost_row *row = &rows[index];
    int out = scaled(v, row->out), middle = scaled(v, row->middle);
    tm_conv depthwise = {
        .out = middle, .kernel = row->kernel, .stride = row->stride, .groups = TM_DEPTHWISE};
    tm_node *shortcut = project(b, x, depthwise, out);
    x = ghost(b, v, "ghost1", x, middle, true, v->version > 1 && index >= GATED);
    if (row->stride > 1)
        x = downsample(b, v, x, depthwise);
    if (row->squeeze)
        x = tm_ghost_squeeze(b, x, middle);
    return tm_add(b, ghost(b, v, "ghost2", x, out, false, false), shortcut);
}

static void build(tm_builder *b, const void *variant)
{
    const ghostnet_variant *v = variant;
    tm_ghost ghost = {.width = v->width,
                      .rows = rows,
                      .count = ROWS,
                      .last = rows[ROWS - 1].middle,
                      .block = block};
    tm_ghost_build(b, &ghost, v);
}

/* The authors' norms of V3's branches are called bn; what counts operations has "total" in its
 * names. */
static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    (void)graph, (void)variant;
    tm_drop_containing(dict, "total");
    for (size_t i = 0; i < dict->count; i++) {
        tm_tensor_view *view = &dict->tensors[i];
        const char *at = strstr(view->name, "bn.");
        if (at && (strstr(view->name, ".ghost") || strstr(view->name, ".dw_rpr_")))
            tm_state_rename(dict, view, "%.*sbn1.%s", (int)(at - view->name), view->name, at + 3);
    }
}

const tm_family tm_family_ghostnet = {
    .module = "ghostnet", TM_VARIANTS(variants), .build = build, .filter = filter};
