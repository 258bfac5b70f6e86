/* SPDX-License-Identifier: Apache-2.0 */
/* A learned factor for each channel. */
#ifndef TM_LAYERS_LAYER_SCALE_H
#define TM_LAYERS_LAYER_SCALE_H

#include "ops/nn.h"

/* timm's LayerScale: x * name.gamma */
tm_node *tm_layer_scale(tm_builder *b, const char *name, tm_node *x);

#endif
