/* SPDX-License-Identifier: Apache-2.0 */
/* The ways a convolution becomes steps, beside products (products/product.h). */
#ifndef TM_OPS_CONV2D_H
#define TM_OPS_CONV2D_H

#include "ops/ops.h"
#include "steps/lower.h"

void tm_conv2d_lower(tm_lowering *lowering, const tm_node *node);
tm_types tm_conv2d_types(const tm_lowering *lowering, const tm_node *node);
bool tm_conv2d_reach(const tm_lowering *lowering, const tm_node *node, tm_reach *reach);

/* 3x3, stride 1, where tm_conv2d_winograd_pays, which depends on the shapes alone; beside_parts:
 * beside products of bfloat16 parts. */
bool tm_conv2d_winograd_pays(const tm_node *node, bool beside_parts);
void tm_conv2d_lower_winograd(tm_lowering *lowering, const tm_node *node);
/* One filter per channel. */
void tm_conv2d_lower_depthwise(tm_lowering *lowering, const tm_node *node);
void tm_conv2d_lower_filtered(tm_lowering *lowering, const tm_node *node);

#endif
