/* SPDX-License-Identifier: Apache-2.0 */
/* The walk through a network's stages: where a map would become smaller than the output stride
 * allows, dilation takes the stride's place. */
#ifndef TM_LAYERS_STAGES_H
#define TM_LAYERS_STAGES_H

#include "ops/nn.h"

typedef struct tm_stages {
    int output_stride;
    int reduction; /* input pixels per pixel of the map that the walk has come to */
    int dilation;  /* of the convolutions from here on */
} tm_stages;

/* Stands behind a stem of `reduction`. The family has the option output stride, from `least` on
 * (timm refuses 2 and 4 in many). */
tm_stages tm_stages_begin(tm_builder *b, int reduction, int least);
/* The same for a backbone inside another model: it keeps its strides whatever the options say. */
tm_stages tm_stages_backbone(int reduction);

typedef struct tm_stage {
    int stride; /* of its first block */
    int dilation;
    int first_dilation; /* of the convolution that has the stride */
    int reduction;
} tm_stage;

/* The next stage (or block), which is designed with `stride`, 1 or 2. */
tm_stage tm_stages_next(tm_stages *walk, int stride);

#endif
