/* SPDX-License-Identifier: Apache-2.0 */
/* timm's vitamin.py: ViTamin (2404.02132), a vision transformer on two stages of MBConv blocks. */
#include <stddef.h>

#include "layers/make_divisible.h"
#include "models/model.h"
#include "models/vision_transformer.h"

typedef struct vitamin_variant {
    tm_vit vit;
    int width; /* of the stem and the first stage; the second has twice as many channels */
} vitamin_variant;

#define COMMON .mlp_ratio = 2, .ffn = TM_FFN_GEGLU, .pool = "avg", .no_class_token = true

/* clang-format off */
static const vitamin_variant variants[] = {
    {{.name = "vitamin_base_224", .depth = 14, COMMON}, 128},
    {{.name = "vitamin_large2_224", .same_as = "vitamin_large_224"}, 0},
    {{.name = "vitamin_large2_256", .same_as = "vitamin_large_224"}, 0},
    {{.name = "vitamin_large2_336", .same_as = "vitamin_large_224"}, 0},
    {{.name = "vitamin_large2_384", .same_as = "vitamin_large_224"}, 0},
    {{.name = "vitamin_large_224", .width = 1024, .depth = 31, .heads = 16, COMMON}, 160},
    {{.name = "vitamin_large_256", .same_as = "vitamin_large_224"}, 0},
    {{.name = "vitamin_large_336", .same_as = "vitamin_large_224"}, 0},
    {{.name = "vitamin_large_384", .same_as = "vitamin_large_224"}, 0},
    {{.name = "vitamin_small_224", .width = 384, .depth = 14, .heads = 6, COMMON}, 64},
    {{.name = "vitamin_xlarge_256", .width = 1152, .depth = 32, .heads = 16, .no_pos_embed = true,
      COMMON}, 192},
    {{.name = "vitamin_xlarge_336", .same_as = "vitamin_xlarge_256"}, 0},
    {{.name = "vitamin_xlarge_384", .same_as = "vitamin_xlarge_256"}, 0},
};
/* clang-format on */

static const int depths[] = {2, 4};
static const tm_norm norm = {.kind = TM_NORM_LAYER, .eps = 1e-6f};

static tm_node *shortcut(tm_builder *b, tm_node *x, int out, int stride)
{
    if (stride == 1)
        return x;
    int in = x->shape.c;
    x = tm_pool2d(b, x, (tm_pool){.kernel = 3, .stride = 2, .pad = 1});
    if (in == out)
        return x;
    return tm_conv2d(b, "shortcut.expand", x, (tm_conv){.out = out, .kernel = 1, .bias = true});
}

static tm_node *block(tm_builder *b, tm_node *x, int out, int stride)
{
    int hidden = tm_divisible(4 * out, 8, 0.9);
    tm_conv spatial = {
        .out = hidden, .kernel = 3, .stride = stride, .groups = TM_DEPTHWISE, .bias = true};
    tm_node *kept = shortcut(b, x, out, stride);
    x = tm_normalize(b, "pre_norm", x, norm);
    x = tm_conv2d(b, "conv1_1x1", x, (tm_conv){.out = hidden, .kernel = 1, .bias = true});
    x = tm_conv2d(b, "conv2_kxk", tm_activate(b, x, TM_ACT_GELU), spatial);
    x = tm_activate(b, x, TM_ACT_GELU);
    x = tm_conv2d(b, "conv3_1x1", x, (tm_conv){.out = out, .kernel = 1, .bias = true});
    return tm_add(b, x, kept);
}

static tm_node *backbone(tm_builder *b, const vitamin_variant *v, tm_node *x)
{
    tm_conv stem = {.out = v->width, .kernel = 3, .stride = 2, .bias = true};
    tm_conv last = {
        .out = v->vit.width ? v->vit.width : 768, .kernel = 3, .stride = 2, .bias = true};
    tm_push(b, "patch_embed.backbone");
    x = tm_normalize(b, "stem.norm1", tm_conv2d(b, "stem.conv1", x, stem), norm);
    stem.stride = 1;
    x = tm_conv2d(b, "stem.conv2", tm_activate(b, x, TM_ACT_GELU), stem);
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < depths[i]; j++) {
            tm_push(b, "stages.%d.%d", i, j);
            x = block(b, x, v->width << i, j ? 1 : 2);
            tm_pop(b);
        }
    x = tm_conv2d(b, "pool.proj", tm_normalize(b, "pool.norm", x, norm), last);
    tm_pop(b);
    return x;
}

static void build(tm_builder *b, const void *variant)
{
    const vitamin_variant *v = variant;
    tm_node *x = backbone(b, v, b->graph->input);
    /* as timm says it: a map that was rounded up counts as a smaller reduction */
    int tall = b->options.img_h / x->shape.h, wide = b->options.img_w / x->shape.w;
    tm_vit_build_on(b, &v->vit, x, tall > wide ? tall : wide);
}

static void filter(struct tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    const vitamin_variant *v = variant;
    tm_vit_filter(dict, graph, &v->vit);
}

const tm_family tm_family_vitamin = {.module = "vitamin",
                                     TM_VARIANTS(variants),
                                     .same_as = offsetof(vitamin_variant, vit.same_as),
                                     .build = build,
                                     .filter = filter};
