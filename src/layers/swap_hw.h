/* SPDX-License-Identifier: Apache-2.0 */
/* A map's rows as its columns. */
#ifndef TM_LAYERS_SWAP_HW_H
#define TM_LAYERS_SWAP_HW_H

#include "ops/nn.h"

/* h x w x c -> w x h x c, as torch's transpose of both dimensions has it */
tm_node *tm_swap_hw(tm_builder *b, tm_node *x);

#endif
