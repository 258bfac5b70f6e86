/* SPDX-License-Identifier: Apache-2.0 */
/* Graph in, graph out. */
#ifndef TM_PASSES_PASSES_H
#define TM_PASSES_PASSES_H

#include "ops/ops.h"

/* Runs every pass; the builder that made the graph is still open, for new constants. Afterwards
 * node->live and node->users hold for the selected taps. */
void tm_passes_run(tm_builder *b);

#define PASS(name) void tm_pass_##name(tm_builder *b);
#include "passes/passes.def"
#undef PASS

#endif
