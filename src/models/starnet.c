/* SPDX-License-Identifier: Apache-2.0 */
/* timm's starnet.py: StarNet (2403.19967), whose blocks multiply two branches. */
#include <stdio.h>

#include "layers/classifier.h"
#include "layers/taps.h"
#include "models/model.h"

typedef struct starnet_variant {
    const char *name;
    int dim; /* of the first stage; it doubles */
    int depths[4];
    int ratio; /* of a branch to the block; 0: 4 */
} starnet_variant;

static const starnet_variant variants[] = {
    {.name = "starnet_s050", .dim = 16, .depths = {1, 1, 3, 1}, .ratio = 3},
    {.name = "starnet_s1", .dim = 24, .depths = {2, 2, 8, 3}},
    {.name = "starnet_s100", .dim = 20, .depths = {1, 2, 4, 1}},
    {.name = "starnet_s150", .dim = 24, .depths = {1, 2, 4, 2}, .ratio = 3},
    {.name = "starnet_s2", .dim = 32, .depths = {1, 2, 6, 2}},
    {.name = "starnet_s3", .dim = 32, .depths = {2, 2, 8, 4}},
    {.name = "starnet_s4", .dim = 32, .depths = {3, 3, 12, 5}},
};

static const tm_norm batch = {.kind = TM_NORM_BATCH};

static tm_node *conv(tm_builder *b, const char *name, tm_node *x, tm_conv conv, bool norm)
{
    conv.bias = true;
    tm_push(b, "%s", name);
    x = tm_conv2d(b, "conv", x, conv);
    if (norm)
        x = tm_normalize(b, "bn", x, batch);
    tm_pop(b);
    return x;
}

static tm_node *block(tm_builder *b, tm_node *shortcut, int ratio)
{
    int dim = shortcut->shape.c;
    tm_conv wide = {.out = ratio * dim, .kernel = 1};
    tm_conv depthwise = {.out = dim, .kernel = 7, .groups = TM_DEPTHWISE};
    tm_node *x = conv(b, "dwconv", shortcut, depthwise, true);
    tm_node *left = conv(b, "f1", x, wide, false), *right = conv(b, "f2", x, wide, false);
    x = tm_mul(b, tm_activate(b, left, TM_ACT_RELU6), right);
    x = conv(b, "g", x, (tm_conv){.out = dim, .kernel = 1}, true);
    return tm_add(b, shortcut, conv(b, "dwconv2", x, depthwise, false));
}

static tm_node *stage(tm_builder *b, const starnet_variant *v, tm_node *x, int index)
{
    tm_push(b, "stages.%d", index);
    x = conv(b, "0", x, (tm_conv){.out = v->dim << index, .kernel = 3, .stride = 2}, true);
    for (int i = 0; i < v->depths[index]; i++) {
        tm_push(b, "%d", i + 1);
        x = block(b, x, v->ratio ? v->ratio : 4);
        tm_pop(b);
    }
    tm_pop(b);
    return x;
}

static void build(tm_builder *b, const void *variant)
{
    const starnet_variant *v = variant;
    tm_node *x =
        conv(b, "stem.0", b->graph->input, (tm_conv){.out = 32, .kernel = 3, .stride = 2}, true);
    x = tm_activate(b, x, TM_ACT_RELU6);
    for (int i = 0; i < 4; i++) {
        char module[32];
        snprintf(module, sizeof module, "stages.%d", i);
        x = stage(b, v, x, i);
        tm_tap_feature(b, module, x, 4 << i);
        bool norm = i == 3 && tm_option_norm_intermediates(b);
        tm_tap_intermediate(b, norm ? tm_normalize(b, "norm", x, batch) : x, TM_LAYOUT_MAP);
    }
    x = tm_normalize(b, "norm", x, batch);
    tm_tap_final(b, x);
    tm_classifier_head(b, x, "avg", "head");
}

static const tm_argument arguments[] = {
    TM_TAKES(starnet_variant, "base_dim", INTEGER, dim, TM_WIDTHS),
    TM_TAKES(starnet_variant, "depths", LIST, depths, TM_DEPTHS),
    TM_TAKES(starnet_variant, "mlp_ratio", INTEGER, ratio, 1, 64),
};

const tm_family tm_family_starnet = {
    .module = "starnet", TM_VARIANTS(variants), TM_ARGUMENTS(arguments), .build = build};
