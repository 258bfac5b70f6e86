/* SPDX-License-Identifier: Apache-2.0 */
/* The way of a product's sums to y, whatever its number type. */
#ifndef TM_PRODUCTS_RESULTS_H
#define TM_PRODUCTS_RESULTS_H

#include "products/product.h"

/* Where the sums of a unit's rows go, in some panels of a group: into y itself, or, where y is not
 * float32, into the thread's scratch on their way there. */
typedef struct tm_results {
    float *c;              /* row 0, c_ld floats from row to row */
    const float *residual; /* of row 0, or NULL */
    size_t c_ld, residual_ld;
    int n;    /* columns */
    void *to; /* row 0 in y; NULL: c is */
} tm_results;

/* The results of rows from `row` on, `count` of them, in at most `wide` panels from `panel` on. */
tm_results tm_results_of(const tm_product *p, const tm_unit *unit, int group, int panel, int wide,
                         int row, int count);

/* Rows [first, first + count) of results on their way, converted, to y. */
void tm_results_convert(const tm_product *p, const tm_results *results, int first, int count);

/* Rows [first, first + count) of the results are summed and clamped: the curve, and the way to y.
 * Here because most products need neither, and there is a call for every tile. */
static inline void tm_results_finish(const tm_product *p, const tm_results *results, int first,
                                     int count)
{
    float *c = results->c + (size_t)first * results->c_ld;
    tm_finish(&p->store, count, results->n, c, results->c_ld);
    if (results->to)
        tm_results_convert(p, results, first, count);
}

/* Sets where results stand behind `scratch` bytes of a kind's own; returns the bytes of both. */
size_t tm_results_plan(tm_product *p, size_t scratch);

#endif
