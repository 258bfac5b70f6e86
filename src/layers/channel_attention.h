/* SPDX-License-Identifier: Apache-2.0 */
/* Attention between the channels of a head, each of which is as long as there are tokens. */
#ifndef TM_LAYERS_CHANNEL_ATTENTION_H
#define TM_LAYERS_CHANNEL_ATTENTION_H

#include "ops/nn.h"

/* softmax(scale * q^T k) v^T of every head, transposed back; q, k and v: 1 x tokens x (heads * d)
 */
tm_node *tm_attend_channels(tm_builder *b, tm_node *q, tm_node *k, tm_node *v, int heads,
                            float scale);

/* XCiT's cross-covariance attention (2106.09681): q and k are of length 1 over the tokens, and
 * scaled by name.temperature; name.qkv, name.proj */
tm_node *tm_cross_covariance_attention(tm_builder *b, const char *name, tm_node *x, int heads);

#endif
