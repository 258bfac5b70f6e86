/* SPDX-License-Identifier: Apache-2.0 */
/* timm's dla.py: deep layer aggregation (1707.06484), and with Res2Net's blocks. */
#include "layers/classifier.h"
#include "layers/conv_bn_act.h"
#include "layers/res2_block.h"
#include "layers/residual.h"
#include "layers/taps.h"
#include "models/filters.h"
#include "models/model.h"

enum { LEVELS = 6, MAX_CHILDREN = 8 };

typedef enum block_kind { BOTTLENECK, BASIC, RES2 } block_kind;

typedef struct dla_variant {
    const char *name;
    int levels[LEVELS], channels[LEVELS];
    block_kind block;
    int cardinality, base_width; /* 1, 64 */
    bool shortcut_root;
} dla_variant;

/* clang-format off */
static const dla_variant variants[] = {
    {.name = "dla34", .levels = {1, 1, 1, 2, 2, 1}, .channels = {16, 32, 64, 128, 256, 512},
     .block = BASIC},
    {.name = "dla46_c", .levels = {1, 1, 1, 2, 2, 1}, .channels = {16, 32, 64, 64, 128, 256}},
    {.name = "dla46x_c", .levels = {1, 1, 1, 2, 2, 1}, .channels = {16, 32, 64, 64, 128, 256},
     .cardinality = 32, .base_width = 4},
    {.name = "dla60", .levels = {1, 1, 1, 2, 3, 1}, .channels = {16, 32, 128, 256, 512, 1024}},
    {.name = "dla60_res2net", .levels = {1, 1, 1, 2, 3, 1},
     .channels = {16, 32, 128, 256, 512, 1024}, .block = RES2, .base_width = 28},
    {.name = "dla60_res2next", .levels = {1, 1, 1, 2, 3, 1},
     .channels = {16, 32, 128, 256, 512, 1024}, .block = RES2, .cardinality = 8,
     .base_width = 4},
    {.name = "dla60x", .levels = {1, 1, 1, 2, 3, 1}, .channels = {16, 32, 128, 256, 512, 1024},
     .cardinality = 32, .base_width = 4},
    {.name = "dla60x_c", .levels = {1, 1, 1, 2, 3, 1}, .channels = {16, 32, 64, 64, 128, 256},
     .cardinality = 32, .base_width = 4},
    {.name = "dla102", .levels = {1, 1, 1, 3, 4, 1}, .channels = {16, 32, 128, 256, 512, 1024},
     .shortcut_root = true},
    {.name = "dla102x", .levels = {1, 1, 1, 3, 4, 1}, .channels = {16, 32, 128, 256, 512, 1024},
     .cardinality = 32, .base_width = 4, .shortcut_root = true},
    {.name = "dla102x2", .levels = {1, 1, 1, 3, 4, 1}, .channels = {16, 32, 128, 256, 512, 1024},
     .cardinality = 64, .base_width = 4, .shortcut_root = true},
    {.name = "dla169", .levels = {1, 1, 2, 3, 5, 1}, .channels = {16, 32, 128, 256, 512, 1024},
     .shortcut_root = true},
};
/* clang-format on */

static tm_node *branch(tm_builder *b, const dla_variant *v, tm_node *x, int out, int stride)
{
    int cardinality = v->cardinality ? v->cardinality : 1;
    int width = out * (v->base_width ? v->base_width : 64) / 64 * cardinality / 2;
    if (v->block == RES2)
        return tm_res2_bottleneck(b, x,
                                  (tm_res2_block){.out = out,
                                                  .width = width,
                                                  .scale = 4,
                                                  .cardinality = cardinality,
                                                  .stride = stride,
                                                  .dilation = 1,
                                                  .first = stride > 1});
    return tm_residual_branch(b, x,
                              (tm_residual){.out = out,
                                            .stride = stride,
                                            .bottleneck = v->block == BASIC ? 0 : width,
                                            .groups = cardinality});
}

static tm_node *block(tm_builder *b, const dla_variant *v, const char *name, tm_node *x,
                      tm_node *shortcut, int stride)
{
    tm_push(b, "%s", name);
    tm_node *y = branch(b, v, x, shortcut->shape.c, stride);
    tm_pop(b);
    if (y->shape.h != shortcut->shape.h || y->shape.w != shortcut->shape.w) {
        tm_refuse(b,
                  "image of %d x %d: this family halves its shortcuts and takes sizes that stay "
                  "even",
                  b->options.img_h, b->options.img_w);
        return shortcut;
    }
    return tm_activate(b, tm_add(b, y, shortcut), TM_ACT_RELU);
}

