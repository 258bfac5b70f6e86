/* SPDX-License-Identifier: Apache-2.0 */
/* timm's repvit.py: RepViT (2307.09283), whose depthwise branches become one convolution at load.
 */
#include "layers/classifier.h"
#include "layers/conv_bn_act.h"
#include "layers/distilled_head.h"
#include "layers/make_divisible.h"
#include "layers/squeeze_excite.h"
#include "layers/taps.h"
#include "models/model.h"

typedef struct repvit_variant {
    const char *name;
    int dims[4], depths[4];
    bool legacy; /* a norm on each branch in place of one on their sum */
} repvit_variant;

/* clang-format off */
static const repvit_variant variants[] = {
    {.name = "repvit_m0_9", .dims = {48, 96, 192, 384}, .depths = {2, 2, 14, 2}},
    {.name = "repvit_m1", .dims = {48, 96, 192, 384}, .depths = {2, 2, 14, 2}, .legacy = true},
    {.name = "repvit_m1_0", .dims = {56, 112, 224, 448}, .depths = {2, 2, 14, 2}},
    {.name = "repvit_m1_1", .dims = {64, 128, 256, 512}, .depths = {2, 2, 12, 2}},
    {.name = "repvit_m1_5", .dims = {64, 128, 256, 512}, .depths = {4, 4, 24, 4}},
    {.name = "repvit_m2", .dims = {64, 128, 256, 512}, .depths = {2, 2, 12, 2}, .legacy = true},
    {.name = "repvit_m2_3", .dims = {80, 160, 320, 640}, .depths = {6, 6, 34, 2}},
    {.name = "repvit_m3", .dims = {64, 128, 256, 512}, .depths = {4, 4, 18, 2}, .legacy = true},
};
/* clang-format on */

static const tm_norm norm = {.kind = TM_NORM_BATCH};

static tm_conv depthwise(const tm_node *x, int kernel, int stride)
{
    return (tm_conv){.out = x->shape.c, .kernel = kernel, .stride = stride, .groups = TM_DEPTHWISE};
}

static tm_branch identity(tm_builder *b, int channels)
{
    tm_node *one = tm_literal(b, 1, (int64_t[]){1}, (float[]){1.0f});
    tm_node *zero = tm_literal(b, 1, (int64_t[]){1}, (float[]){0.0f});
    return (tm_branch){tm_const_repeat(b, one, channels), tm_const_repeat(b, zero, channels)};
}

/* timm's RepVggDw: a 3x3 and a 1x1 depthwise convolution and x itself, added up. */
static tm_node *mix_tokens(tm_builder *b, const repvit_variant *v, tm_node *x)
{
    int c = x->shape.c;
    tm_conv conv = depthwise(x, 3, 1), point = depthwise(x, 1, 1);
    tm_branch part;
    tm_push(b, "token_mixer");
    tm_branch sum = tm_conv_norm_branch(b, "conv.c", "conv.bn", x, conv, norm);
    if (v->legacy)
        part = tm_conv_norm_branch(b, "conv1.c", "conv1.bn", x, point, norm);
    else
        part = (tm_branch){tm_param4(b, "conv1.weight", c, 1, 1, 1), tm_param1(b, "conv1.bias", c)};
    sum = tm_add_branch(b, tm_add_branch(b, sum, part), identity(b, c));
    x = tm_conv2d_with(b, "conv", x, sum.weight, sum.bias, conv);
    if (!v->legacy)
        x = tm_normalize(b, "bn", x, norm);
    tm_pop(b);
    return x;
}

static tm_node *mlp(tm_builder *b, const char *name, tm_node *x)
{
    int c = x->shape.c;
    tm_push(b, "%s", name);
    tm_node *y = tm_conv_norm_pair(b, "conv1", x, (tm_conv){.out = 2 * c, .kernel = 1});
    y = tm_conv_norm_pair(b, "conv2", tm_activate(b, y, TM_ACT_GELU),
                          (tm_conv){.out = c, .kernel = 1});
    tm_pop(b);
    return tm_add(b, y, x);
}

static tm_node *block(tm_builder *b, const repvit_variant *v, tm_node *x, bool excite)
{
    x = mix_tokens(b, v, x);
    if (excite)
        x = tm_squeeze_excite(b, "se", x, tm_divisible(x->shape.c * 0.25, 8, 0));
    return mlp(b, "channel_mixer", x);
}

static tm_node *downsample(tm_builder *b, const repvit_variant *v, tm_node *x, int out)
{
    tm_push(b, "downsample");
    tm_push(b, "pre_block");
    x = block(b, v, x, false);
    tm_pop(b);
    x = tm_conv_norm_pair(b, "spatial_downsample", x, depthwise(x, 3, 2));
    x = tm_conv_norm_pair(b, "channel_downsample", x, (tm_conv){.out = out, .kernel = 1});
    x = mlp(b, "ffn", x);
    tm_pop(b);
    return x;
}

static tm_node *stages(tm_builder *b, const repvit_variant *v, tm_node *x)
{
    for (int i = 0; i < 4; i++) {
        tm_push(b, "stages.%d", i);
        if (i)
            x = downsample(b, v, x, v->dims[i]);
        for (int k = 0; k < v->depths[i]; k++) {
            tm_push(b, "blocks.%d", k);
            x = block(b, v, x, k % 2 == 0);
            tm_pop(b);
        }
        tm_pop(b);
        tm_tap_stage_of(b, "stages", i, x, 4 << i);
    }
    return x;
}

/* ---- head ---- */

/* The mean of what two classifiers say. */
static void head(tm_builder *b, tm_node *x)
{
    const char *pool = tm_average_or_none(b);
    x = tm_global_pool(b, x, pool);
    tm_push(b, "head");
    tm_distilled_head(b, x, *pool ? TM_LAYOUT_VECTOR : TM_LAYOUT_MAP,
                      (tm_distilled){.head = "head", .dist = "head_dist", .linear = "l"});
    tm_pop(b);
}

static void build(tm_builder *b, const void *variant)
{
    const repvit_variant *v = variant;
    int width = v->dims[0];
    tm_push(b, "stem");
    tm_node *x = tm_conv_norm_pair(b, "conv1", b->graph->input,
                                   (tm_conv){.out = width / 2, .kernel = 3, .stride = 2});
    x = tm_activate(b, x, TM_ACT_GELU);
    x = tm_conv_norm_pair(b, "conv2", x, (tm_conv){.out = width, .kernel = 3, .stride = 2});
    tm_pop(b);
    x = stages(b, v, x);
    tm_tap_final(b, x);
    head(b, x);
}

static const tm_argument arguments[] = {
    TM_TAKES(repvit_variant, "embed_dim", LIST, dims, TM_WIDTHS),
    TM_TAKES(repvit_variant, "depth", LIST, depths, TM_DEPTHS),
};

const tm_family tm_family_repvit = {
    .module = "repvit", TM_VARIANTS(variants), TM_ARGUMENTS(arguments), .build = build};
