/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/plan.h"

#include <stdlib.h>
#include <string.h>

#include "plan/layout.h"

struct tm_lowering {
    tm_plan *plan;
    const tm_graph *graph;
    const tm_weights *weights;
    const tm_kernels *kernels;
    tm_arena_layout layout;
    const float *zeros;
    size_t zero_count;
    tm_error *error;
    tm_status status;
};

static void fail(tm_lowering *lowering, tm_status status)
{
    if (lowering->status == TM_OK)
        lowering->status = status;
}

static void no_memory(tm_lowering *lowering, size_t bytes)
{
    tm_fail(lowering->error, TM_NO_MEMORY, "no memory for %zu bytes of the model", bytes);
    fail(lowering, TM_NO_MEMORY);
}

/* ---- memory that the plan owns ---- */

/* Keeps a malloc'd block until the plan is freed; frees it at once when there is no room. */
static bool own(tm_lowering *lowering, void *block)
{
    tm_plan *plan = lowering->plan;
    if (plan->memory_count == plan->memory_capacity) {
        int capacity = plan->memory_capacity ? 2 * plan->memory_capacity : 256;
        void **grown = realloc(plan->memory, (size_t)capacity * sizeof *grown);
        if (!grown) {
            free(block);
            no_memory(lowering, (size_t)capacity * sizeof *grown);
            return false;
        }
        plan->memory = grown;
        plan->memory_capacity = capacity;
    }
    plan->memory[plan->memory_count++] = block;
    return true;
}

float *tm_lower_memory(tm_lowering *lowering, size_t floats)
{
    size_t bytes;
    if (lowering->status)
        return NULL;
    float *block = tm_size_mul(floats, sizeof(float), &bytes) ? tm_alloc_aligned(bytes) : NULL;
    if (!block) {
        no_memory(lowering, floats);
        return NULL;
    }
    lowering->plan->weight_bytes += bytes;
    return own(lowering, block) ? block : NULL;
}

const float *tm_lower_zeros(tm_lowering *lowering, size_t floats)
{
    if (lowering->status)
        return NULL;
    if (floats > lowering->zero_count) {
        size_t count = floats < 16384 ? 16384 : floats;
        float *zeros = calloc(count, sizeof *zeros);
        if (!zeros) {
            no_memory(lowering, count * sizeof *zeros);
            return NULL;
        }
        if (!own(lowering, zeros))
            return NULL;
        lowering->zeros = zeros;
        lowering->zero_count = count;
    }
    return lowering->zeros;
}

/* ---- constants ---- */

static float *evaluate(tm_lowering *lowering, const tm_node *node);

static bool evaluate_op(tm_lowering *lowering, const tm_node *node, float *out)
{
    float *inputs[TM_MAX_RANK * 4] = {0};
    bool good = node->input_count <= (int)(sizeof inputs / sizeof *inputs);
    TM_ASSERT(good);
    for (int i = 0; i < node->input_count && good; i++)
        good = (inputs[i] = evaluate(lowering, node->inputs[i])) != NULL;
    if (good)
        node->op->evaluate(node, (const float *const *)inputs, out);
    for (int i = 0; i < node->input_count; i++)
        free(inputs[i]);
    return good;
}

static float *evaluate(tm_lowering *lowering, const tm_node *node)
{
    if (lowering->status)
        return NULL;
    size_t bytes;
    int64_t count = tm_element_count(node);
    float *out = count >= 0 && tm_size_mul((size_t)count, sizeof *out, &bytes)
                     ? tm_alloc_aligned(bytes)
                     : NULL;
    if (!out) {
        no_memory(lowering, (size_t)count);
        return NULL;
    }
    bool good;
    if (node->op == &tm_op_param) {
        tm_status status = tm_weights_read_f32(lowering->weights, node->name, node->rank,
                                               node->dims, out, lowering->error);
        if (status)
            fail(lowering, status);
        else
            tm_weights_release_pages(lowering->weights, node->name);
        good = status == TM_OK;
    } else {
        good = evaluate_op(lowering, node, out);
    }
    if (good)
        return out;
    free(out);
    return NULL;
}

float *tm_lower_constant(tm_lowering *lowering, const tm_node *constant)
{
    return evaluate(lowering, constant);
}

void tm_lower_release(tm_lowering *lowering, float *values)
{
    (void)lowering;
    free(values);
}

const float *tm_lower_keep(tm_lowering *lowering, const tm_node *constant, size_t padded)
{
    size_t count = (size_t)tm_element_count(constant);
    float *values = evaluate(lowering, constant);
    float *kept = values ? tm_lower_memory(lowering, padded > count ? padded : count) : NULL;
    if (kept) {
        memcpy(kept, values, count * sizeof *kept);
        if (padded > count)
            memset(kept + count, 0, (padded - count) * sizeof *kept);
    }
    free(values);
    return kept;
}

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
            no_memory(lowering, (size_t)capacity * sizeof *grown);
            return;
        }
        plan->steps = grown;
        plan->step_capacity = capacity;
    }
    void *copy = tm_arena_alloc(&plan->args, args_size);
    if (!copy) {
        no_memory(lowering, args_size);
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

int tm_lower_threads(const tm_lowering *lowering)
{
    return lowering->plan->threads;
}

tm_error *tm_lower_error(tm_lowering *lowering)
{
    return lowering->error;
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
    return x->constant || lowering->layout.places[node->id].storage !=
                              lowering->layout.places[x->id].storage;
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

static bool allocate_arena(tm_lowering *lowering)
{
    tm_plan *plan = lowering->plan;
    plan->arena_bytes = lowering->layout.floats * sizeof(float);
    plan->arena = tm_alloc_aligned(plan->arena_bytes);
    plan->taps = calloc((size_t)lowering->graph->tap_count + 1, sizeof *plan->taps);
    if (!plan->arena || !plan->taps) {
        no_memory(lowering, plan->arena_bytes);
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
        plan->scratch = tm_alloc_aligned(bytes);
    if (!plan->scratch)
        no_memory(lowering, plan->scratch_bytes);
}

tm_status tm_plan_make(const tm_graph *graph, const tm_weights *weights,
                       const tm_plan_options *options, tm_plan *plan, tm_error *error)
{
    *plan = (tm_plan){.max_batch = options->max_batch, .threads = options->threads};
    tm_lowering lowering = {.plan = plan,
                            .graph = graph,
                            .weights = weights,
                            .kernels = options->kernels,
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
    }
    tm_layout_free(&lowering.layout);
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
