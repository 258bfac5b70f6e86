/* SPDX-License-Identifier: Apache-2.0 */
/* timm's convmixer.py: ConvMixer (2201.09792). The norms stand behind the activations, so no
 * convolution can take them. */
#include <stdio.h>

#include "layers/classifier.h"
#include "layers/taps.h"
#include "models/model.h"

typedef struct convmixer_variant {
    const char *name;
    int width, depth, kernel, patch;
    tm_act_kind act;
} convmixer_variant;

static const convmixer_variant variants[] = {
    {"convmixer_1024_20_ks9_p14", 1024, 20, 9, 14, TM_ACT_GELU},
    {"convmixer_1536_20", 1536, 20, 9, 7, TM_ACT_GELU},
    {"convmixer_768_32", 768, 32, 7, 7, TM_ACT_RELU},
};

/* Layer `first` of the scope, its activation, and the norm two layers on. */
static tm_node *conv_act_norm(tm_builder *b, int first, tm_node *x, tm_conv conv, tm_act_kind act)
{
    char name[8];
    snprintf(name, sizeof name, "%d", first);
    x = tm_activate(b, tm_conv2d(b, name, x, conv), act);
    snprintf(name, sizeof name, "%d", first + 2);
    return tm_normalize(b, name, x, (tm_norm){.kind = TM_NORM_BATCH});
}

static tm_node *block(tm_builder *b, const convmixer_variant *v, tm_node *x)
{
    tm_conv depthwise = {
        .out = v->width, .kernel = v->kernel, .groups = TM_DEPTHWISE, .bias = true};
    tm_push(b, "0.fn");
    x = tm_add(b, conv_act_norm(b, 0, x, depthwise, v->act), x);
    tm_pop(b);
    return conv_act_norm(b, 1, x, (tm_conv){.out = v->width, .kernel = 1, .bias = true}, v->act);
}

static void build(tm_builder *b, const void *variant)
{
    const convmixer_variant *v = variant;
    tm_conv patches = {.out = v->width,
                       .kernel = v->patch,
                       .stride = v->patch,
                       .padding = TM_PAD_VALID,
                       .bias = true};
    tm_push(b, "stem");
    tm_node *x = conv_act_norm(b, 0, b->graph->input, patches, v->act);
    tm_pop(b);
    for (int i = 0; i < v->depth; i++) {
        tm_push(b, "blocks.%d", i);
        x = block(b, v, x);
        tm_pop(b);
        tm_tap_stage_of(b, "blocks", i, x, v->patch);
    }
    b->graph->default_features = 3;
    b->graph->pruning = TM_PRUNING_KEPT;
    tm_tap_final(b, x);
    tm_classifier_head(b, x, "avg", "head");
}

const tm_family tm_family_convmixer = {
    .module = "convmixer", TM_VARIANTS(variants), .build = build};
