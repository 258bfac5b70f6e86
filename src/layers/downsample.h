/* SPDX-License-Identifier: Apache-2.0 */
/* What makes the shortcut of a strided block smaller. */
#ifndef TM_LAYERS_DOWNSAMPLE_H
#define TM_LAYERS_DOWNSAMPLE_H

#include "ops/nn.h"

/* The average pool before the 1x1 convolution of a shortcut ("avg_down"): 2x2 in ceil mode, at
 * stride 1 where dilation took the stride's place; x itself where there is neither. */
tm_node *tm_shortcut_pool(tm_builder *b, tm_node *x, int stride, int dilation);

#endif
