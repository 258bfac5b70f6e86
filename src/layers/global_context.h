/* SPDX-License-Identifier: Apache-2.0 */
/* Global context (1904.11492). */
#ifndef TM_LAYERS_GLOBAL_CONTEXT_H
#define TM_LAYERS_GLOBAL_CONTEXT_H

#include "ops/nn.h"

/* timm's GlobalContext: the mean of all pixels, weighted by a softmax of
 * name.conv_attn, through two layers with a norm between; their answer is added to x (mlp_add) or
 * its sigmoid scales x (mlp_scale). */
tm_node *tm_global_context(tm_builder *b, const char *name, tm_node *x, int reduced,
                           tm_act_kind act, bool add);

/* As timm 0.4.12 had it: always added, and the norm has weights [reduced, 1, 1] and eps 1e-5. */
tm_node *tm_legacy_global_context(tm_builder *b, const char *name, tm_node *x, int reduced,
                                  tm_act_kind act);

#endif
