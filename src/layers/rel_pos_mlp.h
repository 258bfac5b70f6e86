/* SPDX-License-Identifier: Apache-2.0 */
/* Biases of attention that a small network makes of offsets, computed once at load. */
#ifndef TM_LAYERS_REL_POS_MLP_H
#define TM_LAYERS_REL_POS_MLP_H

#include "ops/nn.h"

/* timm's RelPosMlp in its mode "cr": name.mlp.fc1 and name.mlp.fc2 of the logarithms of the offsets
 * between h x w patches; constant [heads, first + h * w, first + h * w], 0 where one of `first` (0
 * or 1) class tokens takes part. */
tm_node *tm_rel_pos_mlp(tm_builder *b, const char *name, int h, int w, int heads, int hidden,
                        int first);

#endif
