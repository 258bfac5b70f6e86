/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plan/lowering.h"

/* ---- activations ---- */

static tm_tensor tensor_of(tm_lowering *lowering, const tm_node *node)
{
    tm_place place = lowering->layout.places[node->id];
    size_t offset = lowering->layout.storages[place.storage].offset + place.offset;
    return (tm_tensor){.data = lowering->plan->arena + offset,
                       .h = node->shape.h,
                       .w = node->shape.w,
                       .c = node->shape.c,
                       .ld = place.ld,
                       .stride = place.stride};
}

tm_tensor tm_lower_output(tm_lowering *lowering, const tm_node *node)
{
    return tensor_of(lowering, node);
}

tm_tensor tm_lower_input(tm_lowering *lowering, const tm_node *node, int index)
{
    const tm_node *x = node->inputs[index];
    if (!x->constant)
        return tensor_of(lowering, x);
    tm_shape shape = tm_constant_shape(x);
    return (tm_tensor){.data = (float *)tm_lower_keep(lowering, x, 0),
                       .h = shape.h,
                       .w = shape.w,
                       .c = shape.c,
                       .ld = (size_t)shape.c};
}

void tm_lower_step(tm_lowering *lowering, const tm_node *node, tm_step_run *run,
                   tm_step_units *units, const void *args, size_t args_size, size_t scratch)
{
    tm_plan *plan = lowering->plan;
    if (lowering->status)
        return;
    if (plan->step_count == plan->step_capacity) {
        int capacity = plan->step_capacity ? 2 * plan->step_capacity : 256;
        tm_step *grown = realloc(plan->steps, (size_t)capacity * sizeof *grown);
        if (!grown) {
            tm_lowering_no_memory(lowering, (size_t)capacity * sizeof *grown);
            return;
        }
        plan->steps = grown;
        plan->step_capacity = capacity;
    }
    void *copy = tm_arena_alloc(&plan->args, args_size);
    if (!copy) {
        tm_lowering_no_memory(lowering, args_size);
        return;
    }
    memcpy(copy, args, args_size);
    plan->steps[plan->step_count++] = (tm_step){.run = run,
                                                .units = units,
                                                .args = copy,
                                                .scratch = scratch,
                                                .name = node->name,
                                                .op = node->op->name,
                                                .macs = node->op->macs ? node->op->macs(node) : 0};
    if (scratch > plan->scratch_bytes)
        plan->scratch_bytes = scratch;
}

const tm_kernels *tm_lower_kernels(const tm_lowering *lowering)
{
    return lowering->kernels;
}

const tm_bf16_kernels *tm_lower_bf16_kernels(const tm_lowering *lowering)
{
    return lowering->precision == TM_PRECISION_F32 ? NULL : tm_bf16_kernels_for(lowering->isa);
}

const tm_split_kernels *tm_lower_split_kernels(const tm_lowering *lowering)
{
    return tm_split_kernels_for(lowering->isa);
}

tm_precision tm_lower_precision(const tm_lowering *lowering)
{
    return lowering->precision;
}

int tm_lower_threads(const tm_lowering *lowering)
{
    return lowering->plan->threads;
}

int tm_lower_batch(const tm_lowering *lowering)
{
    return lowering->plan->max_batch;
}

/* ---- the plan ---- */

/* Views have no steps, unless they had to become copies. */
static bool computes(const tm_lowering *lowering, const tm_node *node)
{
    if (!node->live || node->constant || !node->op)
        return false;
    if (!node->op->view)
        return true;
    const tm_node *x = node->inputs[0];
    return x->constant ||
           lowering->layout.places[node->id].storage != lowering->layout.places[x->id].storage;
}

static size_t node_bytes(const tm_node *node)
{
    size_t pixels = (size_t)node->shape.h * (size_t)node->shape.w;
    return node->constant ? 0 : pixels * (size_t)node->shape.c * sizeof(float);
}

static void measure_pair(tm_plan *plan, const tm_node *node)
{
    size_t bytes = node_bytes(node);
    for (int i = 0; i < node->input_count; i++)
        bytes += node_bytes(node->inputs[i]);
    bytes *= (size_t)plan->max_batch;
    if (bytes > plan->pair_bytes)
        plan->pair_bytes = bytes;
}

