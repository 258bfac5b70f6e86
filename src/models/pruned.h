/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TM_MODELS_PRUNED_H
#define TM_MODELS_PRUNED_H

#include "ops/nn.h"

/* Convolutions made from here on have the output channels that pruning left them in `model`. */
void tm_use_pruned_widths(tm_builder *b, const char *model);

#endif
