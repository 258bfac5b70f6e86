/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/plan.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/parallel.h"
#include "plan/layout.h"

enum {
    HUGE_PAGE = 2 << 20,
    CHUNK_BYTES = 8 << 20,  /* of plan memory */
    ROWS_BYTES = 512 << 10, /* of a weight on its way into panels */
    MAX_TEMPORARIES = 64,   /* constants under evaluation at once */
    MAX_CONSTANT_INPUTS = 32
};

/* Buffers for constants under evaluation, used again and again: fresh memory would cost a page
 * fault for every 4 KB of every tensor. */
typedef struct temporaries {
    struct temporary {
        float *data;
        size_t bytes;
        bool taken;
    } slots[MAX_TEMPORARIES];
} temporaries;

typedef struct deferred {
    tm_lower_job *job;
    void *args;
} deferred;

struct tm_lowering {
    tm_plan *plan;
    const tm_graph *graph;
    const tm_weights *weights;
    const tm_kernels *kernels;
    tm_arena_layout layout;
    const float *zeros;
    size_t zero_count;
    char *chunk; /* what is left of the last block of plan memory */
    size_t chunk_left;
    temporaries temporaries;
    deferred *jobs;
    int job_count, job_capacity;
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

/* Blocks of whole huge pages, so that packing takes few page faults. */
static void *new_chunk(tm_lowering *lowering, size_t bytes)
{
    size_t size = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
    size = (size + HUGE_PAGE - 1) & ~(size_t)(HUGE_PAGE - 1);
    char *block = size < bytes ? NULL : aligned_alloc(HUGE_PAGE, size);
    if (!block) {
        no_memory(lowering, bytes);
        return NULL;
    }
    if (!own(lowering, block))
        return NULL;
    madvise(block, size, MADV_HUGEPAGE); /* a hint: without it only the faults are more */
    if (size - bytes > lowering->chunk_left) {
        lowering->chunk = block + bytes;
        lowering->chunk_left = size - bytes;
    }
    return block;
}

float *tm_lower_memory(tm_lowering *lowering, size_t floats)
{
    size_t bytes;
    if (lowering->status)
        return NULL;
    if (!tm_size_mul(floats, sizeof(float), &bytes) || bytes > SIZE_MAX / 2) {
        no_memory(lowering, floats);
        return NULL;
    }
    bytes = (bytes + 63) & ~(size_t)63;
    lowering->plan->weight_bytes += bytes;
    if (bytes > lowering->chunk_left)
        return new_chunk(lowering, bytes);
    void *result = lowering->chunk;
    lowering->chunk += bytes;
    lowering->chunk_left -= bytes;
    return result;
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

/* The smallest free buffer that is large enough, else the largest free one made larger. */
static float *take_temporary(tm_lowering *lowering, size_t bytes)
{
    struct temporary *best = NULL, *slots = lowering->temporaries.slots;
    for (size_t i = 0; i < sizeof lowering->temporaries.slots / sizeof *slots; i++) {
        struct temporary *slot = &slots[i];
        if (slot->taken)
            continue;
        bool fits = slot->bytes >= bytes, best_fits = best && best->bytes >= bytes;
        if (!best || (fits ? !best_fits || slot->bytes < best->bytes
                           : !best_fits && slot->bytes > best->bytes))
            best = slot;
    }
    TM_ASSERT(best);
    if (!best->data || best->bytes < bytes) {
        free(best->data);
        best->data = tm_alloc_aligned(bytes);
        best->bytes = best->data ? bytes : 0;
    }
    best->taken = best->data != NULL;
    return best->data;
}

static void give_temporary(tm_lowering *lowering, const float *data)
{
    struct temporary *slots = lowering->temporaries.slots;
    for (size_t i = 0; data && i < sizeof lowering->temporaries.slots / sizeof *slots; i++)
        if (slots[i].data == data)
            slots[i].taken = false;
}

static void free_temporaries(tm_lowering *lowering)
{
    struct temporary *slots = lowering->temporaries.slots;
    for (size_t i = 0; i < sizeof lowering->temporaries.slots / sizeof *slots; i++)
        free(slots[i].data);
}

static float *evaluate(tm_lowering *lowering, const tm_node *node, int64_t row, int64_t rows);

static bool evaluate_op(tm_lowering *lowering, const tm_node *node, int64_t row, int64_t rows,
                        float *out)
{
    float *inputs[MAX_CONSTANT_INPUTS] = {0};
    bool good = true;
    TM_ASSERT(node->input_count <= MAX_CONSTANT_INPUTS);
    for (int i = 0; i < node->input_count && good; i++) {
        const tm_node *x = node->inputs[i];
        bool part = i == 0 && node->op->by_rows;
        inputs[i] = evaluate(lowering, x, part ? row : 0, part ? rows : tm_row_count(x));
        good = inputs[i] != NULL;
    }
    if (good)
        node->op->evaluate(node, (const float *const *)inputs, row, rows, out);
    for (int i = 0; i < node->input_count; i++)
        give_temporary(lowering, inputs[i]);
    return good;
}

static bool read_param(tm_lowering *lowering, const tm_node *node, int64_t row, int64_t rows,
                       float *out)
{
    size_t count = (size_t)tm_row_elements(node);
    tm_status status =
        tm_weights_read_f32_range(lowering->weights, node->name, node->rank, node->dims,
                                  (size_t)row * count, (size_t)rows * count, out, lowering->error);
    if (status)
        fail(lowering, status);
    return status == TM_OK;
}

/* Rows that an operator cannot compute alone come from the whole. */
static bool evaluate_whole(tm_lowering *lowering, const tm_node *node, int64_t row, int64_t rows,
                           float *out)
{
    size_t count = (size_t)tm_row_elements(node);
    float *whole = evaluate(lowering, node, 0, tm_row_count(node));
    if (whole)
        memcpy(out, whole + (size_t)row * count, (size_t)rows * count * sizeof *out);
    give_temporary(lowering, whole);
    return whole != NULL;
}

static float *evaluate(tm_lowering *lowering, const tm_node *node, int64_t row, int64_t rows)
{
    if (lowering->status)
        return NULL;
    size_t bytes;
    int64_t count = tm_row_elements(node);
    float *out =
        tm_size_mul((size_t)rows, (size_t)count, &bytes) && tm_size_mul(bytes, sizeof *out, &bytes)
            ? take_temporary(lowering, bytes)
            : NULL;
    if (!out) {
        no_memory(lowering, (size_t)tm_element_count(node));
        return NULL;
    }
    bool good = node->op == &tm_op_param ? read_param(lowering, node, row, rows, out)
                : node->op->by_rows || rows == tm_row_count(node)
                    ? evaluate_op(lowering, node, row, rows, out)
                    : evaluate_whole(lowering, node, row, rows, out);
    if (good)
        return out;
    give_temporary(lowering, out);
    return NULL;
}

float *tm_lower_constant_rows(tm_lowering *lowering, const tm_node *constant, int64_t row,
                              int64_t rows)
{
    return evaluate(lowering, constant, row, rows);
}

/* A constant that is not computed by rows down to its parameter is computed whole, once. */
static bool is_by_rows(const tm_node *node)
{
    while (node->op != &tm_op_param && node->op->by_rows)
        node = node->inputs[0];
    return node->op == &tm_op_param;
}

int64_t tm_lower_rows_at_once(const tm_node *constant, int64_t unit)
{
    int64_t all = tm_row_count(constant);
    if (!is_by_rows(constant))
        return all;
    int64_t rows = ROWS_BYTES / (int64_t)sizeof(float) / tm_row_elements(constant) / unit * unit;
    return rows < unit ? unit : rows > all ? all : rows;
}

void tm_lower_done(tm_lowering *lowering, const tm_node *constant)
{
    if (constant->op == &tm_op_param)
        tm_weights_release_pages(lowering->weights, constant->name);
    for (int i = 0; i < constant->input_count; i++)
        tm_lower_done(lowering, constant->inputs[i]);
}

float *tm_lower_constant(tm_lowering *lowering, const tm_node *constant)
{
    return evaluate(lowering, constant, 0, tm_row_count(constant));
}

void tm_lower_release(tm_lowering *lowering, float *values)
{
    give_temporary(lowering, values);
}

const float *tm_lower_keep(tm_lowering *lowering, const tm_node *constant, size_t padded)
{
    size_t count = (size_t)tm_element_count(constant);
    float *values = tm_lower_constant(lowering, constant);
    float *kept = values ? tm_lower_memory(lowering, padded > count ? padded : count) : NULL;
    if (kept) {
        memcpy(kept, values, count * sizeof *kept);
        if (padded > count)
            memset(kept + count, 0, (padded - count) * sizeof *kept);
    }
    give_temporary(lowering, values);
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

/* ---- deferred work ---- */

void tm_lower_defer(tm_lowering *lowering, tm_lower_job *job, const void *args, size_t args_size)
{
    if (lowering->status)
        return;
    if (lowering->job_count == lowering->job_capacity) {
        int capacity = lowering->job_capacity ? 2 * lowering->job_capacity : 256;
        deferred *grown = realloc(lowering->jobs, (size_t)capacity * sizeof *grown);
        if (!grown) {
            no_memory(lowering, (size_t)capacity * sizeof *grown);
            return;
        }
        lowering->jobs = grown;
        lowering->job_capacity = capacity;
    }
    void *copy = tm_arena_alloc(&lowering->plan->args, args_size);
    if (!copy) {
        no_memory(lowering, args_size);
        return;
    }
    memcpy(copy, args, args_size);
    lowering->jobs[lowering->job_count++] = (deferred){job, copy};
}

/* Each thread has its own temporaries and error. */
typedef struct workers {
    const tm_lowering *lowering;
    tm_lowering *of_thread;
    tm_error *errors;
} workers;

static void run_job(void *context, int i, int thread)
{
    workers *w = context;
    tm_lowering *worker = &w->of_thread[thread];
    if (!worker->status)
        w->lowering->jobs[i].job(worker, w->lowering->jobs[i].args);
}

static void run_jobs(tm_lowering *lowering)
{
    int threads = lowering->plan->threads;
    workers w = {.lowering = lowering,
                 .of_thread = calloc((size_t)threads, sizeof *w.of_thread),
                 .errors = calloc((size_t)threads, sizeof *w.errors)};
    for (int i = 0; w.of_thread && w.errors && i < threads; i++) {
        w.of_thread[i] = *lowering;
        w.of_thread[i].temporaries = (temporaries){0};
        w.of_thread[i].error = &w.errors[i];
    }
    if (w.of_thread && w.errors) {
        tm_parallel_for(threads, lowering->job_count, run_job, &w);
        for (int i = 0; i < threads; i++) {
            free_temporaries(&w.of_thread[i]);
            if (w.of_thread[i].status) {
                tm_fail(lowering->error, w.errors[i].status, "%s", w.errors[i].message);
                fail(lowering, w.of_thread[i].status);
            }
        }
    } else {
        no_memory(lowering, (size_t)threads * sizeof *w.of_thread);
    }
    free(w.of_thread);
    free(w.errors);
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
        if (!lowering.status)
            run_jobs(&lowering);
    }
    tm_layout_free(&lowering.layout);
    free_temporaries(&lowering);
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
