/* SPDX-License-Identifier: Apache-2.0 */
/* timm's class MobileNetV3, which other modules build too. */
#ifndef TM_MODELS_MOBILENETV3_H
#define TM_MODELS_MOBILENETV3_H

#include "layers/blur_pool.h"
#include "models/model.h"
#include "ops/nn.h"

/* Squeeze-excite: its activation, and how its channels follow from the ratio. */
typedef enum tm_mnv3_se {
    TM_MNV3_SE,       /* ReLU; divisible by 8 */
    TM_MNV3_SE_LCNET, /* ReLU; rounded */
    TM_MNV3_SE_RW,    /* the block's; rounded */
    TM_MNV3_SE_FBNET  /* the block's; divisible by 8, ratio of the block's input */
} tm_mnv3_se;

typedef struct tm_mobilenetv3 {
    const char *name;
    const char *const *arch; /* one string a stage, NULL at the end */
    double width, depth;     /* multipliers, 1 */
    int stem;                /* channels, 16 */
    bool fixed_stem;         /* width does not scale the stem */
    int features;            /* of the head, 1280 */
    bool head_norm;          /* norm in place of the head's bias */
    bool no_head_bias;
    tm_act_kind act; /* ReLU */
    tm_mnv3_se se;
    tm_aa_kind aa;
    bool layer_scale;
    tm_padding padding;
    double norm_eps;    /* 1e-5 */
    int group_size;     /* of depthwise convolutions; 0: 1 */
    bool se_from_input; /* ratios of the block's input, not of its expansion */
} tm_mobilenetv3;

/* Of timm's create_model; also of hardcorenas. */
enum { TM_MOBILENETV3_ARGUMENTS = 13 };
extern const tm_argument tm_mobilenetv3_arguments[TM_MOBILENETV3_ARGUMENTS];

/* variant: a tm_mobilenetv3 */
void tm_build_mobilenetv3(tm_builder *b, const void *variant);

#endif
