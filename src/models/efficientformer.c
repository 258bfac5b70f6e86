/* SPDX-License-Identifier: Apache-2.0 */
/* timm's efficientformer.py: EfficientFormer (2206.01191). */
#include <stdio.h>

#include "layers/attention_biases.h"
#include "layers/classifier.h"
#include "layers/distilled_head.h"
#include "layers/layer_scale.h"
#include "layers/mlp.h"
#include "layers/patch_embed.h"
#include "layers/taps.h"
#include "models/filters.h"
#include "models/model.h"

enum { STAGES = 4, HEADS = 8, KEY = 32, VALUE = 128, SIDE = 7 };

typedef struct efficientformer_variant {
    const char *name;
    int depths[STAGES], dims[STAGES];
    int attention; /* blocks at the end that have it */
} efficientformer_variant;

static const efficientformer_variant variants[] = {
    {"efficientformer_l1", {3, 2, 6, 4}, {48, 96, 224, 448}, 1},
    {"efficientformer_l3", {4, 4, 12, 6}, {64, 128, 320, 512}, 4},
    {"efficientformer_l7", {6, 6, 18, 8}, {96, 192, 384, 768}, 8},
};

static const tm_norm norm = {.kind = TM_NORM_BATCH};
static const tm_norm token_norm = {.kind = TM_NORM_LAYER, .eps = 1e-5f};

static tm_node *attend(tm_builder *b, tm_node *x)
{
    tm_head_parts parts = {HEADS, 3, {KEY, KEY, VALUE}};
    int c = x->shape.c, key = HEADS * KEY, value = HEADS * VALUE, out = 2 * key + value;
    int64_t places[] = {SIDE * SIDE, SIDE * SIDE};
    tm_push(b, "token_mixer");
    tm_node *bias = tm_attention_biases(b, HEADS, SIDE, SIDE, 1);
    tm_unused_param(b, "attention_bias_idxs", 2, places, false);
    x = tm_conv2d_with(b, "qkv", x, tm_parts_first(b, tm_param2(b, "qkv.weight", out, c), parts),
                       tm_parts_first(b, tm_param1(b, "qkv.bias", out), parts),
                       (tm_conv){.out = out, .kernel = 1, .linear = true});
    x = tm_attend(b, tm_slice_c(b, x, 0, key), tm_slice_c(b, x, key, key),
                  tm_slice_c(b, x, 2 * key, value), (tm_attention){.heads = HEADS, .bias = bias});
    x = tm_linear(b, "proj", x, c, true);
    tm_pop(b);
    return x;
}

static tm_node *token_block(tm_builder *b, tm_node *x)
{
    tm_ffn ffn = {.hidden = 4 * x->shape.c, .act = TM_ACT_GELU};
    tm_node *y = attend(b, tm_normalize(b, "norm1", x, token_norm));
    x = tm_add(b, x, tm_layer_scale(b, "ls1", y));
    y = tm_feed_forward(b, "mlp", tm_normalize(b, "norm2", x, token_norm), ffn);
    return tm_add(b, x, tm_layer_scale(b, "ls2", y));
}

static tm_node *conv_norm(tm_builder *b, const char *conv, const char *after, tm_node *x, int out,
                          int stride)
{
    x = tm_conv2d(
        b, conv, x,
        (tm_conv){.out = out, .kernel = stride == 2 ? 3 : 1, .stride = stride, .bias = true});
    return tm_normalize(b, after, x, norm);
}

static tm_node *map_block(tm_builder *b, tm_node *x)
{
    int c = x->shape.c;
    tm_node *pooled = tm_pool2d(b, x, (tm_pool){.kernel = 3, .stride = 1, .pad = 1});
    x = tm_add(b, x, tm_layer_scale(b, "ls1", tm_sub(b, pooled, x)));
    tm_push(b, "mlp");
    tm_node *y = tm_activate(b, conv_norm(b, "fc1", "norm1", x, 4 * c, 1), TM_ACT_GELU);
    y = conv_norm(b, "fc2", "norm2", y, c, 1);
    tm_pop(b);
    return tm_add(b, x, tm_layer_scale(b, "ls2", y));
}

