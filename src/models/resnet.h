/* SPDX-License-Identifier: Apache-2.0 */
/* timm's ResNets as backbones of other families, and with their blocks. */
#ifndef TM_MODELS_RESNET_H
#define TM_MODELS_RESNET_H

#include "ops/nn.h"

/* The model `arch` up to the end of its stage `stages` (1 to 4), at its own stride and without
 * taps. arch must be one of resnet.c's names. */
tm_node *tm_resnet_backbone(tm_builder *b, const char *arch, tm_node *x, int stages);

/* One block's place in its stage. */
typedef struct tm_resnet_place {
    int planes, stride, dilation, first_dilation;
    bool bottleneck; /* the block has 4 * planes channels, not planes */
    bool project;    /* its shortcut has a convolution */
} tm_resnet_place;

/* A ResNet whose blocks are another family's. */
typedef struct tm_resnet_design {
    bool bottleneck;
    const int *layers; /* blocks of each of the 4 stages */
    int deep_stem; /* width of ResNet-D's three 3x3 convolutions, which brings its shortcuts too; 0:
                      one 7x7 convolution */
    /* A block up to the sum with its shortcut; variant is tm_build_resnet's. */
    tm_node *(*branch)(tm_builder *b, const void *variant, tm_node *x, tm_resnet_place place);
} tm_resnet_design;

/* The model from the input to the taps of the head. */
void tm_build_resnet(tm_builder *b, const tm_resnet_design *design, const void *variant);

#endif
