/* SPDX-License-Identifier: Apache-2.0 */
/* Pooling of tokens, 1 x tokens x channels. */
#ifndef TM_LAYERS_POOL1D_H
#define TM_LAYERS_POOL1D_H

#include "ops/nn.h"

/* timm's global_pool_nlc: "" (x itself), "token" (the first), "avg", "max", "avgmax" (the last
 * three over the tokens from `first` on). */
tm_node *tm_pool_tokens(tm_builder *b, tm_node *x, const char *kind, int first);

#endif
