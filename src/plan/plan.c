/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/plan.h"

#include <stdlib.h>

#include "base/text.h"
#include "graph/constant.h"
#include "graph/op.h"
#include "plan/layout.h"
#include "plan/nodes.h"
#include "plan/types.h"
#include "steps/lowering.h"

typedef struct planner {
    tm_plan *plan;
    const tm_graph *graph;
    tm_strips strips;
    tm_arena_layout layout;
    tm_tensor *tensors; /* by node id */
    tm_lowering lowering;
} planner;

/* Views have no steps, unless they had to become copies. */
static bool computes(const planner *p, const tm_node *node)
{
    if (!tm_is_computed(node))
        return false;
    if (!node->op->view)
        return true;
    const tm_node *x = node->inputs[0];
    return x->constant || p->layout.places[node->id].storage != p->layout.places[x->id].storage;
}

static tm_tensor tensor_of(const planner *p, const tm_node *node)
{
    tm_place place = p->layout.places[node->id];
    const tm_storage *storage = &p->layout.storages[place.storage];
    return (tm_tensor){.space = storage->space,
                       .offset = storage->offset + place.offset,
                       .type = node->type,
                       .h = node->shape.h,
                       .w = node->shape.w,
                       .c = node->shape.c,
                       .ld = place.ld,
                       .stride = place.stride};
}

/* The activations, the input and the taps among them. */
static tm_status place_tensors(planner *p, tm_error *error)
{
    const tm_graph *graph = p->graph;
    size_t nodes = (size_t)graph->node_count, taps = (size_t)graph->tap_count;
    p->tensors = calloc(nodes + 1, sizeof *p->tensors);
    p->plan->taps = calloc(taps + 1, sizeof *p->plan->taps);
    if (!p->tensors || !p->plan->taps)
        return tm_fail(error, TM_NO_MEMORY, "no memory for the places of %zu activations", nodes);
    for (size_t i = 0; i < nodes; i++)
        if (p->layout.places[i].storage >= 0)
            p->tensors[i] = tensor_of(p, graph->nodes[i]);
    p->plan->input = p->tensors[graph->input->id];
    for (size_t i = 0; i < taps; i++)
        if (graph->taps[i].selected)
            p->plan->taps[i] = p->tensors[graph->taps[i].node->id];
    return TM_OK;
}

static void measure_pair(tm_plan *plan, const tm_node *node)
{
    size_t bytes = tm_node_bytes(node);
    for (int i = 0; i < node->input_count; i++)
        bytes += tm_node_bytes(node->inputs[i]);
    bytes *= (size_t)plan->walk_batch;
    if (bytes > plan->pair_bytes)
        plan->pair_bytes = bytes;
}

static bool ends_strip(const planner *p, const tm_node *node)
{
    return p->strips.end[node->id] == node->id && node->input_count &&
           p->strips.end[node->inputs[0]->id] == node->id;
}

/* FNV-1a, with the NUL that ends the text. */
static uint64_t add_text(uint64_t hash, const char *text)
{
    do
        hash = (hash ^ (unsigned char)*text) * 0x100000001B3u;
    while (*text++);
    return hash;
}

static uint64_t add_number(uint64_t hash, uint64_t number)
{
    for (int shift = 0; shift < 64; shift += 8)
        hash = (hash ^ (number >> shift & 0xFF)) * 0x100000001B3u;
    return hash;
}

static void add_to_layout(planner *p, const tm_node *node)
{
    uint64_t hash = add_text(p->plan->layout, tm_or_empty(node->name));
    p->plan->layout = add_number(add_text(hash, node->op->name), p->lowering.used);
}

static void lower(planner *p)
{
    const tm_strip *strip = p->strips.rows;
    p->plan->layout = 0xCBF29CE484222325u;
    for (int i = 0; i < p->graph->node_count && !p->lowering.status; i++) {
        const tm_node *node = p->graph->nodes[i];
        if (computes(p, node)) {
            node->op->lower(&p->lowering, node);
            measure_pair(p->plan, node);
            add_to_layout(p, node);
            if (ends_strip(p, node))
                tm_lower_strip(&p->lowering, strip++);
        }
    }
}

static void pack(planner *p)
{
    tm_lowering_take_memory(&p->lowering);
    lower(p);
    if (!p->lowering.status)
        tm_lowering_run_jobs(&p->lowering);
}

static void take_packed(planner *p, const tm_packed_memory *packed)
{
    if (p->lowering.status)
        return;
    if (packed->layout == p->plan->layout && tm_lowering_take_packed(&p->lowering, packed)) {
        lower(p);
        return;
    }
    tm_fail(p->lowering.error, TM_WEIGHTS_MISMATCH,
            "%s: found weights packed for another plan, expected this one's",
            tm_map_path(&packed->map));
    tm_lowering_fail(&p->lowering, TM_WEIGHTS_MISMATCH);
}

