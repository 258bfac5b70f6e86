/* SPDX-License-Identifier: Apache-2.0 */
/* timm's rdnet.py: RDNet (2403.19588), dense connections between ConvNeXt's blocks. */
#include "layers/classifier.h"
#include "layers/squeeze_excite.h"
#include "layers/taps.h"
#include "models/model.h"
#include "weights/state_dict.h"

enum { STAGES_MAX = 12, BLOCKS = 3 /* of a stage */ };

/* Stages 1 and 2 and a late one, `last_down`, begin with a stride. */
typedef struct rdnet_variant {
    const char *name;
    int width, stages, last_down;
    int growth[4]; /* of the first stage, the second, those in the middle, the last ones */
    int last;      /* stages that grow as the last ones */
} rdnet_variant;

/* clang-format off */
static const rdnet_variant variants[] = {
    {.name = "rdnet_base", .width = 120, .stages = 11, .last_down = 9,
     .growth = {96, 128, 168, 336}, .last = 2},
    {.name = "rdnet_large", .width = 144, .stages = 12, .last_down = 10,
     .growth = {128, 192, 256, 360}, .last = 2},
    {.name = "rdnet_small", .width = 72, .stages = 11, .last_down = 9,
     .growth = {64, 128, 128, 240}, .last = 2},
    {.name = "rdnet_tiny", .width = 64, .stages = 7, .last_down = 6,
     .growth = {64, 104, 128, 224}, .last = 1},
};
/* clang-format on */

static const tm_norm norm = {.kind = TM_NORM_LAYER, .eps = 1e-6f};

static bool strides(const rdnet_variant *v, int stage)
{
    return stage == 1 || stage == 2 || stage == v->last_down;
}

static tm_node *block(tm_builder *b, tm_node *x, int growth, bool excite)
{
    int hidden = x->shape.c * 4 / 8 * 8;
    tm_push(b, "layers.layers");
    x = tm_conv2d(b, "0", x,
                  (tm_conv){.out = x->shape.c, .kernel = 7, .groups = TM_DEPTHWISE, .bias = true});
    x = tm_normalize(b, "1", x, norm);
    x = tm_conv2d(b, "2", x, (tm_conv){.out = hidden, .kernel = 1, .bias = true});
    x = tm_activate(b, x, TM_ACT_GELU);
    x = tm_conv2d(b, "4", x, (tm_conv){.out = growth, .kernel = 1, .bias = true});
    if (excite)
        x = tm_effective_squeeze_excite(b, "5", x);
    tm_pop(b);
    return tm_mul(b, x, tm_param1(b, "gamma", growth));
}

/* Each block sees what all before it have made. */
static tm_node *dense_stage(tm_builder *b, const rdnet_variant *v, tm_node *x, int index)
{
    int kind = index < 2 ? index : index < v->stages - v->last ? 2 : 3;
    tm_node *parts[1 + BLOCKS] = {x};
    for (int i = 0; i < BLOCKS; i++) {
        tm_node *all = i ? tm_concat_c(b, i + 1, parts) : x;
        tm_push(b, "dense_block%d", i);
        parts[i + 1] = block(b, all, v->growth[kind], index >= 2);
        tm_pop(b);
    }
    return tm_concat_c(b, 1 + BLOCKS, parts);
}

static tm_node *stage(tm_builder *b, const rdnet_variant *v, tm_node *x, int index)
{
    int side = strides(v, index) ? 2 : 1;
    tm_push(b, "dense_stages.%d", index);
    if (index) {
        tm_conv conv = {.out = x->shape.c / 2 / 8 * 8,
                        .kernel = side,
                        .stride = side,
                        .padding = TM_PAD_VALID,
                        .bias = true};
        x = tm_conv2d(b, "1", tm_normalize(b, "0", x, norm), conv);
    }
    tm_push(b, index ? "2" : "0");
    x = dense_stage(b, v, x, index);
    tm_pop(b);
    tm_pop(b);
    return x;
}

static void build(tm_builder *b, const void *variant)
{
    const rdnet_variant *v = variant;
    int reduction = 4;
    tm_conv patches = {
        .out = v->width, .kernel = 4, .stride = 4, .padding = TM_PAD_VALID, .bias = true};
    tm_node *x = tm_normalize(b, "stem.1", tm_conv2d(b, "stem.0", b->graph->input, patches), norm);
    for (int i = 0; i < v->stages; i++) {
        x = stage(b, v, x, i);
        reduction *= strides(v, i) ? 2 : 1;
        if (i + 1 == v->stages || strides(v, i + 1))
            tm_tap_stage_of(b, "dense_stages", i, x, reduction);
    }
    tm_tap_final(b, x);
    tm_norm_mlp_head(b, "head", x, (tm_mlp_head){.pool = "avg", .norm = norm});
}

static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    (void)graph, (void)variant;
    if (!tm_state_find(dict, "stem.0.weight"))
        tm_state_replace(dict, "stem.stem.", "stem.");
}

const tm_family tm_family_rdnet = {
    .module = "rdnet", TM_VARIANTS(variants), .build = build, .filter = filter};
