/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/types.h"

#include <stdlib.h>

#include "ops/ops.h"
#include "plan/nodes.h"

typedef struct typing {
    tm_builder *b;
    const tm_lowering *lowering;
    int count;       /* nodes before any was added */
    bool *wanted;    /* by node id: someone would read bfloat16 */
    tm_node **other; /* by node id: the same in the other type, or NULL */
} typing;

static tm_types types_of(const typing *t, const tm_node *node)
{
    if (node->op->view)
        return TM_TYPES_SAME;
    return node->op->types_of ? node->op->types_of(t->lowering, node) : node->op->types;
}

/* Users stand behind what they use. What keeps the type that it reads wants what its users want. */
static void find_wanted(const typing *t)
{
    for (int i = t->count - 1; i >= 0; i--) {
        const tm_node *node = t->b->graph->nodes[i];
        if (!tm_is_computed(node))
            continue;
        tm_types types = types_of(t, node);
        bool reads = types == TM_TYPES_SAME ? t->wanted[i]
                                            : types == TM_TYPES_READS || types == TM_TYPES_ANY;
        for (int k = 0; reads && k < node->input_count; k++)
            t->wanted[node->inputs[k]->id] = true;
    }
}

static bool reads_bf16(const tm_node *node)
{
    for (int k = 0; k < node->input_count; k++)
        if (!node->inputs[k]->constant && node->inputs[k]->type == TM_DTYPE_BF16)
            return true;
    return false;
}

static tm_dtype choose(const typing *t, const tm_node *node)
{
    tm_types types = types_of(t, node);
    if (node->op->view)
        return node->inputs[0]->type;
    bool writes = types == TM_TYPES_WRITES || types == TM_TYPES_ANY ||
                  (types == TM_TYPES_SAME && reads_bf16(node));
    return writes && t->wanted[node->id] ? TM_DTYPE_BF16 : TM_DTYPE_F32;
}

static tm_node *converted(const typing *t, tm_node *x, tm_dtype type)
{
    if (x->type == type)
        return x;
    tm_node **other = &t->other[x->id];
    if (!*other) {
        *other = tm_convert(t->b, x, type);
        (*other)->live = true;
        x->users++;
    }
    x->users--;
    (*other)->users++;
    return *other;
}

static void convert_inputs(const typing *t, tm_node *node)
{
    tm_types types = types_of(t, node);
    if (types == TM_TYPES_READS || types == TM_TYPES_ANY)
        return;
    tm_dtype type = types == TM_TYPES_SAME ? node->type : TM_DTYPE_F32;
    for (int k = 0; k < node->input_count; k++)
        if (!node->inputs[k]->constant)
            node->inputs[k] = converted(t, node->inputs[k], type);
}

static void convert_taps(const typing *t)
{
    tm_graph *graph = t->b->graph;
    for (int i = 0; i < graph->tap_count; i++)
        if (graph->taps[i].selected)
            graph->taps[i].node = converted(t, graph->taps[i].node, TM_DTYPE_F32);
}

/* Conversions behind what they convert: nodes stand in topological order. */
static bool sort(const typing *t)
{
    tm_graph *graph = t->b->graph;
    tm_node **sorted = malloc((size_t)graph->node_capacity * sizeof *sorted);
    int at = 0;
    if (!sorted)
        return false;
    for (int i = 0; i < t->count; i++) {
        sorted[at++] = graph->nodes[i];
        if (t->other[i])
            sorted[at++] = t->other[i];
    }
    for (int i = 0; i < at; i++)
        sorted[i]->id = i;
    free(graph->nodes);
    graph->nodes = sorted;
    return true;
}

static void assign(const typing *t)
{
    tm_graph *graph = t->b->graph;
    find_wanted(t);
    for (int i = 0; i < t->count && !graph->error.status; i++) {
        tm_node *node = graph->nodes[i];
        if (!tm_is_computed(node))
            continue;
        node->type = choose(t, node);
        convert_inputs(t, node);
    }
    convert_taps(t);
    if (!graph->error.status && !sort(t))
        tm_fail(&graph->error, TM_NO_MEMORY, "no memory to order the model's graph");
}

void tm_types_assign(tm_builder *b, const tm_lowering *lowering)
{
    bool multiplies = tm_lower_bf16_kernels(lowering) || tm_lower_split_kernels(lowering);
    if (lowering->precision != TM_PRECISION_BF16 || !multiplies || b->graph->error.status)
        return;
    size_t count = (size_t)b->graph->node_count;
    typing t = {.b = b,
                .lowering = lowering,
                .count = b->graph->node_count,
                .wanted = calloc(count, sizeof *t.wanted),
                .other = calloc(count, sizeof *t.other)};
    if (t.wanted && t.other)
        assign(&t);
    else
        tm_fail(&b->graph->error, TM_NO_MEMORY, "no memory for the types of %zu activations",
                count);
    free(t.wanted);
    free(t.other);
}
