/* SPDX-License-Identifier: Apache-2.0 */
/* Classifier heads: pool, taps pre_logits and logits, and what is between. */
#ifndef TM_LAYERS_CLASSIFIER_H
#define TM_LAYERS_CLASSIFIER_H

#include "ops/nn.h"

/* Global pool (the option, else `pool`), taps pre_logits and logits; `classifier` is the linear
 * layer, absent when num_classes is 0. */
void tm_classifier_head(tm_builder *b, tm_node *x, const char *pool, const char *classifier);
/* The same for x that is already pooled, or not to be: taps and classifier alone. */
void tm_classifier(tm_builder *b, tm_node *x, tm_layout layout, const char *classifier);
/* Of tokens, `first` of which are no patches: the pool avg (of the patches), token (the first one,
 * where there are such) or none, as the option says, else `pool`; taps and classifier. */
void tm_token_head(tm_builder *b, tm_node *x, const char *pool, int first, const char *classifier);
/* The pool that the options ask for, else `pool`. */
const char *tm_pool_kind(tm_builder *b, const char *pool);

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
