/* SPDX-License-Identifier: Apache-2.0 */
/* Attention with learned vectors for offsets down and across, by which queries are multiplied, as
 * MViTv2 has it (2112.01526). */
#ifndef TM_LAYERS_DECOMPOSED_ATTENTION_H
#define TM_LAYERS_DECOMPOSED_ATTENTION_H

#include "ops/nn.h"

/* q, k, v: rows of h x w tokens. softmax(q k^T / sqrt(d) + q . down + q . across) v of every head;
 * the vectors are the scope's rel_pos_h [2h - 1, d] and rel_pos_w [2w - 1, d]. */
tm_node *tm_attend_decomposed(tm_builder *b, tm_node *q, tm_node *k, tm_node *v, int heads, int h,
                              int w);

#endif
