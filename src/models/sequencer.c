/* SPDX-License-Identifier: Apache-2.0 */
/* timm's sequencer.py: Sequencer2D (2205.01972). */
#include <stdio.h>

#include "layers/classifier.h"
#include "layers/mlp.h"
#include "layers/patch_embed.h"
#include "layers/swap_hw.h"
#include "models/filters.h"
#include "models/model.h"

enum { STAGES = 4, PATCH = 7, GATES = 4 };

typedef struct sequencer_variant {
    const char *name;
    int depths[STAGES];
} sequencer_variant;

static const sequencer_variant variants[] = {
    {"sequencer2d_l", {8, 8, 16, 4}},
    {"sequencer2d_m", {4, 3, 14, 3}},
    {"sequencer2d_s", {4, 3, 8, 3}},
};

static const int widths[STAGES] = {192, 384, 384, 384}; /* four times that of one memory */
static const int steps[STAGES] = {1, 2, 1, 1};          /* of what is between stages */
static const tm_norm norm = {.kind = TM_NORM_LAYER, .eps = 1e-6f};

/* Of torch's LSTM in the scope; in 0: a vector. */
static tm_node *gate_param(tm_builder *b, const char *part, bool backward, int gates, int in)
{
    char name[32];
    snprintf(name, sizeof name, "%s_l0%s", part, backward ? "_reverse" : "");
    return in ? tm_param2(b, name, gates, in) : tm_param1(b, name, gates);
}

static tm_node *direction(tm_builder *b, tm_node *x, int hidden, bool backward)
{
    int gates = GATES * hidden;
    tm_node *input = gate_param(b, "weight_ih", backward, gates, x->shape.c);
    tm_node *state = gate_param(b, "weight_hh", backward, gates, hidden);
    tm_node *bias = tm_const_add(b, gate_param(b, "bias_ih", backward, gates, 0),
                                 gate_param(b, "bias_hh", backward, gates, 0));
    x = tm_conv2d_with(b, "input", x, input, bias,
                       (tm_conv){.out = gates, .kernel = 1, .linear = true});
    return tm_lstm(b, x, state, backward);
}

/* Along rows, both ways. */
static tm_node *bidirectional(tm_builder *b, const char *name, tm_node *x, int hidden)
{
    tm_push(b, "%s", name);
    tm_node *ways[] = {direction(b, x, hidden, false), direction(b, x, hidden, true)};
    tm_pop(b);
    return tm_concat_c(b, 2, ways);
}

static tm_node *block(tm_builder *b, tm_node *x)
{
    int c = x->shape.c, hidden = c / 4;
    tm_ffn ffn = {.hidden = 3 * c, .act = TM_ACT_GELU};
    tm_node *y = tm_normalize(b, "norm1", x, norm);
    tm_push(b, "rnn_tokens");
    tm_node *vertical = bidirectional(b, "rnn_v", tm_swap_hw(b, y), hidden);
    tm_node *both[] = {tm_swap_hw(b, vertical), bidirectional(b, "rnn_h", y, hidden)};
    y = tm_linear(b, "fc", tm_concat_c(b, 2, both), c, true);
    tm_pop(b);
    x = tm_add(b, x, y);
    return tm_add(b, x, tm_feed_forward(b, "mlp_channels", tm_normalize(b, "norm2", x, norm), ffn));
}

static tm_node *stage(tm_builder *b, const sequencer_variant *v, tm_node *x, int index)
{
    tm_conv conv = {.out = widths[index],
                    .kernel = steps[index],
                    .stride = steps[index],
                    .padding = TM_PAD_VALID,
                    .bias = true};
    if (index)
        x = tm_conv2d(b, "downsample.down", x, conv);
    for (int i = 0; i < v->depths[index]; i++) {
        tm_push(b, "blocks.%d", i);
        x = block(b, x);
        tm_pop(b);
    }
    return x;
}

static void build(tm_builder *b, const void *variant)
{
    const sequencer_variant *v = variant;
    tm_node *x = tm_patch_embed(b, "stem", b->graph->input, widths[0], PATCH, true);
    for (int i = 0, reduction = PATCH; i < STAGES; i++) {
        char module[16];
        bool normed = i == STAGES - 1 && tm_option_norm_intermediates(b);
        snprintf(module, sizeof module, "stages.%d", i);
        tm_push(b, "%s", module);
        x = stage(b, v, x, i);
        tm_pop(b);
        tm_tap_feature_as(b, module, x, reduction *= steps[i], TM_LAYOUT_NHWC);
        tm_tap_intermediate(b, normed ? tm_normalize(b, "norm", x, norm) : x, TM_LAYOUT_MAP);
    }
    b->graph->default_features = 1 - STAGES;
    x = tm_normalize(b, "norm", x, norm);
    tm_tap_output(b, TM_TAP_FINAL, x, TM_LAYOUT_NHWC);
    tm_tap_output(b, TM_TAP_FORWARD_FEATURES, x, TM_LAYOUT_NHWC);
    const char *pool = tm_pool_kind(b, "avg");
    tm_classifier(b, tm_global_pool(b, x, pool), pool[0] ? TM_LAYOUT_VECTOR : TM_LAYOUT_NHWC,
                  "head.fc");
}

/* The authors number stages and what is between them in `blocks`, which counts in both. */
static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    (void)graph, (void)variant;
    if (tm_state_find(dict, "stages.0.blocks.0.norm1.weight"))
        return;
    for (size_t i = 0; i < dict->count; i++) {
        tm_tensor_view *view = &dict->tensors[i];
        int stage, part, end = 0;
        sscanf(view->name, "blocks.%4d.%4d.down%n", &stage, &part, &end);
        if (end) {
            tm_state_rename(dict, view, "stages.%d.downsample.down%s", stage + 1, view->name + end);
            continue;
        }
        sscanf(view->name, "blocks.%4d.%4d%n", &stage, &part, &end);
        if (end)
            tm_state_rename(dict, view, "stages.%d.blocks.%d%s", stage, part, view->name + end);
    }
    tm_state_replace(dict, "head.", "head.fc.");
}

const tm_family tm_family_sequencer = {
    .module = "sequencer", TM_VARIANTS(variants), .build = build, .filter = filter};
