/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of timm 0.4.12 that later timm has in another form. */
#ifndef TM_MODELS_PARTS_LEGACY_H
#define TM_MODELS_PARTS_LEGACY_H

#include "ops/nn.h"

/* GlobalContext (1904.11492): the mean of all pixels, weighted by a softmax of name.conv_attn,
 * through the two layers of name.mlp_add, is added to x. The norm between them has weights
 * [reduced, 1, 1] and eps 1e-5. */
tm_node *tm_legacy_global_context(tm_builder *b, const char *name, tm_node *x, int reduced,
                                  tm_act_kind act);

/* GatherExcite (1810.12348) with parameters: depthwise convolutions of stride 2, then two 1x1 ones
 * with 1/16 of the channels between, make a coarse map whose sigmoid scales x. */
tm_node *tm_gather_excite(tm_builder *b, const char *name, tm_node *x, int convs);

#endif
