/* SPDX-License-Identifier: Apache-2.0 */
/* timm's ResNetV2 class, for the families that have it as a backbone. */
#ifndef TM_MODELS_RESNETV2_H
#define TM_MODELS_RESNETV2_H

#include "ops/nn.h"

typedef enum tm_resnetv2_stem {
    TM_RESNETV2_SEVEN, /* one 7x7 convolution */
    TM_RESNETV2_DEEP,  /* three 3x3 of widths w/2, w/2, w */
    TM_RESNETV2_TIERED /* three 3x3 of widths 3w/8, w/2, w */
} tm_resnetv2_stem;

typedef enum tm_resnetv2_norm {
    TM_RESNETV2_GROUP,
    TM_RESNETV2_BATCH,
    TM_RESNETV2_EVO, /* EvoNorm-S0 in place of norm and activation */
    TM_RESNETV2_FRN  /* filter response norm (1911.09737) likewise */
} tm_resnetv2_norm;

typedef enum tm_resnetv2_pool {
    TM_RESNETV2_POOL_DEFAULT, /* torch's padding */
    TM_RESNETV2_POOL_FIXED,   /* of zeros, as in BiT */
    TM_RESNETV2_POOL_SAME     /* TensorFlow's */
} tm_resnetv2_pool;

typedef struct tm_resnetv2 {
    const char *name;
    int layers[4]; /* 0: no such stage */
    bool basic;    /* blocks of two 3x3 convolutions, 64 to 512 channels */
    int width;     /* factor; 1 */
    tm_resnetv2_stem stem;
    tm_resnetv2_pool pool;
    tm_resnetv2_norm norm;
    bool avg_down;    /* 2x2 average pool and 1x1 convolution on the shortcut */
    bool post_act;    /* norm and activation after each convolution, as in ResNet */
    bool standardize; /* weights of convolutions */
    tm_padding padding;
} tm_resnetv2;

/* The stem alone, pool included, named by the scope. */
tm_node *tm_resnetv2_stem_on(tm_builder *b, const tm_resnetv2 *v, tm_node *x);
/* From the stem to the last stage. taps: of features and intermediates. */
tm_node *tm_resnetv2_stages_on(tm_builder *b, const tm_resnetv2 *v, tm_node *x, bool taps);

#endif
