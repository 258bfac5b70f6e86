/* SPDX-License-Identifier: Apache-2.0 */
/* Pooling of tokens by attention. */
#ifndef TM_LAYERS_ATTENTION_POOL_H
#define TM_LAYERS_ATTENTION_POOL_H

#include "ops/nn.h"

/* timm's AttentionPoolLatent: one learned query, name.latent, over all tokens; 1 x 1 x channels */
tm_node *tm_attention_pool_latent(tm_builder *b, const char *name, tm_node *x, int heads,
                                  int hidden, tm_act_kind act, tm_norm norm);

#endif
