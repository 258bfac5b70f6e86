/* SPDX-License-Identifier: Apache-2.0 */
/* Efficient channel attention (1910.03151). */
#ifndef TM_LAYERS_ECA_H
#define TM_LAYERS_ECA_H

#include "ops/nn.h"

/* timm's EcaModule: the kernel follows from the number of channels that the design (not a pruned
 * model) has. */
tm_node *tm_efficient_channel_attention(tm_builder *b, const char *name, tm_node *x, int channels);
/* timm 0.4.12's EcaModule with use_mlp: two convolutions with bias, `reduced` channels between. */
tm_node *tm_efficient_channel_mlp(tm_builder *b, const char *name, tm_node *x, int channels,
                                  int reduced, tm_act_kind act);

#endif
