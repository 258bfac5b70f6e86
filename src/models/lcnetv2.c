/* SPDX-License-Identifier: Apache-2.0 */
/* timm's lcnetv2.py: PP-LCNetV2. Depthwise branches of several kernels become one convolution at
 * load. */
#include <stdio.h>

#include "layers/classifier.h"
#include "layers/conv_bn_act.h"
#include "layers/make_divisible.h"
#include "layers/squeeze_excite.h"
#include "layers/taps.h"
#include "models/model.h"

typedef struct lcnetv2_variant {
    const char *name;
    double scale;
    int depths[4];
} lcnetv2_variant;

static const lcnetv2_variant variants[] = {
    {"lcnetv2_base", 1.0, {2, 2, 6, 2}},
    {"lcnetv2_large", 1.25, {2, 2, 8, 2}},
    {"lcnetv2_small", 0.75, {2, 2, 4, 2}},
};

/* What the blocks of a stage are like. */
typedef struct design {
    int channels, kernel;
    bool split;    /* the pointwise convolution, in two */
    bool branches; /* of the depthwise one: of the kernel and of smaller ones */
    bool excite, shortcut;
} design;

static const design stem_design = {.kernel = 3};
static const design designs[] = {
    {.channels = 128, .kernel = 3},
    {.channels = 256, .kernel = 3},
    {.channels = 512, .kernel = 5, .split = true, .branches = true, .excite = true},
    {.channels = 1024, .kernel = 5, .branches = true, .shortcut = true},
};

static const tm_conv_tail relu = {.act = TM_ACT_RELU};

static tm_conv depthwise(const tm_node *x, int kernel, int stride)
{
    return (tm_conv){.out = x->shape.c, .kernel = kernel, .stride = stride, .groups = TM_DEPTHWISE};
}

/* One of a single pixel is left out where there is a stride. */
static tm_node *branches(tm_builder *b, tm_node *x, int kernel, int stride)
{
    tm_norm norm = {.kind = TM_NORM_BATCH};
    tm_branch sum = {0};
    int index = 0;
    for (int k = kernel; k > 0 && (k > 1 || stride == 1); k -= 2, index++) {
        tm_push(b, "dw_conv_list.%d", index);
        tm_branch part = tm_conv_norm_branch(b, "conv", "bn", x, depthwise(x, k, stride), norm);
        sum = index ? tm_add_branch(b, sum, part) : part;
        tm_pop(b);
    }
    return tm_conv2d_with(b, "dw_conv", x, sum.weight, sum.bias, depthwise(x, kernel, stride));
}

static tm_node *block(tm_builder *b, const design *d, tm_node *x, int out, int stride)
{
    tm_node *shortcut = x;
    int in = x->shape.c;
    if (d->branches)
        x = tm_activate(b, branches(b, x, d->kernel, stride), TM_ACT_RELU);
    else
        x = tm_conv_norm_act(b, "dw_conv", x, depthwise(x, d->kernel, stride), relu);
    if (d->excite)
        x = tm_squeeze_excite(b, "se", x, (int)(in * 0.25));
    tm_conv point = {.out = out, .kernel = 1}, half = {.out = out / 2, .kernel = 1};
    if (d->split)
        x = tm_conv_norm_act(b, "pw_conv.0", x, half, relu);
    x = tm_conv_norm_act(b, d->split ? "pw_conv.1" : "pw_conv", x, point, relu);
    return d->shortcut && stride == 1 && in == out ? tm_add(b, x, shortcut) : x;
}

static int width(const lcnetv2_variant *v, int channels)
{
    return tm_divisible(channels * v->scale, 8, 0.9);
}

static void build(tm_builder *b, const void *variant)
{
    const lcnetv2_variant *v = variant;
    tm_conv first = {.out = width(v, 32), .kernel = 3, .stride = 2};
    tm_node *x = tm_conv_norm_act(b, "stem.0", b->graph->input, first, relu);
    tm_push(b, "stem.1");
    x = block(b, &stem_design, x, width(v, 64), 1);
    tm_pop(b);
    for (int i = 0; i < 4; i++) {
        char module[24];
        snprintf(module, sizeof module, "stages.%d", i);
        for (int k = 0; k < v->depths[i]; k++) {
            tm_push(b, "%s.%d", module, k);
            x = block(b, &designs[i], x, width(v, designs[i].channels), k ? 1 : 2);
            tm_pop(b);
        }
        tm_tap_stage(b, module, x, 4 << i);
    }
    tm_tap_final(b, x);
    tm_hidden_classifier_head(
        b, x,
        (tm_hidden_head){
            .conv = "conv_head", .classifier = "classifier", .hidden = 1280, .act = TM_ACT_RELU});
}

static const tm_argument arguments[] = {
    TM_TAKES(lcnetv2_variant, "scale", NUMBER, scale, 0.1, 64),
    TM_TAKES(lcnetv2_variant, "depths", LIST, depths, TM_DEPTHS),
};

const tm_family tm_family_lcnetv2 = {
    .module = "lcnetv2", TM_VARIANTS(variants), TM_ARGUMENTS(arguments), .build = build};
