/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Graph in, graph out. A pass that merges two nodes lets the later one become the merged one (its
 * place in the order is right for all inputs); the earlier one is left without users and pruned.
 */
#ifndef TM_PASSES_PASSES_H
#define TM_PASSES_PASSES_H

#include "ops/ops.h"

/* Runs every pass; the builder that made the graph is still open, for new constants. Afterwards
 * node->live and node->users hold for the selected taps. */
void tm_passes_run(tm_builder *b);

#define PASS(name) void tm_pass_##name(tm_builder *b);
#include "passes/passes.def"
#undef PASS

/* The convolution that computes input i of node, if nothing else uses it and it has room for more
 * work in its epilogue; else NULL. */
tm_node *tm_sole_conv(const tm_node *node, int i);

/* node becomes a copy of producer (operator, inputs, attributes, name). */
void tm_absorb(tm_builder *b, tm_node *node, tm_node *producer);

#endif
