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
    tm_aa_kind aa;  /* of strides above 1 */
    int evo_groups; /* above 0: EvoNorm-S0 of so many groups in place of the norm, eps 1e-5; with an
                       activation of its own in place of any act */
} tm_conv_tail;

/* timm's ConvNormAct: name.conv, name.bn, activation, anti-aliasing in place of the stride */
tm_node *tm_conv_norm_act(tm_builder *b, const char *name, tm_node *x, tm_conv conv,
                          tm_conv_tail tail);
/* timm's SeparableConvNormAct: name.conv_dw as conv says but with as many channels as x,
 * name.conv_pw of conv.out, name.bn, activation; tail.aa is not looked at */
tm_node *tm_separable_conv_norm_act(tm_builder *b, const char *name, tm_node *x, tm_conv conv,
                                    tm_conv_tail tail);

/* timm's EffectiveSEModule: x * hard_sigmoid(name.fc(mean x)) */
tm_node *tm_effective_squeeze_excite(tm_builder *b, const char *name, tm_node *x);

/* Refuses output strides other than 32: for families that timm gives no dilation. */
void tm_refuse_dilation(tm_builder *b);
/* Refuses 2 and 4, where timm does. */
void tm_refuse_small_stride(tm_builder *b);

#endif
