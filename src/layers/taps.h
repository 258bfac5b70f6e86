/* SPDX-License-Identifier: Apache-2.0 */
/* What a model leaves for others to ask for, as most families do it. */
#ifndef TM_LAYERS_TAPS_H
#define TM_LAYERS_TAPS_H

#include "ops/nn.h"

/* Taps x as a feature and as the intermediate of the same index. */
void tm_tap_stage(tm_builder *b, const char *module, tm_node *x, int reduction);
/* The same for the module "LIST.INDEX". */
void tm_tap_stage_of(tm_builder *b, const char *list, int index, tm_node *x, int reduction);
/* The same with an intermediate that went through a norm. */
void tm_tap_stage_normed(tm_builder *b, const char *list, int index, tm_node *x, tm_node *normed,
                         int reduction);
/* The same of the last stage, whose map goes through `norm` before it is the final state, which is
 * returned; the intermediate goes through it only where the option says so. */
tm_node *tm_tap_last_stage(tm_builder *b, const char *list, int index, tm_node *x, int reduction,
                           tm_norm norm);
/* Taps x as forward_features and as the final state of forward_intermediates. */
void tm_tap_final(tm_builder *b, tm_node *x);
/* The same of tokens. */
void tm_tap_final_tokens(tm_builder *b, tm_node *x);

/* Taps of block `index`, whose tokens x are `prefix` tokens and an h x w map: the feature
 * "blocks.INDEX" of the scope, and with the intermediate's own norm applied, `normed`, the
 * intermediate, as a map or as tokens, and its prefix tokens. */
void tm_tap_block(tm_builder *b, int index, tm_node *x, tm_node *normed, int prefix, int h, int w,
                  int reduction);

#endif
