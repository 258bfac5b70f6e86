/* SPDX-License-Identifier: Apache-2.0 */
/* Maps weighted against each other: split and selective-kernel attention. */
#ifndef TM_LAYERS_SPLIT_ATTN_H
#define TM_LAYERS_SPLIT_ATTN_H

#include "ops/nn.h"

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