/* The machine's, in bytes; what the system promises is more than it has. */
static double memory_there(void)
{
    return 0.9 * (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
}

static bool would_fit(size_t bytes)
{
    void *trial = (double)bytes < memory_there() ? tm_alloc_huge(bytes) : NULL;
    free(trial);
    return trial != NULL;
}

/* The arena grows with the batch, so a smaller one may fit. */
static void fail_arena(tm_lowering *lowering)
{
    const tm_plan *plan = lowering->plan;
    size_t of_one = plan->arena_bytes / (size_t)plan->max_batch;
    int fits = plan->max_batch / 2;
    if (would_fit(plan->arena_bytes)) { /* there is room again: it was not the batch */
        tm_lowering_no_memory(lowering, plan->arena_bytes);
        return;
    }
    while (fits > 0 && !would_fit(of_one * (size_t)fits))
        fits /= 2;
    if (!fits && (double)of_one < memory_there()) {
        tm_lowering_no_memory(lowering, plan->arena_bytes);
        return;
    }
    char hint[64] = "";
    if (fits)
        snprintf(hint, sizeof hint, "; %d at once (-b %d) would fit", fits, fits);
    tm_fail(lowering->error, TM_USAGE,
            "a batch of %d takes %.1f GB for what its layers put out, more than there is%s",
            plan->max_batch, 1e-9 * (double)plan->arena_bytes, hint);
    tm_lowering_fail(lowering, TM_USAGE);
}

static bool allocate_arena(tm_lowering *lowering)
{
    tm_plan *plan = lowering->plan;
    plan->arena_bytes = lowering->layout.floats * sizeof(float);
    plan->arena = tm_alloc_huge(plan->arena_bytes);
    plan->taps = calloc((size_t)lowering->graph->tap_count + 1, sizeof *plan->taps);
    if (!plan->arena) {
        fail_arena(lowering);
        return false;
    }
    if (!plan->taps) {
        tm_lowering_no_memory(lowering, (size_t)lowering->graph->tap_count * sizeof *plan->taps);
        return false;
    }
    plan->input = tensor_of(lowering, lowering->graph->input);
    for (int i = 0; i < lowering->graph->tap_count; i++)
        if (lowering->graph->taps[i].selected)
            plan->taps[i] = tensor_of(lowering, lowering->graph->taps[i].node);
    return true;
}

static void allocate_scratch(tm_lowering *lowering)
{
    tm_plan *plan = lowering->plan;
    plan->scratch_bytes = (plan->scratch_bytes + 63) & ~(size_t)63;
    size_t bytes;
    if (tm_size_mul(plan->scratch_bytes, (size_t)plan->threads, &bytes))
        plan->scratch = tm_alloc_huge(bytes);
    if (!plan->scratch)
        tm_lowering_no_memory(lowering, plan->scratch_bytes);
}

tm_status tm_plan_make(const tm_graph *graph, const tm_weights *weights,
                       const tm_plan_options *options, tm_plan *plan, tm_error *error)
{
    *plan = (tm_plan){.max_batch = options->max_batch, .threads = options->threads};
    tm_lowering lowering = {.plan = plan,
                            .graph = graph,
                            .weights = weights,
                            .isa = options->isa,
                            .kernels = tm_kernels_for(options->isa),
                            .precision = options->precision,
                            .error = error};
    lowering.status = tm_layout_make(graph, options->max_batch, &lowering.layout, error);
    if (!lowering.status && allocate_arena(&lowering)) {
        for (int i = 0; i < graph->node_count && !lowering.status; i++)
            if (computes(&lowering, graph->nodes[i])) {
                graph->nodes[i]->op->lower(&lowering, graph->nodes[i]);
                measure_pair(plan, graph->nodes[i]);
            }
        if (!lowering.status)
            allocate_scratch(&lowering);
        if (!lowering.status)
            tm_lowering_run_jobs(&lowering);
    }
    tm_layout_free(&lowering.layout);
    tm_lowering_free_temporaries(&lowering);
    free(lowering.jobs);
    if (lowering.status)
        tm_plan_free(plan);
    return lowering.status;
}

void tm_plan_free(tm_plan *plan)
{
    for (int i = 0; i < plan->memory_count; i++)
        free(plan->memory[i]);
    free(plan->memory);
    free(plan->steps);
    free(plan->arena);
    free(plan->taps);
    free(plan->scratch);
    tm_arena_free(&plan->args);
    *plan = (tm_plan){0};
}
