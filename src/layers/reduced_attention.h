/* SPDX-License-Identifier: Apache-2.0 */
/* Attention of all pixels to those of a smaller map, as PVT has it (2102.12122). */
#ifndef TM_LAYERS_REDUCED_ATTENTION_H
#define TM_LAYERS_REDUCED_ATTENTION_H

#include "ops/nn.h"

typedef struct tm_reduced {
    int heads;
    int ratio; /* of the sides of the map and of the smaller one: name.sr, name.norm; 1: neither */
    int pool;  /* above 0: in place of the ratio, the map is averaged to pool x pool pixels before
                  a 1x1 convolution, and GELU follows */
} tm_reduced;

/* name.q, name.kv, name.proj on a map; eps of the norm is 1e-5 */
tm_node *tm_reduced_attention(tm_builder *b, const char *name, tm_node *x, tm_reduced reduced);

#endif
