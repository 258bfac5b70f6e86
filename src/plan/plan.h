/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan: the live part of a graph as a list of steps over one arena, with packed weights. All
 * memory of a run is allocated here; a run allocates nothing.
 */
#ifndef TM_PLAN_PLAN_H
#define TM_PLAN_PLAN_H

#include "ops/lower.h"
#include "weights/weights.h"

typedef struct tm_plan {
    tm_step *steps;
    int step_count, step_capacity;
    int max_batch, threads;
    tm_tensor input; /* NHWC, written by the caller before a run */
    tm_tensor *taps; /* of the graph's tap i, where it is selected */
    float *arena;    /* activations */
    size_t arena_bytes;
    size_t weight_bytes; /* packed */
    size_t pair_bytes;   /* the most that the inputs and the output of one step hold together */
    char *scratch;       /* threads x scratch_bytes */
    size_t scratch_bytes;
    void **memory; /* everything that lives as long as the plan */
    int memory_count, memory_capacity;
    tm_arena args;
} tm_plan;

typedef struct tm_plan_options {
    int max_batch, threads;
    tm_isa isa;
    tm_precision precision; /* of convolutions and linear layers without groups */
} tm_plan_options;

/* Plans the graph (after the passes) with the given weights. On error nothing is left. */
tm_status tm_plan_make(const tm_graph *graph, const tm_weights *weights,
                       const tm_plan_options *options, tm_plan *plan, tm_error *error);
void tm_plan_free(tm_plan *plan);

#endif
