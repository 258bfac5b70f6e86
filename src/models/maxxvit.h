/* SPDX-License-Identifier: Apache-2.0 */
/* timm's MaxxVit class. */
#ifndef TM_MODELS_MAXXVIT_H
#define TM_MODELS_MAXXVIT_H

#include "models/model.h"

enum { TM_MAXXVIT_STAGES = 4 };

/* Who designed it: what its convolutions have in common. */
typedef enum tm_maxxvit_series {
    PAPER,    /* CoAtNet's authors, as they tell it */
    RW_COAT,  /* timm's first ones */
    RW_MAX,   /* timm's later ones */
    CONVNEXT, /* timm's with blocks of ConvNeXt */
    TF        /* MaxViT's authors */
} tm_maxxvit_series;

typedef enum tm_maxxvit_blocks {
    COATNET,       /* two stages of convolutions, two of transformers */
    COATNET_MIXED, /* the same, and each of the last two begins with a convolution */
    MAXVIT,        /* each a convolution and attention in windows, then in grids */
    PARALLEL       /* each two convolutions and attention in both at once */
} tm_maxxvit_blocks;

/* Where the biases of attention come from. */
typedef enum tm_maxxvit_positions {
    POS_TABLE,    /* by the offset of two pixels */
    POS_MLP,      /* a small network, of the offset */
    POS_TF_TABLE, /* a table as MaxViT's authors have it */
    POS_NONE
} tm_maxxvit_positions;

typedef struct tm_maxxvit {
    const char *name, *same_as;
    tm_maxxvit_series series;
    tm_maxxvit_blocks blocks;
    int dims[TM_MAXXVIT_STAGES], depths[TM_MAXXVIT_STAGES], stem[2];
    tm_maxxvit_positions positions;
    int mlp;          /* its width; 512 */
    bool pool_stride; /* convolutions' stride is an average pool */
    bool max_pool;    /* other strides are max pools */
    bool early;       /* squeeze-excite is before its norm; shortcuts of attention have no bias */
    bool silu_se;     /* of RW_COAT: SiLU in place of ReLU in squeeze-excite */
    bool batch_norm;  /* of attention */
    bool layer_scale; /* of attention */
    bool grid_only;   /* no attention in windows */
    int hidden;       /* of a layer before the classifier; 0: none */
    tm_act_kind conv_act, act;   /* of convolutions, of attention; NONE: the series' own */
    int conv_kernel, head_width; /* 3, 32 */
    double conv_ratio, ratio;    /* of what is wider inside a convolution's block, of MLPs; 4 */
    double se_ratio;             /* of squeeze-excite; 0: the series' own */
    int window[2], grid[2];      /* 0: a share of the picture; grid alone is not looked at */
    int partition;               /* windows a side; 32 */
} tm_maxxvit;

void tm_maxxvit_build(tm_builder *b, const void *variant);

#endif
