/* SPDX-License-Identifier: Apache-2.0 */
/* What a built model counts: parameters, multiply-adds, tensors; and what pruning would leave. */
#include <stdlib.h>
#include <string.h>

#include "api/model.h"

void tm_graph_mark_needed(const tm_graph *graph, bool *needed)
{
    for (int i = graph->node_count - 1; i >= 0; i--)
        for (int k = 0; needed[i] && k < graph->nodes[i]->input_count; k++)
            needed[graph->nodes[i]->inputs[k]->id] = true;
}

static void mark_tap(const tm_graph *graph, tm_tap_kind kind, int index, bool *needed)
{
    const tm_tap *tap = tm_graph_tap(graph, kind, index);
    if (tap)
        needed[tap->node->id] = true;
}

/* What the logits need, or everything where there are none. */
static void mark_for_facts(const tm_graph *graph, bool *needed)
{
    if (!tm_graph_tap(graph, TM_TAP_LOGITS, 0))
        memset(needed, true, (size_t)graph->node_count * sizeof *needed);
    mark_tap(graph, TM_TAP_LOGITS, 0, needed);
    tm_graph_mark_needed(graph, needed);
}

static int64_t trained_elements(const tm_node *node)
{
    bool counts = node->op == &tm_op_param && ((const tm_param_attrs *)node->attrs)->trained;
    return counts ? tm_element_count(node) : 0;
}

tm_model_facts tm_model_count(const tm_model *model)
{
    const tm_graph *graph = &model->graph;
    tm_model_facts facts = {0};
    bool *needed = calloc((size_t)graph->node_count, sizeof *needed);
    if (!needed)
        return facts;
    mark_for_facts(graph, needed);
    for (int i = 0; i < graph->node_count; i++) {
        const tm_node *node = graph->nodes[i];
        facts.params += trained_elements(node);
        if (!needed[i] || node->constant || !node->op || !node->op->macs)
            continue;
        facts.macs += node->op->macs(node);
        facts.activations += (double)node->shape.h * node->shape.w * node->shape.c;
    }
    free(needed);
    return facts;
}

/* Parameters of what the taps of `from` need and those of `without` do not. */
static int64_t count_between(const tm_graph *graph, tm_tap_kind from, tm_tap_kind without,
                             int without_index)
{
    bool *all = calloc((size_t)graph->node_count, sizeof *all);
    bool *known = calloc((size_t)graph->node_count, sizeof *known);
    int64_t params = 0;
    if (all && known) {
        mark_tap(graph, from, 0, all);
        mark_tap(graph, without, without_index, known);
        tm_graph_mark_needed(graph, all);
        tm_graph_mark_needed(graph, known);
        for (int i = 0; i < graph->node_count; i++)
            params += all[i] && !known[i] ? trained_elements(graph->nodes[i]) : 0;
    }
    free(all);
    free(known);
    return params;
}

int64_t tm_model_count_pruned(const tm_model *model, const int *indices, size_t count, bool norm,
                              bool head)
{
    const tm_graph *graph = &model->graph;
    int last = tm_graph_tap_count(graph, TM_TAP_INTERMEDIATE) - 1;
    bool *needed = calloc((size_t)graph->node_count, sizeof *needed);
    int64_t params = 0;
    int deepest = -1;
    if (!needed)
        return -1;
    for (size_t i = 0; i < count; i++) {
        deepest = indices[i] > deepest ? indices[i] : deepest;
        mark_tap(graph, TM_TAP_INTERMEDIATE, indices[i], needed);
        mark_tap(graph, TM_TAP_PREFIX, indices[i], needed);
    }
    tm_graph_mark_needed(graph, needed);
    for (int i = 0; i < graph->node_count; i++)
        params += needed[i] ? trained_elements(graph->nodes[i]) : 0;
    free(needed);
    /* a CNN cut short has no place for what came behind, a token matrix fits it still */
    const tm_tap *final = tm_graph_tap(graph, TM_TAP_FINAL, 0);
    if (deepest < last && final && final->layout != TM_LAYOUT_TOKENS)
        return params;
    if (!norm)
        params += count_between(graph, TM_TAP_FORWARD_FEATURES, TM_TAP_INTERMEDIATE, last);
    if (!head)
        params += count_between(graph, TM_TAP_LOGITS, TM_TAP_FORWARD_FEATURES, 0);
    return params;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const tm_tensor_spec *)a)->name, ((const tm_tensor_spec *)b)->name);
}

tm_status tm_model_tensors(const tm_model *model, tm_arena *arena, tm_tensor_spec **tensors,
                           size_t *count, tm_error *error)
{
    const tm_graph *graph = &model->graph;
    *count = 0;
    for (int i = 0; i < graph->node_count; i++)
        *count += graph->nodes[i]->op == &tm_op_param;
    *tensors = tm_arena_alloc(arena, (*count + 1) * sizeof **tensors);
    if (!*tensors)
        return tm_fail(error, TM_NO_MEMORY, "no memory for %zu tensors", *count);
    tm_tensor_spec *spec = *tensors;
    for (int i = 0; i < graph->node_count; i++) {
        const tm_node *node = graph->nodes[i];
        if (node->op != &tm_op_param)
            continue;
        spec->name = node->name;
        spec->rank = node->rank;
        memcpy(spec->shape, node->dims, sizeof node->dims);
        spec++;
    }
    qsort(*tensors, *count, sizeof **tensors, by_name);
    return TM_OK;
}
