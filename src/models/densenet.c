/* SPDX-License-Identifier: Apache-2.0 */
/* timm's densenet.py: DenseNet (1608.06993), with deep stems and with blur pool (1904.11486). */
#include <stdio.h>

#include "layers/blur_pool.h"
#include "layers/classifier.h"
#include "layers/taps.h"
#include "models/filters.h"
#include "models/model.h"

typedef struct densenet_variant {
    const char *name;
    int growth; /* channels that a layer adds */
    int layers[4];
    bool deep_stem; /* three 3x3 convolutions in place of one 7x7 */
    bool blur;      /* anti-aliasing in the stem's pool */
    bool in_place;  /* In-Place Activated BatchNorm: by the weight's magnitude, leaky ReLU */
} densenet_variant;

static const densenet_variant variants[] = {
    {.name = "densenet121", .growth = 32, .layers = {6, 12, 24, 16}},
    {.name = "densenet121d", .growth = 32, .layers = {6, 12, 24, 16}, .deep_stem = true},
    {.name = "densenet161", .growth = 48, .layers = {6, 12, 36, 24}},
    {.name = "densenet169", .growth = 32, .layers = {6, 12, 32, 32}},
    {.name = "densenet201", .growth = 32, .layers = {6, 12, 48, 32}},
    {.name = "densenet264", .growth = 48, .layers = {6, 12, 64, 48}},
    {.name = "densenet264d", .growth = 48, .layers = {6, 12, 64, 48}, .deep_stem = true},
    {.name = "densenet264d_iabn",
     .growth = 48,
     .layers = {6, 12, 64, 48},
     .deep_stem = true,
     .in_place = true},
    {.name = "densenetblur121d",
     .growth = 32,
     .layers = {6, 12, 24, 16},
     .deep_stem = true,
     .blur = true},
};

static tm_node *norm_act(tm_builder *b, const densenet_variant *v, const char *name, tm_node *x)
{
    x = tm_normalize(b, name, x, (tm_norm){.kind = TM_NORM_BATCH, .magnitude = v->in_place});
    return tm_activate(b, x, v->in_place ? TM_ACT_LEAKY_RELU : TM_ACT_RELU);
}

/* up to the pool, which comes after the first feature */
static tm_node *stem(tm_builder *b, const densenet_variant *v, tm_node *x)
{
    if (!v->deep_stem) {
        tm_conv seven = {.out = 2 * v->growth, .kernel = 7, .stride = 2};
        return norm_act(b, v, "norm0", tm_conv2d(b, "conv0", x, seven));
    }
    tm_conv conv = {.out = v->growth, .kernel = 3, .stride = 2};
    x = norm_act(b, v, "norm0", tm_conv2d(b, "conv0", x, conv));
    conv.stride = 1;
    x = norm_act(b, v, "norm1", tm_conv2d(b, "conv1", x, conv));
    conv.out = 2 * v->growth;
    return norm_act(b, v, "norm2", tm_conv2d(b, "conv2", x, conv));
}

static tm_node *stem_pool(tm_builder *b, const densenet_variant *v, tm_node *x)
{
    int stride = v->blur ? 1 : 2;
    x = tm_pool2d(b, x, (tm_pool){.max = true, .kernel = 3, .stride = stride, .pad = 1});
    return v->blur ? tm_anti_alias(b, x, TM_AA_BLUR, 2) : x;
}

static tm_node *dense_layer(tm_builder *b, const densenet_variant *v, tm_node *x)
{
    x = norm_act(b, v, "norm1", x);
    x = tm_conv2d(b, "conv1", x, (tm_conv){.out = 4 * v->growth, .kernel = 1});
    x = norm_act(b, v, "norm2", x);
    return tm_conv2d(b, "conv2", x, (tm_conv){.out = v->growth, .kernel = 3});
}

static tm_node *dense_block(tm_builder *b, const densenet_variant *v, tm_node *x, int layers)
{
    for (int i = 0; i < layers; i++) {
        tm_push(b, "denselayer%d", i + 1);
        tm_node *parts[] = {x, dense_layer(b, v, x)};
        tm_pop(b);
        x = tm_concat_c(b, 2, parts);
    }
    return x;
}

static tm_node *transition(tm_builder *b, const densenet_variant *v, tm_node *x)
{
    x = norm_act(b, v, "norm", x);
    x = tm_conv2d(b, "conv", x, (tm_conv){.out = x->shape.c / 2, .kernel = 1});
    return tm_pool2d(b, x, (tm_pool){.kernel = 2});
}

static tm_node *block_and_transition(tm_builder *b, const densenet_variant *v, tm_node *x, int i)
{
    char module[32];
    snprintf(module, sizeof module, "features.denseblock%d", i + 1);
    tm_push(b, "denseblock%d", i + 1);
    x = dense_block(b, v, x, v->layers[i]);
    tm_pop(b);
    if (i == 3)
        return x;
    tm_tap_stage(b, module, x, 4 << i);
    tm_push(b, "transition%d", i + 1);
    x = transition(b, v, x);
    tm_pop(b);
    return x;
}

static void build(tm_builder *b, const void *variant)
{
    const densenet_variant *v = variant;
    tm_push(b, "features");
    tm_node *x = stem(b, v, b->graph->input);
    tm_tap_stage(b, v->deep_stem ? "features.norm2" : "features.norm0", x, 2);
    x = stem_pool(b, v, x);
    for (int i = 0; i < 4; i++)
        x = block_and_transition(b, v, x, i);
    x = norm_act(b, v, "norm5", x);
    tm_pop(b);
    tm_tap_stage(b, "features.norm5", x, 32);
    tm_tap_final(b, x);
    tm_classifier_head(b, x, "avg", "classifier");
}

/* torchvision's first checkpoints have a dot in the names of a layer's parts. */
static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    static const tm_replacement table[] = {{".norm.1.", ".norm1."},
                                           {".norm.2.", ".norm2."},
                                           {".conv.1.", ".conv1."},
                                           {".conv.2.", ".conv2."}};
    (void)graph, (void)variant;
    tm_replace_all(dict, table, sizeof table / sizeof *table);
}

static const tm_argument arguments[] = {
    TM_TAKES(densenet_variant, "growth_rate", INTEGER, growth, 1, 1024),
    TM_TAKES(densenet_variant, "block_config", LIST, layers, TM_DEPTHS),
};

const tm_family tm_family_densenet = {.module = "densenet",
                                      TM_VARIANTS(variants),
                                      TM_ARGUMENTS(arguments),
                                      .build = build,
                                      .filter = filter};
