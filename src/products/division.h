/* SPDX-License-Identifier: Apache-2.0 */
/* How the rows and the panels of a product are divided among units. */
#ifndef TM_PRODUCTS_DIVISION_H
#define TM_PRODUCTS_DIVISION_H

#include "steps/step.h"

typedef struct tm_division {
    int rows;          /* of a picture */
    bool run;          /* the pictures of a batch are one run of rows */
    bool by_rows;      /* units of the same rows follow one another, not those of the same panels */
    int grain, block;  /* rows of a unit: whole grains, but for the last ones; at most a block */
    int panels, chunk; /* of a group; of a unit, at most */
    int groups, group_step; /* all; of a unit, at most */
} tm_division;

/* A unit's share: rows [first, first + count) of picture n (of the whole batch in a run), panels
 * [panel, panel + panels) of groups [group, last_group). */
typedef struct tm_unit {
    const tm_run_state *run;
    int n, first, count, group, last_group, panel, panels;
} tm_unit;

int tm_division_units(const tm_division *division, int batch);
tm_unit tm_unit_at(const tm_division *division, const tm_run_state *run, int index);

/* Bytes of a row's inputs and of a panel's weights, and what those of a unit may take, so that they
 * stay in L2. */
typedef struct tm_unit_bytes {
    size_t row, rows_most, panel, panels_most;
    size_t conversion; /* of a row by every unit: as long as so many bytes of weights are read; 0:
                          rows are taken as they are */
} tm_unit_bytes;

/* Sets block, chunk and group_step, the rest being there. Blocks have inputs that fit and, if there
 * are several of them, chunks weights that do; then units grow smaller until every thread has its
 * share. Where rows are converted, their chunks are as many as is worth converting them again. */
void tm_division_fit(tm_division *division, const tm_unit_bytes *bytes, int threads);

/* What the thread with the most units may have of a picture, over an even share: 1 or more. */
double tm_division_unevenness(const tm_division *division, int threads);

/* `count` rows in blocks of at most `most`, alike in size and made of whole grains. */
int tm_even_block(int count, int most, int grain);

#endif
