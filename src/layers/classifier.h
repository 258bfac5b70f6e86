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
/* The same where timm has the average of all pixels or tokens and nothing else: "avg" or "". */
const char *tm_average_or_none(tm_builder *b);

/* timm's ClassifierHead with use_conv: global pool (the option, else `pool`), taps pre_logits and
 * logits; `classifier` is a 1x1 convolution, so it goes without a pool too. */
void tm_conv_classifier_head(tm_builder *b, tm_node *x, const char *pool, const char *classifier);

/* The same pool for a head whose next layer has a width of its own; the pool that changes the
 * width, "catavgmax", is refused. layout: of what the head makes of it. */
tm_node *tm_head_pool(tm_builder *b, tm_node *x, const char *pool, tm_layout *layout);

typedef struct tm_hidden_head {
    const char *conv, *classifier;
    int hidden; /* channels of conv, a 1x1 convolution */
    bool bias;  /* of conv */
    tm_act_kind act;
} tm_hidden_head;

/* Global pool (the option, else the mean), conv, activation, classifier; taps pre_logits and
 * logits. */
void tm_hidden_classifier_head(tm_builder *b, tm_node *x, tm_hidden_head head);

typedef struct tm_mlp_head {
    const char *pool;
    tm_norm norm;
    int hidden; /* 0: no layer before the classifier */
    tm_act_kind act;
} tm_mlp_head;

/* timm's NormMlpClassifierHead: pool, name.norm, name.pre_logits.fc, activation, name.fc; taps
 * pre_logits and logits. Without a pool its layers are 1x1 convolutions. */
void tm_norm_mlp_head(tm_builder *b, const char *name, tm_node *x, tm_mlp_head head);

/* timm's ClNormMlpClassifierHead without a hidden layer, of x with channels last in `layout`: pool
 * (avg, max, avgmax or none), name.norm, name.fc; taps pre_logits and logits. */
void tm_channels_last_head(tm_builder *b, const char *name, tm_node *x, tm_layout layout,
                           tm_norm norm);

#endif
