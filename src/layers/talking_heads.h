/* SPDX-License-Identifier: Apache-2.0 */
/* Attention whose heads hear of one another (2003.02436). */
#ifndef TM_LAYERS_TALKING_HEADS_H
#define TM_LAYERS_TALKING_HEADS_H

#include "ops/nn.h"

typedef struct tm_talking {
    int heads;
    const char *before, *after; /* names of the linear layers over the heads, before and after the
                                   softmax */
    bool conv;                  /* they are 1x1 convolutions */
    tm_node *bias;              /* constant [heads, lq, lk] of the scores, or NULL */
} tm_talking;

/* after(softmax(before(q k^T / sqrt(d) + bias))) v of tokens, 1 x l x (heads * d) */
tm_node *tm_attend_talking(tm_builder *b, tm_node *q, tm_node *k, tm_node *v, tm_talking talking);

/* Tokens as heads x tokens x d, and back. */
tm_node *tm_head_rows(tm_builder *b, tm_node *x, int heads);
tm_node *tm_join_head_rows(tm_builder *b, tm_node *x);

#endif
