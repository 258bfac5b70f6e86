/* SPDX-License-Identifier: Apache-2.0 */
/* Pooling of a map by attention. */
#ifndef TM_LAYERS_ATTENTION_POOL2D_H
#define TM_LAYERS_ATTENTION_POOL2D_H

#include "ops/nn.h"

/* timm's AttentionPool2d with separate q, k and v: all pixels and their mean before them, with
 * learned positions for a map of feat_h x feat_w (resampled to x's own). The mean's answer, 1 x 1 x
 * c; without `pool`, the pixels' own. */
tm_node *tm_attention_pool_2d(tm_builder *b, const char *name, tm_node *x, int width, int feat_h,
                              int feat_w, bool pool);

#endif
