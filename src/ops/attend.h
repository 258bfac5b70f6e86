/* SPDX-License-Identifier: Apache-2.0 */
/* The ways attention becomes steps. */
#ifndef TM_OPS_ATTEND_H
#define TM_OPS_ATTEND_H

#include "ops/ops.h"
#include "steps/lower.h"

/* inputs: q, k, v, [bias], [mask] */
typedef struct tm_attend_attrs {
    int heads;
    float scale;
    bool bias, mask; /* bias [heads][queries][keys], mask [rows][queries][keys]; divided by the
                        scale */
} tm_attend_attrs;

/* Both products in bfloat16 parts; the lowering has tm_lower_split_kernels. */
void tm_attend_lower_split(tm_lowering *lowering, const tm_node *node);

#endif
