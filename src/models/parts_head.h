/* SPDX-License-Identifier: Apache-2.0 */
/* Classifier heads beyond those of parts.h. */
#ifndef TM_MODELS_PARTS_HEAD_H
#define TM_MODELS_PARTS_HEAD_H

#include "ops/nn.h"

/* timm's ClassifierHead with use_conv: global pool (the option, else `pool`), taps pre_logits and
 * logits; `classifier` is a 1x1 convolution, so it goes without a pool too. */
void tm_conv_classifier_head(tm_builder *b, tm_node *x, const char *pool, const char *classifier);

#endif
