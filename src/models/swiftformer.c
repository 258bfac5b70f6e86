/* SPDX-License-Identifier: Apache-2.0 */
/* timm's swiftformer.py: SwiftFormer (2303.15446). */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "layers/classifier.h"
#include "layers/distilled_head.h"
#include "layers/patch_embed.h"
#include "layers/taps.h"
#include "models/filters.h"
#include "models/model.h"

enum { STAGES = 4 };

typedef struct swiftformer_variant {
    const char *name;
    int depths[STAGES], dims[STAGES];
} swiftformer_variant;

static const swiftformer_variant variants[] = {
    {"swiftformer_l1", {4, 3, 10, 5}, {48, 96, 192, 384}},
    {"swiftformer_l3", {4, 4, 12, 6}, {64, 128, 320, 512}},
    {"swiftformer_s", {3, 3, 9, 6}, {48, 64, 168, 224}},
    {"swiftformer_xs", {3, 3, 6, 4}, {48, 56, 112, 220}},
};

static const tm_norm norm = {.kind = TM_NORM_BATCH};

static tm_node *pointwise(tm_builder *b, const char *name, tm_node *x, int out)
{
    return tm_conv2d(b, name, x, (tm_conv){.out = out, .kernel = 1, .bias = true});
}

/* name.gamma [c, 1, 1] */
static tm_node *scale(tm_builder *b, const char *name, tm_node *x)
{
    int c = x->shape.c;
    tm_push(b, "%s", name);
    tm_node *gamma = tm_param3(b, "gamma", c, 1, 1);
    tm_pop(b);
    return tm_mul(b, x, tm_const_reshape(b, gamma, 1, (int64_t[]){c}));
}

/* ConvEncoder and, with `hidden` as wide as the map, LocalRepresentation */
static tm_node *convolve(tm_builder *b, tm_node *x, int hidden)
{
    int c = x->shape.c;
    tm_node *y = tm_conv2d(b, "dwconv", x,
                           (tm_conv){.out = c, .kernel = 3, .groups = TM_DEPTHWISE, .bias = true});
    y = pointwise(b, "pwconv1", tm_normalize(b, "norm", y, norm), hidden);
    y = pointwise(b, "pwconv2", tm_activate(b, y, TM_ACT_GELU), c);
    return tm_add(b, x, scale(b, "layer_scale", y));
}

/* Every pixel's channels divided by their length (torch's F.normalize, of at least 1e-12). */
static tm_node *unit_length(tm_builder *b, tm_node *x)
{
    float c = (float)x->shape.c;
    x = tm_normalize(b, NULL, x,
                     (tm_norm){.kind = TM_NORM_RMS, .eps = 1e-24f / c, .no_affine = true});
    return tm_affine(b, x, 1.0f / sqrtf(c), 0.0f);
}

/* One query for all tokens: their sum, weighted by learned scores, scales the keys. */
static tm_node *attend(tm_builder *b, tm_node *x)
{
    tm_shape s = x->shape;
    tm_push(b, "attn");
    x = tm_map_tokens(b, x);
    tm_node *query = unit_length(b, tm_linear(b, "to_query", x, s.c, true));
    tm_node *key = unit_length(b, tm_linear(b, "to_key", x, s.c, true));
    tm_node *weight = tm_const_reshape(b, tm_param2(b, "w_g", s.c, 1), 2, (int64_t[]){1, s.c});
    tm_node *scores = tm_conv2d_with(b, "w_g", query, weight, NULL,
                                     (tm_conv){.out = 1, .kernel = 1, .linear = true});
    scores = tm_affine(b, scores, 1.0f / sqrtf((float)s.c), 0.0f);
    scores = unit_length(b, tm_reshape(b, scores, 1, 1, s.h * s.w));
    tm_node *global = tm_matmul(b, scores, query);
    x = tm_add(b, tm_linear(b, "proj", tm_mul(b, key, global), s.c, true), query);
    x = tm_linear(b, "final", x, s.c, true);
    tm_pop(b);
    return tm_reshape(b, x, s.h, s.w, s.c);
}