/* Every number of these is at most SIZE_MAX / 64: the layout has checked it. */
static void measure(planner *p)
{
    tm_plan *plan = p->plan;
    size_t between = plan->steps.between_bytes * (size_t)plan->walk_batch;
    plan->arena_bytes = tm_whole_lines(p->layout.bytes[TM_SPACE_ARENA] + between);
    plan->steps.weight_bytes = p->lowering.used;
    plan->kept_bytes = p->layout.bytes[TM_SPACE_KEPT];
    plan->steps.scratch_bytes = tm_whole_lines(plan->steps.scratch_bytes);
}

/* A batch is walked picture by picture, each thread alone, where that is faster: activations stay
 * in a core's caches and no thread waits for another, but the weights are read again for every
 * picture. So there must be many multiply-adds for a byte of them, fewer where they stay in L3. */
static bool is_dense(const tm_graph *graph)
{
    enum { MACS_PER_BYTE = 36, MACS_PER_NEAR_BYTE = 16, NEAR_BYTES = 32 << 20 };
    double macs = 0, bytes = 0;
    for (int i = 0; i < graph->node_count; i++) {
        const tm_node *node = graph->nodes[i];
        if (!node->live || !node->op)
            continue;
        macs += node->op->macs ? node->op->macs(node) : 0;
        bytes += node->op->stored ? (double)tm_element_count(node) * sizeof(float) : 0;
    }
    return macs >= bytes * (bytes <= NEAR_BYTES ? MACS_PER_NEAR_BYTE : MACS_PER_BYTE);
}

static void choose_batches(tm_plan *plan, const tm_graph *graph, const tm_plan_options *options)
{
    bool several = options->max_batch > 1 && options->max_batch >= options->threads;
    bool one = several && !options->walk_batch && is_dense(graph);
    *plan = (tm_plan){.max_batch = one && options->spread ? 1 : options->max_batch,
                      .threads = options->threads,
                      .walk_batch = options->walk_batch ? options->walk_batch
                                    : one               ? 1
                                                        : options->max_batch};
}

/* weights and packed: at most one of them is there. */
static tm_status make(tm_builder *b, const tm_weights *weights, const tm_packed_memory *packed,
                      const tm_plan_options *options, tm_plan *plan, tm_error *error)
{
    const tm_graph *graph = b->graph;
    choose_batches(plan, graph, options);
    planner p = {.plan = plan,
                 .graph = graph,
                 .lowering = {.steps = &plan->steps,
                              .weights = weights,
                              .isa = options->isa,
                              .kernels = tm_kernels_for(options->isa),
                              .precision = options->precision,
                              .threads = options->threads,
                              .error = error}};
    tm_types_assign(b, &p.lowering);
    if (graph->error.status)
        return tm_fail(error, graph->error.status, "%s", graph->error.message);
    tm_status status = tm_strips_find(graph, &p.lowering, plan->walk_batch, &p.strips, error);
    if (!status)
        status =
            tm_layout_make(graph, &p.strips, plan->max_batch, plan->walk_batch, &p.layout, error);
    if (!status)
        status = place_tensors(&p, error);
    if (!status) {
        p.lowering.tensors = p.tensors;
        p.lowering.between = p.layout.bytes[TM_SPACE_ARENA];
        lower(&p);
        if (weights)
            pack(&p);
        else if (packed)
            take_packed(&p, packed);
        measure(&p);
        status = p.lowering.status;
        tm_lowering_free(&p.lowering);
    }
    tm_layout_free(&p.layout);
    tm_strips_free(&p.strips);
    free(p.tensors);
    if (status && packed) { /* the map stays the caller's */
        plan->steps.packed = (tm_map){0};
        plan->steps.memory = NULL;
    }
    if (status)
        tm_plan_free(plan);
    return status;
}

tm_status tm_plan_make(tm_builder *b, const tm_weights *weights, const tm_plan_options *options,
                       tm_plan *plan, tm_error *error)
{
    return make(b, weights, NULL, options, plan, error);
}

tm_status tm_plan_make_packed(tm_builder *b, const tm_packed_memory *packed,
                              const tm_plan_options *options, tm_plan *plan, tm_error *error)
{
    return make(b, NULL, packed, options, plan, error);
}

tm_status tm_plan_check(const tm_plan *plan, tm_error *error)
{
    tm_error cause = {0};
    return tm_map_check(&plan->steps.packed, &cause)
               ? tm_fail(error, TM_WEIGHTS_INVALID, "%s", cause.message)
               : TM_OK;
}

void tm_plan_free(tm_plan *plan)
{
    tm_steps_free(&plan->steps);
    free(plan->taps);
    *plan = (tm_plan){0};
}
