/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a finished sum before it is stored. */
#ifndef TM_PRODUCTS_FINISH_H
#define TM_PRODUCTS_FINISH_H

#include "graph/attrs.h"
#include "steps/lower.h"

/* What a kernel does to a finished value: a clamp in its store, or a curve after it. */
typedef struct tm_store {
    float lo, hi;
    bool curve;
    tm_act_attrs act;
    tm_act_fn *kernel;
} tm_store;

/* type: of what the kernel stores. */
tm_store tm_store_of(tm_lowering *lowering, const tm_epilogue *epilogue, tm_dtype type);

/* The curve over rows x n values that a kernel has stored, ld of them from row to row; nothing
 * where the store has done all. */
static inline void tm_finish(const tm_store *store, int rows, int n, void *c, size_t ld)
{
    if (store->curve)
        store->kernel(store->act.kind, store->act.param, (size_t)rows, (size_t)n, c, ld, c, ld);
}

#endif
