/* SPDX-License-Identifier: Apache-2.0 */
/* timm's rdnet.py: RDNet (2403.19588), a DenseNet of ConvNeXt's blocks. */
#include <stdio.h>

#include "layers/classifier.h"
#include "layers/squeeze_excite.h"
#include "layers/taps.h"
#include "models/filters.h"
#include "models/model.h"

enum { BLOCKS = 3 };

typedef struct rdnet_variant {
    const char *name;
    int stem; /* channels */
    int stages;
    int growth[4]; /* channels that a block adds: first stage, second, the others, the last */
    int last;      /* how many stages are the last, at 1/32 */
} rdnet_variant;

static const rdnet_variant variants[] = {
    {"rdnet_base", 120, 11, {96, 128, 168, 336}, 2},
    {"rdnet_large", 144, 12, {128, 192, 256, 360}, 2},
    {"rdnet_small", 72, 11, {64, 128, 128, 240}, 2},
    {"rdnet_tiny", 64, 7, {64, 104, 128, 224}, 1},
};

/* of the four levels of resolution, which the growth follows */
static int level_of(const rdnet_variant *v, int stage)
{
    if (stage < 2)
        return stage;
    return stage < v->stages - v->last ? 2 : 3;
}

static tm_node *norm(tm_builder *b, const char *name, tm_node *x)
{
    return tm_normalize(b, name, x, (tm_norm){.kind = TM_NORM_LAYER, .eps = 1e-6f});
}

/* what a block adds to its input */
static tm_node *block(tm_builder *b, tm_node *x, int growth, bool squeeze)
{
    int in = x->shape.c;
    tm_conv depthwise = {.out = in, .kernel = 7, .groups = TM_DEPTHWISE, .bias = true};
    tm_push(b, "layers.layers");
    x = norm(b, "1", tm_conv2d(b, "0", x, depthwise));
    x = tm_conv2d(b, "2", x, (tm_conv){.out = in * 4 / 8 * 8, .kernel = 1, .bias = true});
    x = tm_activate(b, x, TM_ACT_GELU);
    x = tm_conv2d(b, "4", x, (tm_conv){.out = growth, .kernel = 1, .bias = true});
    if (squeeze)
        x = tm_effective_squeeze_excite(b, "5", x);
    tm_pop(b);
    return tm_mul(b, x, tm_param1(b, "gamma", growth));
}

static tm_node *transition(tm_builder *b, tm_node *x, int size)
{
    int out = x->shape.c / 2 / 8 * 8;
    return tm_conv2d(
        b, "1", norm(b, "0", x),
        (tm_conv){
            .out = out, .kernel = size, .stride = size, .padding = TM_PAD_VALID, .bias = true});
}

static tm_node *stage(tm_builder *b, const rdnet_variant *v, tm_node *x, int index)
{
    int level = level_of(v, index);
    tm_push(b, "dense_stages.%d", index);
    if (index > 0)
        x = transition(b, x, level != level_of(v, index - 1) ? 2 : 1);
    for (int i = 0; i < BLOCKS; i++) {
        tm_push(b, "%d.dense_block%d", index > 0 ? 2 : 0, i);
        tm_node *parts[] = {x, block(b, x, v->growth[level], index >= 2)};
        tm_pop(b);
        x = tm_concat_c(b, 2, parts);
    }
    tm_pop(b);
    return x;
}

static void build(tm_builder *b, const void *variant)
{
    const rdnet_variant *v = variant;
    tm_node *x = tm_conv2d(
        b, "stem.0", b->graph->input,
        (tm_conv){.out = v->stem, .kernel = 4, .stride = 4, .padding = TM_PAD_VALID, .bias = true});
    x = norm(b, "stem.1", x);
    for (int i = 0; i < v->stages; i++) {
        x = stage(b, v, x, i);
        if (i + 1 < v->stages && level_of(v, i) == level_of(v, i + 1))
            continue;
        char module[32];
        snprintf(module, sizeof module, "dense_stages.%d", i);
        tm_tap_stage(b, module, x, 4 << level_of(v, i));
    }
    tm_tap_final(b, x);
    tm_norm_mlp_head(b, "head", x,
                     (tm_mlp_head){.pool = "avg", .norm = {.kind = TM_NORM_LAYER, .eps = 1e-6f}});
}

/* The authors' names. */
static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    (void)graph, (void)variant;
    if (!tm_state_find(dict, "stem.0.weight"))
        tm_state_replace(dict, "stem.stem.", "stem.");
}

const tm_family tm_family_rdnet = {
    .module = "rdnet", TM_VARIANTS(variants), .build = build, .filter = filter};
