/* SPDX-License-Identifier: Apache-2.0 */
/* Two nodes become one: a pass lets the later one become the merged one (its place in the order is
 * right for all inputs); the earlier one is left without users and pruned. */
#ifndef TM_PASSES_MERGE_H
#define TM_PASSES_MERGE_H

#include "ops/ops.h"

/* The convolution that computes input i of node, if nothing else uses it and it has room for more
 * work in its epilogue; else NULL. */
tm_node *tm_sole_conv(const tm_node *node, int i);

/* node becomes a copy of producer (operator, inputs, attributes, name). */
void tm_absorb(tm_builder *b, tm_node *node, tm_node *producer);

#endif
