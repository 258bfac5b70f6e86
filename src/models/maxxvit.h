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

typedef struct tm_maxxvit {
    const char *name, *same_as;
    tm_maxxvit_series series;
    tm_maxxvit_blocks blocks;
    int dims[TM_MAXXVIT_STAGES], depths[TM_MAXXVIT_STAGES], stem[2];
    int mlp;          /* width of the MLP that makes the biases of attention; 0: they are a table */
    bool pool_stride; /* convolutions' stride is an average pool */
    bool max_pool;    /* other strides are max pools */
    bool early;       /* squeeze-excite is before its norm; shortcuts of attention have no bias */
    bool silu_se;     /* of RW_COAT: SiLU in place of ReLU in squeeze-excite */
    bool batch_norm;  /* of attention */
    bool layer_scale; /* of attention */
    bool grid_only;   /* no attention in windows */
    bool hidden;      /* a layer before the classifier */
} tm_maxxvit;

void tm_maxxvit_build(tm_builder *b, const void *variant);

#endif
