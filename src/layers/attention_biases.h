/* SPDX-License-Identifier: Apache-2.0 */
/* Attention between the pixels of a map, as LeViT has it (2104.01136). */
#ifndef TM_LAYERS_ATTENTION_BIASES_H
#define TM_LAYERS_ATTENTION_BIASES_H

#include "ops/nn.h"

/* attention_biases [heads, h * w]: one for every distance between two pixels, down and across,
 * whatever the direction; keys are all pixels of an h x w map, queries every `stride`th of both
 * sides. Result [heads, queries, keys]. */
tm_node *tm_attention_biases(tm_builder *b, int heads, int h, int w, int stride);

typedef struct tm_head_parts {
    int heads, count;
    int dims[3]; /* channels of a head that part i has */
} tm_head_parts;

/* Channels that are in the order [head][part] in the order [part][head]: rows of a weight or bias.
 */
tm_node *tm_parts_first(tm_builder *b, tm_node *rows, tm_head_parts parts);

#endif
