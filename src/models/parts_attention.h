/* SPDX-License-Identifier: Apache-2.0 */
/* Attention inside convolutional blocks, beyond squeeze-excite. */
#ifndef TM_MODELS_PARTS_ATTENTION_H
#define TM_MODELS_PARTS_ATTENTION_H

#include "ops/nn.h"

/* timm's GlobalContext (1904.11492): the mean of all pixels, weighted by a softmax of
 * name.conv_attn, through two layers with a norm between; their answer is added to x (mlp_add) or
 * its sigmoid scales x (mlp_scale). */
tm_node *tm_global_context(tm_builder *b, const char *name, tm_node *x, int reduced,
                           tm_act_kind act, bool add);

/* timm's BatNonLocalAttn (bilinear attention transform, CVPR 2020) with `reduced` channels in two
 * groups; the sides of x are cut into `block` parts each. */
tm_node *tm_bilinear_attention(tm_builder *b, const char *name, tm_node *x, int reduced, int block);

/* timm's AttentionPool2d with separate q, k and v: all pixels and their mean before them, with
 * learned positions for a map of feat_h x feat_w (resampled to x's own). The mean's answer, 1 x 1 x
 * c; without `pool`, the pixels' own. */
tm_node *tm_attention_pool_2d(tm_builder *b, const char *name, tm_node *x, int width, int feat_h,
                              int feat_w, bool pool);

#endif