/* As timm numbers them, the change from a map to tokens counts as a block. */
static tm_node *stage(tm_builder *b, const efficientformer_variant *v, tm_node *x, int index)
{
    int maps = v->depths[index] - (index == STAGES - 1 ? v->attention : 0);
    if (index)
        x = conv_norm(b, "downsample.conv", "downsample.norm", x, v->dims[index], 2);
    for (int i = 0; i < v->depths[index]; i++) {
        tm_push(b, "blocks.%d", i < maps ? i : i + 1);
        x = i < maps ? map_block(b, x) : token_block(b, tm_map_tokens(b, x));
        tm_pop(b);
    }
    return x;
}

static tm_node *stem(tm_builder *b, tm_node *x, int width)
{
    int h = x->shape.h, w = x->shape.w;
    x = tm_activate(b, conv_norm(b, "stem.conv1", "stem.norm1", x, width / 2, 2), TM_ACT_RELU);
    x = tm_activate(b, conv_norm(b, "stem.conv2", "stem.norm2", x, width, 2), TM_ACT_RELU);
    if (x->shape.h != 8 * SIDE || x->shape.w != 8 * SIDE)
        tm_refuse(b, "picture %dx%d: the attention biases are made for 224x224", h, w);
    return x;
}

static void build(tm_builder *b, const void *variant)
{
    const efficientformer_variant *v = variant;
    tm_node *x = stem(b, b->graph->input, v->dims[0]), *normed;
    for (int i = 0; i < STAGES; i++) {
        char module[16];
        bool last = i == STAGES - 1;
        snprintf(module, sizeof module, "stages.%d", i);
        tm_push(b, "%s", module);
        x = stage(b, v, x, i);
        tm_pop(b);
        tm_node *map = last ? tm_reshape(b, x, SIDE, SIDE, x->shape.c) : x;
        tm_tap_feature(b, module, map, 4 << i);
        normed = last && tm_option_norm_intermediates(b) ? tm_normalize(b, "norm", map, token_norm)
                                                         : map;
        tm_tap_intermediate(b, normed, TM_LAYOUT_MAP);
    }
    x = tm_normalize(b, "norm", x, token_norm);
    b->graph->pruning = TM_PRUNING_CUT;
    tm_tap_final_tokens(b, x);
    const char *pool = tm_average_or_none(b);
    tm_distilled_head(b, tm_global_pool(b, x, pool), pool[0] ? TM_LAYOUT_VECTOR : TM_LAYOUT_TOKENS,
                      (tm_distilled){.head = "head", .dist = "head_dist"});
}

/* The authors' `network` is stages and what is between them, in turn. */
static void rename_view(tm_state_dict *dict, tm_tensor_view *view)
{
    int part, end = 0;
    sscanf(view->name, "network.%4d.proj.%n", &part, &end);
    if (end) {
        tm_state_rename(dict, view, "stages.%d.downsample.conv.%s", part / 2 + 1, view->name + end);
        return;
    }
    sscanf(view->name, "network.%4d.%n", &part, &end);
    if (end && part % 2)
        tm_state_rename(dict, view, "stages.%d.downsample.%s", part / 2 + 1, view->name + end);
    else if (end)
        tm_state_rename(dict, view, "stages.%d.blocks.%s", part / 2, view->name + end);
}

static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    static const tm_replacement table[] = {
        {"patch_embed.0", "stem.conv1"}, {"patch_embed.1", "stem.norm1"},
        {"patch_embed.3", "stem.conv2"}, {"patch_embed.4", "stem.norm2"},
        {"layer_scale_1", "ls1.gamma"},  {"layer_scale_2", "ls2.gamma"},
        {"dist_head", "head_dist"}};
    (void)graph, (void)variant;
    tm_replace_all(dict, table, sizeof table / sizeof *table);
    for (size_t i = 0; i < dict->count; i++)
        rename_view(dict, &dict->tensors[i]);
}

static const tm_argument arguments[] = {
    TM_TAKES(efficientformer_variant, "depths", LIST, depths, TM_DEPTHS),
    TM_TAKES(efficientformer_variant, "embed_dims", LIST, dims, TM_WIDTHS),
    TM_TAKES(efficientformer_variant, "num_vit", INTEGER, attention, 1, 200),
};

const tm_family tm_family_efficientformer = {.module = "efficientformer",
                                             TM_VARIANTS(variants),
                                             TM_ARGUMENTS(arguments),
                                             .build = build,
                                             .filter = filter};
