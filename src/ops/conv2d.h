/* SPDX-License-Identifier: Apache-2.0 */
/* The ways a convolution becomes steps. */
#ifndef TM_OPS_CONV2D_H
#define TM_OPS_CONV2D_H

#include "ops/ops.h"
#include "steps/lower.h"

void tm_conv2d_lower(tm_lowering *lowering, const tm_node *node);

/* Any convolution or linear layer, as a GEMM whose rows are pointers to pixels. */
void tm_conv2d_lower_gemm(tm_lowering *lowering, const tm_node *node);
/* 3x3, stride 1, where tm_conv2d_winograd_pays, which depends on the shapes alone; beside_parts:
 * the lowering has tm_lower_split_kernels. */
bool tm_conv2d_winograd_pays(const tm_node *node, bool beside_parts);
void tm_conv2d_lower_winograd(tm_lowering *lowering, const tm_node *node);
/* Without groups, in the lowering's reduced precision; it has tm_lower_bf16_kernels. */
void tm_conv2d_lower_bf16(tm_lowering *lowering, const tm_node *node);
/* In bfloat16 parts, as many as the precision takes, where tm_conv2d_split_pays, which depends on
 * the shapes alone; the lowering has tm_lower_split_kernels. */
bool tm_conv2d_split_pays(const tm_node *node, int parts);
void tm_conv2d_lower_split(tm_lowering *lowering, const tm_node *node);
/* One filter per channel. */
void tm_conv2d_lower_depthwise(tm_lowering *lowering, const tm_node *node);

#endif
