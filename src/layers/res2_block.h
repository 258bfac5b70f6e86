/* SPDX-License-Identifier: Apache-2.0 */
/* Res2Net's block (1904.01169). */
#ifndef TM_LAYERS_RES2_BLOCK_H
#define TM_LAYERS_RES2_BLOCK_H

#include "ops/nn.h"

typedef struct tm_res2_block {
    int out;
    int width, scale; /* channels of a part; parts, at most 8 */
    int cardinality, stride, dilation;
    bool first; /* the parts do not see one another; the last is average pooled */
} tm_res2_block;

/* Res2Net's bottleneck up to the sum with its shortcut: conv1, bn1, convs.I, bns.I, conv3, bn3 */
tm_node *tm_res2_bottleneck(tm_builder *b, tm_node *x, tm_res2_block block);

#endif
