/* SPDX-License-Identifier: Apache-2.0 */
/* timm's tresnet.py: TResNet (2003.13630), ResNet for fast training. */
#include <stdio.h>

#include "layers/classifier.h"
#include "layers/conv_bn_act.h"
#include "layers/downsample.h"
#include "layers/squeeze_excite.h"
#include "layers/taps.h"
#include "models/model.h"

typedef struct tresnet_variant {
    const char *name;
    int layers[4];
    int width; /* of the first stage */
    bool v2;   /* bottlenecks in all stages, not in the last two */
} tresnet_variant;

static const tresnet_variant variants[] = {
    {.name = "tresnet_l", .layers = {4, 5, 18, 3}, .width = 76},
    {.name = "tresnet_m", .layers = {3, 4, 11, 3}, .width = 64},
    {.name = "tresnet_v2_l", .layers = {3, 4, 23, 3}, .width = 64, .v2 = true},
    {.name = "tresnet_xl", .layers = {4, 5, 24, 3}, .width = 83},
};

typedef struct tresnet_block {
    int planes, stride;
    bool bottleneck, squeeze;
} tresnet_block;

static tm_node *conv_norm(tm_builder *b, const char *name, tm_node *x, int out, int kernel)
{
    return tm_conv_norm_act(b, name, x, (tm_conv){.out = out, .kernel = kernel}, (tm_conv_tail){0});
}

/* the stride is a blur pool's */
static tm_node *conv_act(tm_builder *b, const char *name, tm_node *x, int out, int kernel,
                         int stride)
{
    x = tm_activate_param(b, conv_norm(b, name, x, out, kernel), TM_ACT_LEAKY_RELU, 1e-3f);
    return stride > 1 ? tm_anti_alias(b, x, TM_AA_BLUR, stride) : x;
}

static tm_node *squeeze(tm_builder *b, tm_node *x, int reduced)
{
    return tm_squeeze_excite(b, "se", x, reduced > 64 ? reduced : 64);
}

static tm_node *basic(tm_builder *b, tm_node *x, tresnet_block p)
{
    x = conv_act(b, "conv1", x, p.planes, 3, p.stride);
    x = conv_norm(b, "conv2", x, p.planes, 3);
    return p.squeeze ? squeeze(b, x, p.planes / 4) : x;
}

static tm_node *bottleneck(tm_builder *b, tm_node *x, tresnet_block p)
{
    x = conv_act(b, "conv1", x, p.planes, 1, 1);
    x = conv_act(b, "conv2", x, p.planes, 3, p.stride);
    if (p.squeeze)
        x = squeeze(b, x, p.planes / 2);
    return conv_norm(b, "conv3", x, 4 * p.planes, 1);
}

static tm_node *block(tm_builder *b, tm_node *x, tresnet_block p)
{
    int out = p.bottleneck ? 4 * p.planes : p.planes;
    tm_node *shortcut = x;
    if (p.stride > 1 || x->shape.c != out)
        shortcut = conv_norm(b, p.stride > 1 ? "downsample.1" : "downsample.0",
                             tm_shortcut_pool(b, x, p.stride, 1), out, 1);
    x = p.bottleneck ? bottleneck(b, x, p) : basic(b, x, p);
    return tm_activate(b, tm_add(b, x, shortcut), TM_ACT_RELU);
}

static tm_node *stage(tm_builder *b, const tresnet_variant *v, tm_node *x, int index)
{
    tresnet_block p = {.planes = v->width << index,
                       .stride = index > 0 ? 2 : 1,
                       .bottleneck = v->v2 || index >= 2,
                       .squeeze = index < 3};
    tm_push(b, "layer%d", index + 1);
    for (int i = 0; i < v->layers[index]; i++) {
        tm_push(b, "%d", i);
        x = block(b, x, p);
        tm_pop(b);
        p.stride = 1;
    }
    tm_pop(b);
    return x;
}

static void build(tm_builder *b, const void *variant)
{
    const tresnet_variant *v = variant;
    tm_node *x = b->graph->input;
    if (x->shape.h % 4 || x->shape.w % 4)
        tm_refuse(b, "a picture of %d x %d: both sides must be divisible by 4", x->shape.h,
                  x->shape.w);
    tm_push(b, "body");
    x = conv_norm(b, "conv1", tm_space_to_depth(b, x, 4), v->width, 3);
    x = tm_activate_param(b, x, TM_ACT_LEAKY_RELU, 0.01f);
    tm_tap_stage(b, "", x, 2); /* timm's words: the map is at 1/4 */
    for (int i = 0; i < 4; i++) {
        char module[32];
        snprintf(module, sizeof module, "body.layer%d", i + 1);
        x = stage(b, v, x, i);
        tm_tap_stage(b, module, x, 4 << i);
    }
    tm_pop(b);
    b->graph->default_features = 4;
    tm_tap_final(b, x);
    tm_classifier_head(b, x, "avg", "head.fc");
}

const tm_family tm_family_tresnet = {.module = "tresnet", TM_VARIANTS(variants), .build = build};