/* What a tree's root sees besides its own two blocks. */
typedef struct family {
    tm_node *members[MAX_CHILDREN];
    int count;
} family;

static void add_child(family *children, tm_node *x)
{
    TM_ASSERT(children->count < MAX_CHILDREN);
    children->members[children->count++] = x;
}

/* A tree of one level: two blocks and the root, which aggregates them and the children. */
static tm_node *leaf_tree(tm_builder *b, const dla_variant *v, tm_node *x, tm_node *bottom, int out,
                          int stride, const family *children)
{
    family all = {.count = 2};
    if (x->shape.c != out)
        bottom =
            tm_conv_norm(b, "project.0", "project.1", bottom, (tm_conv){.out = out, .kernel = 1});
    all.members[1] = block(b, v, "tree1", x, bottom, stride);
    all.members[0] = block(b, v, "tree2", all.members[1], all.members[1], 1);
    for (int i = 0; i < children->count; i++)
        add_child(&all, children->members[i]);
    tm_push(b, "root");
    x = tm_conv_norm(b, "conv", "bn", tm_concat_c(b, all.count, all.members),
                     (tm_conv){.out = out, .kernel = 1});
    tm_pop(b);
    if (v->shortcut_root)
        x = tm_add(b, x, all.members[0]);
    return tm_activate(b, x, TM_ACT_RELU);
}

/* level_root: the tree's own input is a child, too */
static tm_node *tree(tm_builder *b, const dla_variant *v, tm_node *x, int levels, int out,
                     int stride, bool level_root, family children)
{
    tm_node *bottom = x;
    if (stride > 1)
        bottom = tm_pool2d(b, x, (tm_pool){.max = true, .kernel = stride});
    if (level_root)
        add_child(&children, bottom);
    if (levels == 1)
        return leaf_tree(b, v, x, bottom, out, stride, &children);
    tm_push(b, "tree1");
    x = tree(b, v, x, levels - 1, out, stride, false, (family){.count = 0});
    tm_pop(b);
    add_child(&children, x);
    tm_push(b, "tree2");
    x = tree(b, v, x, levels - 1, out, 1, false, children);
    tm_pop(b);
    return x;
}

static tm_node *conv_level(tm_builder *b, tm_node *x, int kernel, int out, int stride)
{
    tm_conv conv = {.out = out, .kernel = kernel, .stride = stride};
    return tm_activate(b, tm_conv_norm(b, "0", "1", x, conv), TM_ACT_RELU);
}

static void build(tm_builder *b, const void *variant)
{
    static const char *const names[LEVELS] = {"level0", "level1", "level2",
                                              "level3", "level4", "level5"};
    const dla_variant *v = variant;
    tm_push(b, "base_layer");
    tm_node *x = conv_level(b, b->graph->input, 7, v->channels[0], 1);
    tm_pop(b);
    for (int i = 0; i < LEVELS; i++) {
        tm_push(b, "%s", names[i]);
        if (i < 2)
            x = conv_level(b, x, 3, v->channels[i], i + 1);
        else
            x = tree(b, v, x, v->levels[i], v->channels[i], 2, i > 2, (family){.count = 0});
        tm_pop(b);
        tm_tap_stage(b, names[i], x, 1 << i);
    }
    b->graph->default_features = LEVELS - 1;
    tm_tap_final(b, x);
    tm_conv_classifier_head(b, x, "avg", "fc");
}

/* Old checkpoints hold projections of trees that add no shortcut. */
static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    (void)variant;
    tm_keep_known(dict, graph);
}

static const tm_argument arguments[] = {
    TM_TAKES(dla_variant, "channels", LIST, channels, TM_WIDTHS),
    TM_TAKES(dla_variant, "cardinality", INTEGER, cardinality, 1, 1024),
    TM_TAKES(dla_variant, "base_width", INTEGER, base_width, TM_WIDTHS),
};

const tm_family tm_family_dla = {.module = "dla",
                                 TM_VARIANTS(variants),
                                 TM_ARGUMENTS(arguments),
                                 .build = build,
                                 .filter = filter};
