/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of a plan ask of a node. */
#ifndef TM_PLAN_NODES_H
#define TM_PLAN_NODES_H

#include "graph/graph.h"

/* An activation that some step computes, or a view of one. */
static inline bool tm_is_computed(const tm_node *node)
{
    return node->live && !node->constant && node->op;
}

/* Of an activation of one picture; a constant has none. */
static inline size_t tm_node_bytes(const tm_node *node)
{
    size_t pixels = (size_t)node->shape.h * (size_t)node->shape.w;
    return node->constant ? 0 : pixels * (size_t)node->shape.c * tm_dtype_size(node->type);
}

#endif
