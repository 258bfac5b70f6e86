/* SPDX-License-Identifier: Apache-2.0 */
/* The number type of every activation. */
#ifndef TM_PLAN_TYPES_H
#define TM_PLAN_TYPES_H

#include "graph/graph.h"
#include "steps/lowering.h"

/* Under bf16, where the CPU multiplies it, an activation is bfloat16 if what computes it can write
 * that and someone can read it; conversions stand where two do not agree, and before the taps. The
 * input stays float32. lowering: for which kernels and which precision; it is only asked. Sets
 * node->type and adds nodes, after the passes; errors are sticky in the graph. */
void tm_types_assign(tm_builder *b, const tm_lowering *lowering);

#endif
