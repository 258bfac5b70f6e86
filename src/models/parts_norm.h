/* SPDX-License-Identifier: Apache-2.0 */
/* Normalization layers that are not operators of their own. */
#ifndef TM_MODELS_PARTS_NORM_H
#define TM_MODELS_PARTS_NORM_H

#include "ops/nn.h"

/* EvoNorm-S0 (2004.02967), timm's EvoNorm2dS0: x * sigmoid(v * x) / std(x) * weight + bias, the std
 * over each group of channels of a picture; without act, x * weight + bias. eps 0: 1e-5. */
tm_node *tm_evo_norm_s0(tm_builder *b, const char *name, tm_node *x, int groups, bool act,
                        float eps);
/* timm's EvoNorm2dS0a: the same, divided by the std without act too; eps 1e-3. */
tm_node *tm_evo_norm_s0a(tm_builder *b, const char *name, tm_node *x, int groups, bool act);

/* timm's GlobalResponseNorm (2301.00808): x + bias + weight * x * n, n the norm of x's channel over
 * all pixels, divided by the mean of all channels' norms. */
tm_node *tm_global_response_norm(tm_builder *b, const char *name, tm_node *x);

#endif
