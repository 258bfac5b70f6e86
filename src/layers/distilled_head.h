/* SPDX-License-Identifier: Apache-2.0 */
/* Classifiers of models that were trained by distillation: two, whose answers are averaged. */
#ifndef TM_LAYERS_DISTILLED_HEAD_H
#define TM_LAYERS_DISTILLED_HEAD_H

#include "ops/nn.h"

typedef struct tm_distilled {
    const char *head, *dist; /* names; dist NULL: one classifier alone */
    const char *linear;      /* NormLinear: head.bn, then head.LINEAR; NULL: head is the layer */
} tm_distilled;

/* Taps pre_logits, x, and logits; neither classifier where num_classes is 0. NormLinear takes
 * pooled vectors only. */
void tm_distilled_head(tm_builder *b, tm_node *x, tm_layout layout, tm_distilled head);

/* Two vectors with a linear layer each: taps pre_logits, `before`, and logits, the mean of what the
 * layers say; without classes that is `before`, too. */
void tm_mean_of_heads(tm_builder *b, tm_node *before, tm_node *const xs[2],
                      const char *const names[2]);

/* Of tokens, the first two of which are the class's and the teacher's: taps pre_logits, their mean,
 * and logits, the mean of what `head` says to the one and `head_dist` to the other. */
void tm_distilled_token_head(tm_builder *b, tm_node *x);

#endif
