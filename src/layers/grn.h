/* SPDX-License-Identifier: Apache-2.0 */
/* Global response normalization. */
#ifndef TM_LAYERS_GRN_H
#define TM_LAYERS_GRN_H

#include "ops/nn.h"

/* timm's GlobalResponseNorm (2301.00808): x + bias + weight * x * n, n the norm of x's channel over
 * all pixels, divided by the mean of all channels' norms. */
tm_node *tm_global_response_norm(tm_builder *b, const char *name, tm_node *x);

#endif
