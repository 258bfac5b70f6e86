/* SPDX-License-Identifier: Apache-2.0 */
/* Layers that convolutional families share beyond parts.h. */
#ifndef TM_MODELS_PARTS_CONV_H
#define TM_MODELS_PARTS_CONV_H

#include "ops/nn.h"

/* Anti-aliasing in place of a stride (timm's create_aa). */
typedef enum tm_aa_kind {
    TM_AA_NONE,
    TM_AA_AVG,      /* average of stride x stride pixels */
    TM_AA_BLUR,     /* blur pool, reflect padding */
    TM_AA_BLUR_ZERO /* blur pool, zero padding: timm's "blurpc" */
} tm_aa_kind;

tm_node *tm_anti_alias(tm_builder *b, tm_node *x, tm_aa_kind kind, int stride);

/* The average pool before the 1x1 convolution of a shortcut ("avg_down"): 2x2 in ceil mode, at
 * stride 1 where dilation took the stride's place; x itself where there is neither. */
tm_node *tm_shortcut_pool(tm_builder *b, tm_node *x, int stride, int dilation);

/* What follows a convolution; {0}: batch norm alone, eps 1e-5. */
typedef struct tm_conv_tail {
    tm_norm norm;
    tm_act_kind act;
    tm_aa_kind aa; /* of strides above 1 */
} tm_conv_tail;

/* timm's ConvNormAct: name.conv, name.bn, activation, anti-aliasing in place of the stride */
tm_node *tm_conv_norm_act(tm_builder *b, const char *name, tm_node *x, tm_conv conv,
                          tm_conv_tail tail);

#endif
