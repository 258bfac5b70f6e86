/* SPDX-License-Identifier: Apache-2.0 */
/* Where every activation lives in a run's memory: views, parts of concatenations, results in place
 * of their inputs, and lifetimes packed side by side. */
#ifndef TM_PLAN_LAYOUT_H
#define TM_PLAN_LAYOUT_H

#include "base/error.h"
#include "graph/op.h"
#include "plan/strips.h"
#include "steps/step.h"

/* An activation's place. */
typedef struct tm_place {
    int storage;       /* -1: none (constants, dead nodes) */
    size_t offset;     /* bytes */
    size_t ld, stride; /* as in tm_tensor */
} tm_place;

/* One allocation of the arena or of the kept space. */
typedef struct tm_storage {
    size_t bytes;    /* for all pictures of its space */
    int first, last; /* nodes between which it is alive */
    tm_space space;  /* kept: the input, and what a selected tap reads; or of a strip */
    size_t offset;   /* bytes */
    int merged;      /* the storage whose memory it shares; itself if none */
} tm_storage;

typedef struct tm_arena_layout {
    tm_place *places; /* by node id */
    tm_storage *storages;
    int storage_count;
    size_t bytes[TM_SPACES];
} tm_arena_layout;

/* The arena holds `walk_batch` pictures, the kept space max_batch. strips NULL: there are none. */
tm_status tm_layout_make(const tm_graph *graph, const tm_strips *strips, int max_batch,
                         int walk_batch, tm_arena_layout *layout, tm_error *error);
void tm_layout_free(tm_arena_layout *layout);

#endif
