/* SPDX-License-Identifier: Apache-2.0 */
/* Units for operators that treat every pixel alike: blocks of pixels of one picture. */
#ifndef TM_OPS_ROWS_H
#define TM_OPS_ROWS_H

#include "ops/ops.h"
#include "steps/lower.h"

enum { TM_UNIT_FLOATS = 16 * 1024 };

typedef struct tm_rows {
    int total; /* pixels of a picture */
    int block; /* pixels of a unit */
} tm_rows;

/* One unit's pixels: [first, first + count) of picture n. */
typedef struct tm_row_range {
    int n, first;
    size_t count;
} tm_row_range;

static inline tm_rows tm_rows_of(const tm_tensor *t)
{
    int block = TM_UNIT_FLOATS / t->c;
    return (tm_rows){.total = t->h * t->w, .block = block > 0 ? block : 1};
}

static inline int tm_rows_units(tm_rows rows, int batch)
{
    return batch * ((rows.total + rows.block - 1) / rows.block);
}

/* The units of a step whose args begin with its rows. */
static inline int tm_rows_step_units(const tm_step *step, int batch)
{
    return tm_rows_units(*(const tm_rows *)step->args, batch);
}

static inline tm_row_range tm_rows_at(tm_rows rows, int unit)
{
    int per_picture = (rows.total + rows.block - 1) / rows.block;
    int first = unit % per_picture * rows.block, left = rows.total - first;
    return (tm_row_range){.n = unit / per_picture,
                          .first = first,
                          .count = (size_t)(left < rows.block ? left : rows.block)};
}

static inline void *tm_row(const tm_run_state *run, const tm_tensor *t, tm_row_range range)
{
    return tm_tensor_at(run, t, range.n, 0, range.first);
}

/* Input 0 times mul[c] plus add[c], both kept by the plan. */
void tm_lower_channel_affine(tm_lowering *lowering, const tm_node *node, const float *mul,
                             const float *add);

#endif
