/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strips: steps that go through a picture together, some rows at a time, so that what one leaves
 * for the next stays in the core's L2 cache and takes no room in the arena. Rows that the windows
 * of two strips share are computed twice. Every pixel is computed as the steps alone would, so the
 * bits are the same.
 */
#ifndef TM_STEPS_STRIP_H
#define TM_STEPS_STRIP_H

#include "graph/op.h"
#include "steps/step.h"

typedef struct tm_strip {
    int count; /* steps, at least 2 */
    struct tm_strip_stage {
        tm_reach reach;
        int h, w;         /* of its result; pixels below one another if each step reads its own */
        size_t row_bytes; /* of its result */
    } stages[TM_MAX_STRIP];
    int rows; /* of the last result, in a strip */
} tm_strip;

/* Rows [first, end) of the result of stage i that rows [first, end) of the last one's need. */
typedef struct tm_strip_rows {
    int first, end;
} tm_strip_rows;

void tm_strip_need(const tm_strip *strip, int first, int end, tm_strip_rows need[TM_MAX_STRIP]);

/* Bytes of a strip of so many rows of the last result, but for that itself. */
size_t tm_strip_bytes(const tm_strip *strip, int rows);

/* Makes one step of the last strip->count that were appended, which all have pixels, and whose
 * results but the last lie in the spaces TM_SPACE_STRIP, TM_SPACE_STRIP + 1, ... */
void tm_lower_strip(tm_lowering *lowering, const tm_strip *strip);

#endif
