/* SPDX-License-Identifier: Apache-2.0 */
/* Layers that split the channels of a map into parts. */
#ifndef TM_MODELS_PARTS_SPLIT_H
#define TM_MODELS_PARTS_SPLIT_H

#include "ops/nn.h"

typedef struct tm_res2_block {
    int out;
    int width, scale; /* channels of a part; parts, at most 8 */
    int cardinality, stride, dilation;
    bool first; /* the parts do not see one another; the last is average pooled */
} tm_res2_block;

/* Res2Net's bottleneck up to the sum with its shortcut: conv1, bn1, convs.I, bns.I, conv3, bn3 */
tm_node *tm_res2_bottleneck(tm_builder *b, tm_node *x, tm_res2_block block);

typedef struct tm_part_gate {
    const char *name; /* the 1x1 convolution that makes the weights */
    bool bias;
    int groups; /* of it (0: 1); its outputs run group by group, in each part by part */
} tm_part_gate;

/* The sum of `count` maps of the same shape, weighted per channel: a softmax over the maps of a 1x1
 * convolution of `gate`, 1 x 1 x n. */
tm_node *tm_weigh_parts(tm_builder *b, int count, tm_node *const *parts, tm_node *gate,
                        tm_part_gate convolution);

#endif
