/* SPDX-License-Identifier: Apache-2.0 */
/* What the families of Ghost bottlenecks share: stem, walk over their blocks, head. */
#ifndef TM_MODELS_GHOST_H
#define TM_MODELS_GHOST_H

#include "ops/nn.h"

typedef struct tm_ghost_row {
    int stage, kernel, middle, out; /* channels at width 1 */
    bool squeeze;
    int stride;
} tm_ghost_row;

typedef struct tm_ghost {
    double width; /* of all channels */
    const tm_ghost_row *rows;
    int count;
    int last; /* channels of the last convolution, at width 1 */
    /* Block `index` of the family's variant. */
    tm_node *(*block)(tm_builder *b, const void *variant, tm_node *x, int index);
} tm_ghost;

int tm_ghost_scaled(double width, double channels);
/* "se" on the `middle` channels of a block. */
tm_node *tm_ghost_squeeze(tm_builder *b, tm_node *x, int middle);
/* From the input to the taps. */
void tm_ghost_build(tm_builder *b, const tm_ghost *ghost, const void *variant);

#endif
