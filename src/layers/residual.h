/* SPDX-License-Identifier: Apache-2.0 */
/* ResNet's plain blocks, as families other than ResNet use them. */
#ifndef TM_LAYERS_RESIDUAL_H
#define TM_LAYERS_RESIDUAL_H

#include "ops/nn.h"

typedef struct tm_residual {
    int out, stride;
    int bottleneck; /* channels of its middle; 0: two 3x3 convolutions */
    int groups;     /* of a bottleneck's 3x3 convolution; 0: 1 */
} tm_residual;

/* Up to the sum with the shortcut: conv1, bn1, conv2, bn2 and a bottleneck's conv3, bn3 */
tm_node *tm_residual_branch(tm_builder *b, tm_node *x, tm_residual residual);

#endif
