/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's state, its refusals, and the values it makes. */
#ifndef TM_WEIGHTS_PICKLE_MACHINE_H
#define TM_WEIGHTS_PICKLE_MACHINE_H

#include "weights/pickle.h"

typedef struct tm_pickle_machine {
    const tm_pickle_source *source;
    size_t begin, at, end; /* of the pickle; next byte; where bytes end */
    size_t op;             /* offset of the operation at work */
    tm_pickle_value *stack, *memo;
    size_t stack_count, stack_capacity, memo_capacity;
    size_t marks[TM_PICKLE_DEPTH_MAX]; /* stack counts */
    int mark_count;
    size_t items, objects; /* made so far */
    size_t memory;         /* bytes of all values */
    tm_pickle *out;
} tm_pickle_machine;

bool tm_pickle_refuse(const tm_pickle_machine *m, const char *found, const char *expected);
bool tm_pickle_no_memory(const tm_pickle_machine *m);
/* Counts bytes of values; false after a refusal: more than the pickle can want. */
bool tm_pickle_afford(tm_pickle_machine *m, size_t bytes);
/* In the source's arena; NULL: refused, or no memory. */
void *tm_pickle_alloc(tm_pickle_machine *m, size_t bytes);
/* NULL: refused, too many objects */
tm_pickle_object *tm_pickle_new(tm_pickle_machine *m);
bool tm_pickle_add(tm_pickle_machine *m, tm_pickle_object *object, const tm_pickle_value *item);
static inline bool tm_pickle_is_object(const tm_pickle_value *value)
{
    return value->kind >= TM_PICKLE_TUPLE;
}

#endif
