/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks that several families share. */
#ifndef TM_MODELS_PARTS_H
#define TM_MODELS_PARTS_H

#include "ops/nn.h"

/* timm's make_divisible: v rounded to a multiple of divisor, at least divisor, and one step up
 * where rounding took more than 1 - limit of it (0.9 is usual; 0: no limit). */
int tm_divisible(double v, int divisor, double limit);

/* timm's BlurPool2d: binomial 3x3 filter of every channel. */
tm_node *tm_blur_pool(tm_builder *b, tm_node *x, int stride, tm_pad_mode padding);

typedef struct tm_squeeze {
    const char *reduce, *expand; /* names of the 1x1 convolutions, which have a bias: fc1, fc2 */
    int reduced;                 /* channels between */
    tm_act_kind act;             /* between; NONE: ReLU */
    tm_act_kind gate;            /* NONE: sigmoid */
} tm_squeeze;

/* x * gate(expand(act(reduce(mean x)))) */
tm_node *tm_squeeze_excite_with(tm_builder *b, const char *name, tm_node *x, tm_squeeze squeeze);
/* timm's SEModule as it is by default, with `reduced` channels between. */
tm_node *tm_squeeze_excite(tm_builder *b, const char *name, tm_node *x, int reduced);

/* timm's EcaModule: the kernel follows from the number of channels that the design (not a pruned
 * model) has. */
tm_node *tm_efficient_channel_attention(tm_builder *b, const char *name, tm_node *x, int channels);
/* timm 0.4.12's EcaModule with use_mlp: two convolutions with bias, `reduced` channels between. */
tm_node *tm_efficient_channel_mlp(tm_builder *b, const char *name, tm_node *x, int channels,
                                  int reduced, tm_act_kind act);

/* Taps x as a feature and as the intermediate of the same index. */
void tm_tap_stage(tm_builder *b, const char *module, tm_node *x, int reduction);
/* Taps x as forward_features and as the final state of forward_intermediates. */
void tm_tap_final(tm_builder *b, tm_node *x);

/* Global pool (the option, else `pool`), taps pre_logits and logits; `classifier` is the linear
 * layer, absent when num_classes is 0. */
void tm_classifier_head(tm_builder *b, tm_node *x, const char *pool, const char *classifier);
/* The same for x that is already pooled, or not to be: taps and classifier alone. */
void tm_classifier(tm_builder *b, tm_node *x, tm_layout layout, const char *classifier);
/* The pool that the options ask for, else `pool`. */
const char *tm_pool_kind(const tm_builder *b, const char *pool);

#endif
