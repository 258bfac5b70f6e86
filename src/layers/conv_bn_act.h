/* SPDX-License-Identifier: Apache-2.0 */
/* A convolution with its norm and activation. */
#ifndef TM_LAYERS_CONV_BN_ACT_H
#define TM_LAYERS_CONV_BN_ACT_H

#include "layers/blur_pool.h"
#include "ops/nn.h"

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

/* A convolution and batch norm, eps 1e-5, by the names that each has. */
tm_node *tm_conv_norm(tm_builder *b, const char *conv_name, const char *norm_name, tm_node *x,
                      tm_conv conv);
/* LeViT's ConvNorm, which others took over: name.c, name.bn */
tm_node *tm_conv_norm_pair(tm_builder *b, const char *name, tm_node *x, tm_conv conv);

#endif
