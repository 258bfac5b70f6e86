/* SPDX-License-Identifier: Apache-2.0 */
/* Strides that a family can be asked for. */
#ifndef TM_LAYERS_STAGES_H
#define TM_LAYERS_STAGES_H

#include "ops/nn.h"

/* Refuses output strides other than 32: for families that timm gives no dilation. */
void tm_refuse_dilation(tm_builder *b);
/* Refuses 2 and 4, where timm does. */
void tm_refuse_small_stride(tm_builder *b);

#endif
