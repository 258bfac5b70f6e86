/* SPDX-License-Identifier: Apache-2.0 */
/* timm's convmixer.py: ConvMixer (2201.09792); the norm comes after the activation. */
#include <stdio.h>

#include "layers/classifier.h"
#include "layers/taps.h"
#include "models/model.h"

typedef struct convmixer_variant {
    const char *name;
    int dim, depth, kernel, patch;
    tm_act_kind act;
} convmixer_variant;

static const convmixer_variant variants[] = {
    {"convmixer_1024_20_ks9_p14", 1024, 20, 9, 14, TM_ACT_GELU},
    {"convmixer_1536_20", 1536, 20, 9, 7, TM_ACT_GELU},
    {"convmixer_768_32", 768, 32, 7, 7, TM_ACT_RELU},
};

static tm_node *conv_act_norm(tm_builder *b, const convmixer_variant *v, const char *conv_name,
                              const char *norm_name, tm_node *x, tm_conv conv)
{
    conv.out = v->dim;
    conv.bias = true;
    x = tm_activate(b, tm_conv2d(b, conv_name, x, conv), v->act);
    return tm_normalize(b, norm_name, x, (tm_norm){.kind = TM_NORM_BATCH});
}

static tm_node *block(tm_builder *b, const convmixer_variant *v, tm_node *x)
{
    tm_conv spatial = {.kernel = v->kernel, .groups = TM_DEPTHWISE};
    x = tm_add(b, conv_act_norm(b, v, "0.fn.0", "0.fn.2", x, spatial), x);
    return conv_act_norm(b, v, "1", "3", x, (tm_conv){.kernel = 1});
}

static void build(tm_builder *b, const void *variant)
{
    const convmixer_variant *v = variant;
    tm_conv patches = {.kernel = v->patch, .stride = v->patch, .padding = TM_PAD_VALID};
    tm_node *x = conv_act_norm(b, v, "stem.0", "stem.2", b->graph->input, patches);
    for (int i = 0; i < v->depth; i++) {
        char module[32];
        snprintf(module, sizeof module, "blocks.%d", i);
        tm_push(b, "%s", module);
        x = block(b, v, x);
        tm_pop(b);
        tm_tap_stage(b, module, x, v->patch);
    }
    b->graph->default_features = 3;
    tm_tap_final(b, x);
    tm_classifier_head(b, x, "avg", "head");
}

const tm_family tm_family_convmixer = {
    .module = "convmixer", TM_VARIANTS(variants), .build = build};
