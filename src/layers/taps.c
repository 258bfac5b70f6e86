/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/taps.h"

#include <stdio.h>

void tm_tap_stage(tm_builder *b, const char *module, tm_node *x, int reduction)
{
    tm_tap_feature(b, module, x, reduction);
    tm_tap_intermediate(b, x, TM_LAYOUT_MAP);
}

void tm_tap_stage_of(tm_builder *b, const char *list, int index, tm_node *x, int reduction)
{
    tm_tap_stage_normed(b, list, index, x, x, reduction);
}

void tm_tap_stage_normed(tm_builder *b, const char *list, int index, tm_node *x, tm_node *normed,
                         int reduction)
{
    char module[32];
    snprintf(module, sizeof module, "%s.%d", list, index);
    tm_tap_feature(b, module, x, reduction);
    tm_tap_intermediate(b, normed, TM_LAYOUT_MAP);
}

tm_node *tm_tap_last_stage(tm_builder *b, const char *list, int index, tm_node *x, int reduction,
                           tm_norm norm)
{
    tm_node *normed = tm_normalize(b, "norm", x, norm);
    tm_node *intermediate = tm_option_norm_intermediates(b) ? normed : x;
    tm_tap_stage_normed(b, list, index, x, intermediate, reduction);
    tm_tap_final(b, normed);
    return normed;
}

void tm_tap_final(tm_builder *b, tm_node *x)
{
    tm_tap_output(b, TM_TAP_FINAL, x, TM_LAYOUT_MAP);
    tm_tap_output(b, TM_TAP_FORWARD_FEATURES, x, TM_LAYOUT_MAP);
}

void tm_tap_final_tokens(tm_builder *b, tm_node *x)
{
    tm_tap_output(b, TM_TAP_FINAL, x, TM_LAYOUT_TOKENS);
    tm_tap_output(b, TM_TAP_FORWARD_FEATURES, x, TM_LAYOUT_TOKENS);
}

static tm_node *patch_map(tm_builder *b, tm_node *x, int prefix, int h, int w)
{
    return tm_reshape(b, prefix ? tm_slice_w(b, x, prefix, h * w) : x, h, w, x->shape.c);
}

void tm_tap_block(tm_builder *b, int index, tm_node *x, tm_node *normed, int prefix, int h, int w,
                  int reduction)
{
    char module[32];
    b->graph->token_blocks = true;
    snprintf(module, sizeof module, "blocks.%d", index);
    tm_node *map = patch_map(b, x, prefix, h, w);
    tm_tap_feature(b, tm_scoped(b, module), map, reduction);
    tm_tap_intermediate(b, normed == x ? map : patch_map(b, normed, prefix, h, w), TM_LAYOUT_MAP);
    if (prefix)
        tm_tap_prefix(b, tm_slice_w(b, normed, 0, prefix));
}
