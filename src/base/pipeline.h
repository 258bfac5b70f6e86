/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Items in a row: taken one after another, worked on by several threads at once in any order, and
 * finished one after another in the order they were taken. Bounded, so that a slow end holds up
 * the begin, and nobody waits for an item that comes later.
 */
#ifndef TM_BASE_PIPELINE_H
#define TM_BASE_PIPELINE_H

#include <stdbool.h>

typedef struct tm_pipeline tm_pipeline;

/* What is done with an item, which is known by the slot that it has until it is finished. */
typedef struct tm_pipeline_stages {
    int workers; /* threads that take items and work on them; 0: the caller does all by itself */
    int slots;   /* items that are under way at once */
    int places;  /* of them, those that have entered */
    int cores;   /* threads that compute at once */
    int most;    /* items that are finished together; at most `places` */
    /* Fills the slot; false: there are no more items. One call at a time. */
    bool (*take)(void *context, int slot);
    void (*work)(void *context, int slot, tm_pipeline *pipeline);
    /* On the caller's thread: `count` items that are done, in `slot` and those after it, where slot
     * 0 comes after the last; false: whatever else is under way is given up. */
    bool (*finish)(void *context, int slot, int count, tm_pipeline *pipeline);
} tm_pipeline_stages;

/* Returns when all items are finished or given up. False: there is no memory to begin. Where the
 * system gives fewer threads, there are fewer workers. */
bool tm_pipeline_run(const tm_pipeline_stages *stages, void *context);

/* Within work, in this order. */
/* Waits until every earlier item's turn is over, and ends the item's own; entering ends it too.
 * What is claimed in between is not held by a later item. */
void tm_pipeline_begin_turn(tm_pipeline *pipeline, int slot);
void tm_pipeline_end_turn(tm_pipeline *pipeline, int slot);
/* Waits until the item is among the first `places`, and returns a place that no other has until it
 * is finished; of the free ones the one that was free last. */
int tm_pipeline_enter(tm_pipeline *pipeline, int slot);

/* Within work and finish. Who waits for all cores comes before those who wait for one. */
void tm_pipeline_take_cores(tm_pipeline *pipeline, int count);
void tm_pipeline_give_cores(tm_pipeline *pipeline, int count);

#endif
