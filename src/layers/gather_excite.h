/* SPDX-License-Identifier: Apache-2.0 */
/* Gather-excite (1810.12348). */
#ifndef TM_LAYERS_GATHER_EXCITE_H
#define TM_LAYERS_GATHER_EXCITE_H

#include "ops/nn.h"

/* timm 0.4.12's GatherExcite with parameters: depthwise convolutions of stride 2, then two 1x1 ones
 * with 1/16 of the channels between, make a coarse map whose sigmoid scales x. */
tm_node *tm_gather_excite(tm_builder *b, const char *name, tm_node *x, int convs);

#endif
