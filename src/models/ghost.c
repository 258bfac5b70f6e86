/* SPDX-License-Identifier: Apache-2.0 */
#include "models/ghost.h"

#include "layers/classifier.h"
#include "layers/conv_bn_act.h"
#include "layers/make_divisible.h"
#include "layers/squeeze_excite.h"
#include "layers/taps.h"

int tm_ghost_scaled(double width, double channels)
{
    return tm_divisible(channels * width, 4, 0.9);
}

tm_node *tm_ghost_squeeze(tm_builder *b, tm_node *x, int middle)
{
    return tm_squeeze_excite_with(b, "se", x,
                                  (tm_squeeze){.reduce = "conv_reduce",
                                               .expand = "conv_expand",
                                               .reduced = tm_divisible(middle * 0.25, 4, 0.9),
                                               .gate = TM_ACT_HARD_SIGMOID});
}

static tm_node *blocks(tm_builder *b, const tm_ghost *ghost, const void *variant, tm_node *x)
{
    const tm_ghost_row *rows = ghost->rows;
    int reduction = 2;
    for (int i = 0, place = 0; i < ghost->count; i++, place++) {
        if (i > 0 && rows[i].stage != rows[i - 1].stage)
            place = 0;
        tm_push(b, "blocks.%d.%d", rows[i].stage, place);
        x = ghost->block(b, variant, x, i);
        tm_pop(b);
        if (rows[i].stride > 1) {
            reduction *= 2;
            tm_tap_stage_of(b, "blocks", rows[i].stage, x, reduction);
        }
    }
    tm_conv last = {.out = tm_ghost_scaled(ghost->width, ghost->last), .kernel = 1};
    x = tm_conv_norm(b, "blocks.9.0.conv", "blocks.9.0.bn1", x, last);
    return tm_activate(b, x, TM_ACT_RELU);
}

void tm_ghost_build(tm_builder *b, const tm_ghost *ghost, const void *variant)
{
    tm_conv stem = {.out = tm_ghost_scaled(ghost->width, 16), .kernel = 3, .stride = 2};
    tm_node *x = tm_conv2d(b, "conv_stem", b->graph->input, stem);
    tm_tap_stage(b, "conv_stem", x, 2); /* before the norm */
    x = tm_activate(b, tm_normalize(b, "bn1", x, (tm_norm){.kind = TM_NORM_BATCH}), TM_ACT_RELU);
    x = blocks(b, ghost, variant, x);
    b->graph->pruning = TM_PRUNING_TOGETHER;
    tm_tap_final(b, x);
    tm_hidden_classifier_head(b, x,
                              (tm_hidden_head){.conv = "conv_head",
                                               .classifier = "classifier",
                                               .hidden = 1280,
                                               .bias = true,
                                               .act = TM_ACT_RELU});
}
