/* SPDX-License-Identifier: Apache-2.0 */
/* Classifier heads beyond those of parts.h. */
#ifndef TM_MODELS_PARTS_HEAD_H
#define TM_MODELS_PARTS_HEAD_H

#include "ops/nn.h"

/* timm's ClassifierHead with use_conv: global pool (the option, else `pool`), taps pre_logits and
 * logits; `classifier` is a 1x1 convolution, so it goes without a pool too. */
void tm_conv_classifier_head(tm_builder *b, tm_node *x, const char *pool, const char *classifier);

typedef struct tm_mlp_head {
    const char *pool;
    tm_norm norm;
    int hidden; /* 0: no layer before the classifier */
    tm_act_kind act;
} tm_mlp_head;

/* timm's NormMlpClassifierHead: pool, name.norm, name.pre_logits.fc, activation, name.fc; taps
 * pre_logits and logits. Without a pool its layers are 1x1 convolutions. */
void tm_norm_mlp_head(tm_builder *b, const char *name, tm_node *x, tm_mlp_head head);

#endif
