/* SPDX-License-Identifier: Apache-2.0 */
/* EvoNorm: normalization and activation in one (2004.02967). */
#ifndef TM_LAYERS_EVO_NORM_H
#define TM_LAYERS_EVO_NORM_H

#include "ops/nn.h"

/* timm's EvoNorm2dS0: x * sigmoid(v * x) / std(x) * weight + bias, the std
 * over each group of channels of a picture; without act, x * weight + bias. eps 0: 1e-5. */
tm_node *tm_evo_norm_s0(tm_builder *b, const char *name, tm_node *x, int groups, bool act,
                        float eps);
/* timm's EvoNorm2dS0a: the same, divided by the std without act too; eps 1e-3. */
tm_node *tm_evo_norm_s0a(tm_builder *b, const char *name, tm_node *x, int groups, bool act);

#endif
