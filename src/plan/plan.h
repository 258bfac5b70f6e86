/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan: the live part of a graph as a list of steps, with packed weights, and how much memory a
 * run of them takes. A plan does not change once it is made; runs have memory of their own
 * (run/run.h).
 */
#ifndef TM_PLAN_PLAN_H
#define TM_PLAN_PLAN_H

#include "base/cpu.h"
#include "base/error.h"
#include "graph/graph.h"
#include "kernels/bf16.h"
#include "steps/steps.h"
#include "weights/weights.h"

typedef struct tm_plan {
    tm_steps steps;
    int max_batch, threads;
    int walk_batch;     /* pictures that one walk over the steps computes, at most */
    tm_tensor input;    /* NHWC, in the kept space */
    tm_tensor *taps;    /* of the graph's tap i, where it is selected; in the kept space */
    size_t arena_bytes; /* of one walk */
    size_t kept_bytes;  /* of the whole batch */
    size_t pair_bytes;  /* the most that the inputs and the output of one step hold together, of
                           one walk */
    uint64_t layout;    /* a hash of which node has how much packed: what else decides what stands
                           there is for the caller to know */
} tm_plan;

typedef struct tm_plan_options {
    int max_batch, threads;
    int walk_batch; /* pictures of a walk; 0: what is faster for the graph, one or all of a batch */
    bool spread;    /* threads have a run each: where one is faster, that is the whole batch */
    tm_isa isa;
    tm_precision precision; /* of convolutions and linear layers without groups */
} tm_plan_options;

/* Plans the builder's graph (after the passes; conversions between number types are added to it)
 * with the given weights. Without (NULL) it takes no memory for them and tells its sizes alone: it
 * must not be run. On error nothing is left. */
tm_status tm_plan_make(tm_builder *b, const tm_weights *weights, const tm_plan_options *options,
                       tm_plan *plan, tm_error *error);
/* The same with weights that were packed before, for this graph and these options but for threads
 * and batches. With TM_OK the map is the plan's, which reads it for as long as it runs: after each
 * run tm_plan_check. TM_WEIGHTS_MISMATCH: the plan packs other sizes, or for other nodes. */
tm_status tm_plan_make_packed(tm_builder *b, const tm_packed_memory *packed,
                              const tm_plan_options *options, tm_plan *plan, tm_error *error);
/* TM_WEIGHTS_INVALID: the file of packed weights was cut or written to since it was mapped. */
tm_status tm_plan_check(const tm_plan *plan, tm_error *error);
void tm_plan_free(tm_plan *plan);

#endif
