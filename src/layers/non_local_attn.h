/* SPDX-License-Identifier: Apache-2.0 */
/* Attention between all pixels of a map. */
#ifndef TM_LAYERS_NON_LOCAL_ATTN_H
#define TM_LAYERS_NON_LOCAL_ATTN_H

#include "ops/nn.h"

/* timm's BatNonLocalAttn (bilinear attention transform, CVPR 2020) with `reduced` channels in two
 * groups; the sides of x are cut into `block` parts each. */
tm_node *tm_bilinear_attention(tm_builder *b, const char *name, tm_node *x, int reduced, int block);

#endif
