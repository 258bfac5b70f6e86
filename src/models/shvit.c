/* SPDX-License-Identifier: Apache-2.0 */
/* timm's shvit.py: SHViT (2401.16456). */
#include <stdio.h>
#include <string.h>

#include "layers/classifier.h"
#include "layers/conv_bn_act.h"
#include "layers/distilled_head.h"
#include "layers/make_divisible.h"
#include "layers/patch_embed.h"
#include "layers/squeeze_excite.h"
#include "layers/taps.h"
#include "models/model.h"

enum { STAGES = 3, QK = 16, STEM = 4 };

typedef struct shvit_variant {
    const char *name;
    int depths[STAGES], dims[STAGES];
    int parts[STAGES]; /* channels that attention sees, which the first stage has not */
} shvit_variant;

static const shvit_variant variants[] = {
    {"shvit_s1", {2, 4, 5}, {128, 224, 320}, {0, 48, 68}},
    {"shvit_s2", {2, 4, 5}, {128, 308, 448}, {0, 66, 96}},
    {"shvit_s3", {3, 5, 5}, {192, 352, 448}, {0, 75, 96}},
    {"shvit_s4", {4, 7, 6}, {224, 336, 448}, {0, 72, 96}},
};

/* Residual: x + name.m */
static tm_node *depthwise(tm_builder *b, const char *name, tm_node *x)
{
    tm_push(b, "%s", name);
    tm_node *y = tm_conv_norm_pair(
        b, "m", x, (tm_conv){.out = x->shape.c, .kernel = 3, .groups = TM_DEPTHWISE});
    tm_pop(b);
    return tm_add(b, x, y);
}

static tm_node *feed_forward(tm_builder *b, const char *name, tm_node *x)
{
    int c = x->shape.c;
    tm_push(b, "%s.m", name);
    tm_node *y = tm_conv_norm_pair(b, "pw1", x, (tm_conv){.out = 2 * c, .kernel = 1});
    y = tm_conv_norm_pair(b, "pw2", tm_activate(b, y, TM_ACT_RELU),
                          (tm_conv){.out = c, .kernel = 1});
    tm_pop(b);
    return tm_add(b, x, y);
}

/* One head, on the first `part` channels. */
static tm_node *attend(tm_builder *b, tm_node *x, int part)
{
    tm_shape s = x->shape;
    tm_norm norm = {.kind = TM_NORM_GROUP, .groups = 1, .eps = 1e-5f};
    tm_push(b, "mixer.m");
    tm_node *seen = tm_normalize(b, "pre_norm", tm_slice_c(b, x, 0, part), norm);
    tm_node *qkv = tm_conv_norm_pair(b, "qkv", seen, (tm_conv){.out = 2 * QK + part, .kernel = 1});
    qkv = tm_map_tokens(b, qkv);
    tm_node *y = tm_attend(b, tm_slice_c(b, qkv, 0, QK), tm_slice_c(b, qkv, QK, QK),
                           tm_slice_c(b, qkv, 2 * QK, part), (tm_attention){.heads = 1});
    tm_node *all[] = {tm_reshape(b, y, s.h, s.w, part), tm_slice_c(b, x, part, s.c - part)};
    y = tm_activate(b, tm_concat_c(b, 2, all), TM_ACT_RELU);
    y = tm_conv_norm_pair(b, "proj.1", y, (tm_conv){.out = s.c, .kernel = 1});
    tm_pop(b);
    return tm_add(b, x, y);
}

static tm_node *merge_patches(tm_builder *b, const char *name, tm_node *x, int out)
{
    int hidden = 4 * x->shape.c;
    tm_conv spatial = {.out = hidden, .kernel = 3, .stride = 2, .groups = TM_DEPTHWISE};
    tm_push(b, "%s", name);
    x = tm_conv_norm_pair(b, "conv1", x, (tm_conv){.out = hidden, .kernel = 1});
    x = tm_conv_norm_pair(b, "conv2", tm_activate(b, x, TM_ACT_RELU), spatial);
    x = tm_squeeze_excite(b, "se", tm_activate(b, x, TM_ACT_RELU),
                          tm_divisible(0.25 * hidden, 8, 0));
    x = tm_conv_norm_pair(b, "conv3", x, (tm_conv){.out = out, .kernel = 1});
    tm_pop(b);
    return x;
}

static tm_node *stage(tm_builder *b, const shvit_variant *v, tm_node *x, int index)
{
    if (index) {
        x = feed_forward(b, "downsample.1", depthwise(b, "downsample.0", x));
        x = merge_patches(b, "downsample.2", x, v->dims[index]);
        x = feed_forward(b, "downsample.4", depthwise(b, "downsample.3", x));
    }
    for (int i = 0; i < v->depths[index]; i++) {
        tm_push(b, "blocks.%d", i);
        x = depthwise(b, "conv", x);
        if (index)
            x = attend(b, x, v->parts[index]);
        x = feed_forward(b, "ffn", x);
        tm_pop(b);
    }
    return x;
}

static tm_node *stem(tm_builder *b, tm_node *x, int width)
{
    for (int i = 0; i < STEM; i++) {
        char name[32];
        snprintf(name, sizeof name, "patch_embed.%d", 2 * i);
        if (i)
            x = tm_activate(b, x, TM_ACT_RELU);
        x = tm_conv_norm_pair(b, name, x,
                              (tm_conv){.out = width >> (STEM - 1 - i), .kernel = 3, .stride = 2});
    }
    return x;
}

static void build(tm_builder *b, const void *variant)
{
    const shvit_variant *v = variant;
    tm_node *x = stem(b, b->graph->input, v->dims[0]);
    for (int i = 0; i < STAGES; i++) {
        tm_push(b, "stages.%d", i);
        x = stage(b, v, x, i);
        tm_pop(b);
        tm_tap_stage_of(b, "stages", i, x, 16 << i);
    }
    tm_tap_final(b, x);
    const char *pool = tm_pool_kind(b, "avg");
    if (strcmp(pool, "catavgmax") == 0)
        tm_refuse(b, "global pool 'catavgmax': pooling that changes the pooled width is not "
                     "supported");
    tm_distilled_head(b, tm_global_pool(b, x, pool), pool[0] ? TM_LAYOUT_VECTOR : TM_LAYOUT_MAP,
                      (tm_distilled){.head = "head", .linear = "l"});
}

static const tm_argument arguments[] = {
    TM_TAKES(shvit_variant, "embed_dim", LIST, dims, TM_WIDTHS),
    TM_TAKES(shvit_variant, "partial_dim", LIST, parts, TM_WIDTHS),
    TM_TAKES(shvit_variant, "depth", LIST, depths, TM_DEPTHS),
};

const tm_family tm_family_shvit = {
    .module = "shvit", TM_VARIANTS(variants), TM_ARGUMENTS(arguments), .build = build};
