/* SPDX-License-Identifier: Apache-2.0 */
/* Which nodes go through pictures together, strip by strip (steps/strip.h): where what lies between
 * them would leave a core's L2 cache, and their weights stay in it. */
#ifndef TM_PLAN_STRIPS_H
#define TM_PLAN_STRIPS_H

#include "graph/graph.h"
#include "steps/strip.h"

typedef struct tm_strips {
    int *space; /* by node id: TM_SPACE_STRIP + i of what stays within a strip; 0: of no strip's */
    int *end;   /* by node id: the last node of its strip; its own id: it is in none, or last */
    tm_strip *rows; /* of the last node of each, in order */
    int count;
} tm_strips;

/* For `pictures` at once on some threads; the lowering has its kernels, precision and threads. */
tm_status tm_strips_find(const tm_graph *graph, const tm_lowering *lowering, int pictures,
                         tm_strips *strips, tm_error *error);
void tm_strips_free(tm_strips *strips);

#endif
