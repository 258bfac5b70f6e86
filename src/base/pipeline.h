/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Items in a row: taken and read one after another by some threads, computed by others, and
 * finished one after another in the order they were taken. Bounded, so that a slow end holds up
 * the begin, and nobody waits for an item that comes later. A thread that computes goes from one
 * item to the next by itself: no core waits until another thread has woken up.
 */
#ifndef TM_BASE_PIPELINE_H
#define TM_BASE_PIPELINE_H

#include <stdbool.h>

typedef struct tm_pipeline tm_pipeline;

/* What is done with an item, which is known by the slot that it has until it is finished. */
typedef struct tm_pipeline_stages {
    int readers;   /* threads that take items and read them; 0: the caller does all by itself */
    int computers; /* threads that compute them */
    int slots;     /* items that are under way at once */
    int places;    /* of them, those that are being computed or were */
    int most;      /* items that are finished together; at most `places` */
    /* Fills the slot; false: there are no more items. One call at a time. */
    bool (*take)(void *context, int slot);
    void (*read)(void *context, int slot, tm_pipeline *pipeline); /* NULL: nothing is to be read */
    /* place: below `places`, and no other item's until this one is finished; of the free ones the
     * one that was free last. */
    void (*compute)(void *context, int slot, int place);
    /* On the caller's thread: `count` items that are done, in `slot` and those after it, where slot
     * 0 comes after the last; false: whatever else is under way is given up. */
    bool (*finish)(void *context, int slot, int count, tm_pipeline *pipeline);
} tm_pipeline_stages;

/* Returns when all items are finished or given up. False: there is no memory to begin. Where the
 * system gives fewer threads, there are fewer. */
bool tm_pipeline_run(const tm_pipeline_stages *stages, void *context);

/* Within read. Waits until every earlier item's turn is over, and ends the item's own, which the
 * end of reading does too. What is claimed in between is not held by a later item. */
void tm_pipeline_begin_turn(tm_pipeline *pipeline, int slot);
void tm_pipeline_end_turn(tm_pipeline *pipeline, int slot);

/* Within finish: waits until no item is being computed; none is until they are given back. */
void tm_pipeline_take_cores(tm_pipeline *pipeline);
void tm_pipeline_give_cores(tm_pipeline *pipeline);

#endif
