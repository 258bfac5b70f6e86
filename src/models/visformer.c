/* SPDX-License-Identifier: Apache-2.0 */
/* timm's visformer.py: Visformer (2104.12533). */
#include <stdio.h>

#include "layers/classifier.h"
#include "layers/patch_embed.h"
#include "models/model.h"

enum { STAGES = 3, GROUPS = 8 };

typedef struct visformer_variant {
    const char *name;
    int stem, width, heads; /* width of the second stage: half of it before, twice after */
} visformer_variant;

static const visformer_variant variants[] = {
    {.name = "visformer_small", .stem = 32, .width = 384, .heads = 6},
    {.name = "visformer_tiny", .stem = 16, .width = 192, .heads = 3},
};

static const int depths[STAGES] = {7, 4, 4};
static const tm_norm norm = {.kind = TM_NORM_BATCH};

static tm_node *pointwise(tm_builder *b, const char *name, tm_node *x, int out)
{
    return tm_conv2d(b, name, x, (tm_conv){.out = out, .kernel = 1});
}

static tm_node *attend(tm_builder *b, tm_node *x, int heads)
{
    tm_shape s = x->shape;
    tm_push(b, "attn");
    x = tm_map_tokens(b, pointwise(b, "qkv", x, 3 * s.c));
    x = tm_attend(b, tm_slice_c(b, x, 0, s.c), tm_slice_c(b, x, s.c, s.c),
                  tm_slice_c(b, x, 2 * s.c, s.c), (tm_attention){.heads = heads});
    x = pointwise(b, "proj", tm_reshape(b, x, s.h, s.w, s.c), s.c);
    tm_pop(b);
    return x;
}

/* With a grouped convolution in the middle of a narrower one. */
static tm_node *feed_forward(tm_builder *b, tm_node *x, bool spatial)
{
    int c = x->shape.c, hidden = (spatial ? 2 : 4) * c;
    tm_push(b, "mlp");
    x = tm_activate(b, pointwise(b, "conv1", x, hidden), TM_ACT_GELU);
    if (spatial) {
        x = tm_conv2d(b, "conv2", x, (tm_conv){.out = hidden, .kernel = 3, .groups = GROUPS});
        x = tm_activate(b, x, TM_ACT_GELU);
    }
    x = pointwise(b, "conv3", x, c);
    tm_pop(b);
    return x;
}

static tm_node *stage(tm_builder *b, const visformer_variant *v, tm_node *x, int index)
{
    char name[16];
    snprintf(name, sizeof name, "patch_embed%d", index + 1);
    x = tm_patch_embed(b, name, x, v->width / 2 << index, index ? 2 : 4, true);
    tm_push(b, "%s", name);
    x = tm_normalize(b, "norm", x, norm);
    tm_pop(b);
    snprintf(name, sizeof name, "pos_embed%d", index + 1);
    x = tm_add_map_positions(b, name, x);
    for (int i = 0; i < depths[index]; i++) {
        tm_push(b, "stage%d.%d", index + 1, i);
        if (index)
            x = tm_add(b, x, attend(b, tm_normalize(b, "norm1", x, norm), v->heads));
        x = tm_add(b, x, feed_forward(b, tm_normalize(b, "norm2", x, norm), index == 0));
        tm_pop(b);
    }
    return x;
}

static void build(tm_builder *b, const void *variant)
{
    const visformer_variant *v = variant;
    tm_node *x = b->graph->input;
    if (x->shape.h % 2 || x->shape.w % 2)
        tm_refuse(b, "picture %dx%d: the position embedding is made for even sides", x->shape.h,
                  x->shape.w);
    x = tm_conv2d(b, "stem.0", x, (tm_conv){.out = v->stem, .kernel = 7, .stride = 2});
    x = tm_activate(b, tm_normalize(b, "stem.1", x, norm), TM_ACT_RELU);
    for (int i = 0; i < STAGES; i++) {
        char module[16];
        x = stage(b, v, x, i);
        snprintf(module, sizeof module, "stage%d", i + 1);
        tm_tap_feature(b, module, x, 8 << i);
        bool last = i == STAGES - 1 && tm_option_norm_intermediates(b);
        tm_tap_intermediate(b, last ? tm_normalize(b, "norm", x, norm) : x, TM_LAYOUT_MAP);
    }
    x = tm_normalize(b, "norm", x, norm);
    tm_tap_output(b, TM_TAP_FINAL, x, TM_LAYOUT_MAP);
    tm_tap_output(b, TM_TAP_FORWARD_FEATURES, x, TM_LAYOUT_MAP);
    tm_classifier_head(b, x, "avg", "head");
}

const tm_family tm_family_visformer = {
    .module = "visformer", TM_VARIANTS(variants), .build = build};