static tm_node *feed_forward(tm_builder *b, tm_node *x)
{
    int c = x->shape.c;
    tm_push(b, "linear");
    x = pointwise(b, "fc1", tm_normalize(b, "norm1", x, norm), 4 * c);
    x = pointwise(b, "fc2", tm_activate(b, x, TM_ACT_GELU), c);
    tm_pop(b);
    return x;
}

static tm_node *attention_block(tm_builder *b, tm_node *x)
{
    tm_push(b, "local_representation");
    x = convolve(b, x, x->shape.c);
    tm_pop(b);
    x = tm_add(b, x, scale(b, "layer_scale_1", attend(b, x)));
    return tm_add(b, x, scale(b, "layer_scale_2", feed_forward(b, x)));
}

static tm_node *strided(tm_builder *b, const char *conv, const char *after, tm_node *x, int out)
{
    x = tm_conv2d(b, conv, x, (tm_conv){.out = out, .kernel = 3, .stride = 2, .bias = true});
    return tm_normalize(b, after, x, norm);
}

static tm_node *stage(tm_builder *b, const swiftformer_variant *v, tm_node *x, int index)
{
    if (index)
        x = strided(b, "downsample.proj", "downsample.norm", x, v->dims[index]);
    for (int i = 0; i < v->depths[index]; i++) {
        tm_push(b, "blocks.%d", i);
        x = i == v->depths[index] - 1 ? attention_block(b, x) : convolve(b, x, 4 * x->shape.c);
        tm_pop(b);
    }
    return x;
}

static void build(tm_builder *b, const void *variant)
{
    const swiftformer_variant *v = variant;
    tm_node *x = strided(b, "stem.0", "stem.1", b->graph->input, v->dims[0] / 2);
    x = strided(b, "stem.3", "stem.4", tm_activate(b, x, TM_ACT_RELU), v->dims[0]);
    x = tm_activate(b, x, TM_ACT_RELU);
    for (int i = 0; i < STAGES; i++) {
        tm_push(b, "stages.%d", i);
        x = stage(b, v, x, i);
        tm_pop(b);
        if (i < STAGES - 1)
            tm_tap_stage_of(b, "stages", i, x, 4 << i);
    }
    x = tm_tap_last_stage(b, "stages", STAGES - 1, x, 4 << (STAGES - 1), norm);
    const char *pool = tm_average_or_none(b);
    tm_distilled_head(b, tm_global_pool(b, x, pool), pool[0] ? TM_LAYOUT_VECTOR : TM_LAYOUT_MAP,
                      (tm_distilled){.head = "head", .dist = "head_dist"});
}

/* The authors' `network` is stages and what is between them, in turn; their scales are arrays. */
static void rename_view(tm_state_dict *dict, tm_tensor_view *view)
{
    const char *last = strrchr(view->name, '.');
    if (last && strncmp(last, ".layer_scale", 12) == 0)
        tm_state_rename(dict, view, "%s.gamma", view->name);
    int part, end = 0;
    sscanf(view->name, "network.%4d.%n", &part, &end);
    if (end && part % 2)
        tm_state_rename(dict, view, "stages.%d.downsample.%s", part / 2 + 1, view->name + end);
    else if (end)
        tm_state_rename(dict, view, "stages.%d.blocks.%s", part / 2, view->name + end);
}

static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    static const tm_replacement table[] = {
        {"patch_embed.", "stem."}, {"dist_head.", "head_dist."}, {"attn.Proj.", "attn.proj."}};
    (void)graph, (void)variant;
    if (tm_state_find(dict, "stem.0.weight"))
        return;
    tm_replace_all(dict, table, sizeof table / sizeof *table);
    for (size_t i = 0; i < dict->count; i++)
        rename_view(dict, &dict->tensors[i]);
}

static const tm_argument arguments[] = {
    TM_TAKES(swiftformer_variant, "layers", LIST, depths, TM_DEPTHS),
    TM_TAKES(swiftformer_variant, "embed_dims", LIST, dims, TM_WIDTHS),
};

const tm_family tm_family_swiftformer = {.module = "swiftformer",
                                         TM_VARIANTS(variants),
                                         TM_ARGUMENTS(arguments),
                                         .build = build,
                                         .filter = filter};
