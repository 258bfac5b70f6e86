/* SPDX-License-Identifier: Apache-2.0 */
#include "passes/passes.h"

void tm_passes_run(tm_builder *b)
{
#define PASS(name)                                                                                 \
    if (b->graph->error.status == TM_OK)                                                           \
        tm_pass_##name(b);
#include "passes/passes.def"
#undef PASS
}
