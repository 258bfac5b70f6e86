/* SPDX-License-Identifier: Apache-2.0 */
/* timm's cspnext.py: CSPNeXt, the backbone of RTMDet (2212.07784). */
#include <stdio.h>

#include "layers/classifier.h"
#include "layers/conv_bn_act.h"
#include "layers/squeeze_excite.h"
#include "layers/stages.h"
#include "layers/taps.h"
#include "models/filters.h"
#include "models/model.h"

typedef struct cspnext_variant {
    const char *name;
    int channels; /* of the first stage; they double */
    int depths[4];
} cspnext_variant;

static const cspnext_variant variants[] = {
    {"cspnext_l", 128, {3, 6, 6, 3}}, {"cspnext_m", 96, {2, 4, 4, 2}},
    {"cspnext_s", 64, {1, 2, 2, 1}},  {"cspnext_tiny", 48, {1, 1, 1, 1}},
    {"cspnext_x", 160, {4, 8, 8, 4}},
};

static tm_node *conv(tm_builder *b, const char *name, tm_node *x, tm_conv conv)
{
    return tm_conv_norm_act(b, name, x, conv, (tm_conv_tail){.act = TM_ACT_SILU});
}

static tm_node *point(tm_builder *b, const char *name, tm_node *x, int out)
{
    return conv(b, name, x, (tm_conv){.out = out, .kernel = 1});
}

static tm_node *stem(tm_builder *b, tm_node *x, int out)
{
    tm_push(b, "stem");
    x = conv(b, "0", x, (tm_conv){.out = out / 2, .kernel = 3, .stride = 2});
    x = conv(b, "1", x, (tm_conv){.out = out / 2, .kernel = 3});
    x = conv(b, "2", x, (tm_conv){.out = out, .kernel = 3});
    tm_pop(b);
    return x;
}

/* Spatial pyramid pooling: maxima of 5x5, 9x9 and 13x13 pixels beside the pixel itself. */
static tm_node *pyramid(tm_builder *b, tm_node *x)
{
    int out = x->shape.c;
    tm_node *parts[4] = {point(b, "conv1", x, out / 2)};
    for (int i = 1; i < 4; i++) {
        int kernel = 4 * i + 1;
        parts[i] = tm_pool2d(
            b, parts[0], (tm_pool){.max = true, .kernel = kernel, .stride = 1, .pad = kernel / 2});
    }
    return point(b, "conv2", tm_concat_c(b, 4, parts), out);
}

static tm_node *block(tm_builder *b, tm_node *shortcut, int dilation, bool add)
{
    int channels = shortcut->shape.c;
    tm_node *x =
        conv(b, "conv1", shortcut, (tm_conv){.out = channels, .kernel = 3, .dilation = dilation});
    x = conv(b, "conv2.depthwise_conv", x,
             (tm_conv){.out = channels, .kernel = 5, .dilation = dilation, .groups = TM_DEPTHWISE});
    x = point(b, "conv2.pointwise_conv", x, channels);
    return add ? tm_add(b, x, shortcut) : x;
}

static tm_node *layer(tm_builder *b, tm_node *x, int blocks, int dilation, bool add)
{
    int out = x->shape.c;
    tm_node *shortcut = point(b, "short_conv", x, out / 2);
    x = point(b, "main_conv", x, out / 2);
    for (int i = 0; i < blocks; i++) {
        tm_push(b, "blocks.%d", i);
        x = block(b, x, dilation, add);
        tm_pop(b);
    }
    tm_node *parts[] = {x, shortcut};
    x = tm_effective_squeeze_excite(b, "attention", tm_concat_c(b, 2, parts));
    return point(b, "final_conv", x, out);
}

/* The strided convolution is dilated by what was in force before the stage. */
static tm_node *stage(tm_builder *b, const cspnext_variant *v, tm_node *x, int index,
                      tm_stages *walk)
{
    int before = walk->dilation;
    bool last = index == 3;
    tm_stage at = tm_stages_next(walk, 2);
    tm_push(b, "stages.%d", index);
    x = conv(
        b, "0", x,
        (tm_conv){
            .out = v->channels << index, .kernel = 3, .stride = at.stride, .dilation = before});
    if (last) {
        tm_push(b, "1");
        x = pyramid(b, x);
        tm_pop(b);
    }
    tm_push(b, last ? "2" : "1");
    x = layer(b, x, v->depths[index], at.dilation, !last);
    tm_pop(b);
    tm_pop(b);
    return x;
}

static void build(tm_builder *b, const void *variant)
{
    const cspnext_variant *v = variant;
    tm_node *x = stem(b, b->graph->input, v->channels / 2);
    tm_tap_stage(b, "stem", x, 2);
    tm_stages walk = tm_stages_begin(b, 2, 8);
    for (int i = 0; i < 4; i++) {
        x = stage(b, v, x, i, &walk);
        tm_tap_stage_of(b, "stages", i, x, walk.reduction);
    }
    tm_tap_final(b, x);
    tm_classifier_head(b, x, "avg", "head.fc");
}

/* OpenMMLab's names. */
static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    (void)graph, (void)variant;
    tm_state_replace_prefix(dict, "backbone.", "");
    for (int i = 1; i <= 4; i++) {
        char from[32], to[32];
        snprintf(from, sizeof from, "stage%d.", i);
        snprintf(to, sizeof to, "stages.%d.", i - 1);
        tm_state_replace_prefix(dict, from, to);
    }
}

const tm_family tm_family_cspnext = {
    .module = "cspnext", TM_VARIANTS(variants), .build = build, .filter = filter};
