/* SPDX-License-Identifier: Apache-2.0 */
/* timm's inception_next.py: InceptionNeXt (2303.16900), ConvNeXt with small and band kernels. */
#include <stdio.h>

#include "layers/classifier.h"
#include "layers/mlp.h"
#include "layers/stages.h"
#include "layers/taps.h"
#include "models/model.h"

typedef struct inception_next_variant {
    const char *name;
    int depths[4], dims[4];
    int band;  /* length of the band kernels; 0: 11 */
    int share; /* the channels over those of a kernel; 0: 8 */
} inception_next_variant;

/* clang-format off */
static const inception_next_variant variants[] = {
    {.name = "inception_next_atto", .depths = {2, 2, 6, 2}, .dims = {40, 80, 160, 320}, .band = 9,
     .share = 4},
    {.name = "inception_next_base", .depths = {3, 3, 27, 3}, .dims = {128, 256, 512, 1024}},
    {.name = "inception_next_small", .depths = {3, 3, 27, 3}, .dims = {96, 192, 384, 768}},
    {.name = "inception_next_tiny", .depths = {3, 3, 9, 3}, .dims = {96, 192, 384, 768}},
};
/* clang-format on */

static const tm_norm batch = {.kind = TM_NORM_BATCH};

/* timm's InceptionDWConv2d: channels as they are, then those of a square and of two band kernels */
static tm_node *mix(tm_builder *b, const inception_next_variant *v, tm_node *x, int dilation)
{
    int band = v->band ? v->band : 11, width = x->shape.c / (v->share ? v->share : 8);
    int kept = x->shape.c - 3 * width;
    const struct {
        const char *name;
        int h, w;
    } kernels[] = {{"dwconv_hw", 3, 3}, {"dwconv_w", 1, band}, {"dwconv_h", band, 1}};
    tm_node *parts[4] = {tm_slice_c(b, x, 0, kept)};
    tm_push(b, "token_mixer");
    for (int i = 0; i < 3; i++)
        parts[i + 1] = tm_conv2d(b, kernels[i].name, tm_slice_c(b, x, kept + i * width, width),
                                 (tm_conv){.out = width,
                                           .kernel = kernels[i].h,
                                           .kernel_w = kernels[i].w,
                                           .dilation = dilation,
                                           .groups = TM_DEPTHWISE,
                                           .bias = true});
    tm_pop(b);
    return tm_concat_c(b, 4, parts);
}

static tm_node *block(tm_builder *b, const inception_next_variant *v, tm_node *shortcut, int ratio,
                      int dilation)
{
    int dim = shortcut->shape.c;
    tm_node *x = tm_normalize(b, "norm", mix(b, v, shortcut, dilation), batch);
    x = tm_feed_forward(b, "mlp", x,
                        (tm_ffn){.hidden = ratio * dim, .act = TM_ACT_GELU, .conv = true});
    return tm_add(b, tm_mul(b, x, tm_param1(b, "gamma", dim)), shortcut);
}

static tm_node *downsample(tm_builder *b, tm_node *x, int out, tm_stage at)
{
    x = tm_normalize(b, "downsample.0", x, batch);
    return tm_conv2d(b, "downsample.1", x,
                     (tm_conv){.out = out,
                               .kernel = 2,
                               .stride = at.stride,
                               .dilation = at.first_dilation,
                               .padding = at.dilation > 1 ? TM_PAD_SAME : TM_PAD_VALID,
                               .bias = true});
}

static tm_node *stage(tm_builder *b, const inception_next_variant *v, tm_node *x, int index,
                      tm_stage at)
{
    tm_push(b, "stages.%d", index);
    if (at.stride > 1 || at.first_dilation != at.dilation)
        x = downsample(b, x, v->dims[index], at);
    for (int i = 0; i < v->depths[index]; i++) {
        tm_push(b, "blocks.%d", i);
        x = block(b, v, x, index == 3 ? 3 : 4, at.dilation);
        tm_pop(b);
    }
    tm_pop(b);
    return x;
}

/* timm's MlpClassifierHead, which has a norm behind its hidden layer */
static void head(tm_builder *b, tm_node *x)
{
    int hidden = 3 * x->shape.c;
    const char *pool = tm_pool_kind(b, "avg");
    if (!pool[0])
        tm_refuse(b, "this head cannot go without pooling");
    tm_push(b, "head");
    x = tm_linear(b, "fc1", tm_global_pool(b, x, pool), hidden, true);
    x = tm_normalize(b, "norm", tm_activate(b, x, TM_ACT_GELU),
                     (tm_norm){.kind = TM_NORM_LAYER, .eps = 1e-6f});
    tm_classifier(b, x, TM_LAYOUT_VECTOR, "fc2");
    tm_pop(b);
}

static void build(tm_builder *b, const void *variant)
{
    const inception_next_variant *v = variant;
    tm_node *x = tm_conv2d(
        b, "stem.0", b->graph->input,
        (tm_conv){
            .out = v->dims[0], .kernel = 4, .stride = 4, .padding = TM_PAD_VALID, .bias = true});
    x = tm_normalize(b, "stem.1", x, batch);
    tm_stages walk = tm_stages_begin(b, 4, 2);
    for (int i = 0; i < 4; i++) {
        char module[32];
        tm_stage at = tm_stages_next(&walk, i == 0 ? 1 : 2);
        snprintf(module, sizeof module, "stages.%d", i);
        x = stage(b, v, x, i, at);
        tm_tap_stage(b, module, x, at.reduction);
    }
    tm_tap_final(b, x);
    head(b, x);
}

const tm_family tm_family_inception_next = {
    .module = "inception_next", TM_VARIANTS(variants), .build = build};
