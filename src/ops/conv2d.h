/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TM_OPS_CONV2D_H
#define TM_OPS_CONV2D_H

#include "ops/ops.h"

void tm_conv2d_lower(tm_lowering *lowering, const tm_node *node);

#endif
