/* SPDX-License-Identifier: Apache-2.0 */
/* What a built model counts: parameters, multiply-adds, tensors; and what pruning would leave. */
#include <stdlib.h>
#include <string.h>

#include "api/model.h"
#include "ops/ops.h"

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

static void mark_all(const tm_graph *graph, tm_tap_kind kind, bool *needed)
{
    for (int i = 0; i < tm_graph_tap_count(graph, kind); i++)
        mark_tap(graph, kind, i, needed);
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

/* A mark for each node. */
static tm_status new_marks(const tm_graph *graph, bool **marks, tm_error *error)
{
    *marks = calloc((size_t)graph->node_count, sizeof **marks);
    return *marks ? TM_OK
                  : tm_fail(error, TM_NO_MEMORY, "no memory for %d nodes", graph->node_count);
}

tm_status tm_model_count(const tm_model *model, tm_model_facts *facts, tm_error *error)
{
    const tm_graph *graph = &model->graph;
    bool *needed;
    *facts = (tm_model_facts){0};
    if (new_marks(graph, &needed, error))
        return TM_NO_MEMORY;
    mark_for_facts(graph, needed);
    for (int i = 0; i < graph->node_count; i++) {
        const tm_node *node = graph->nodes[i];
        facts->params += trained_elements(node);
        if (!needed[i] || node->constant || !node->op || !node->op->macs)
            continue;
        facts->macs += node->op->macs(node);
        facts->activations += (double)node->shape.h * node->shape.w * node->shape.c;
    }
    free(needed);
    return TM_OK;
}

/* Adds the parameters of what the taps of `from` need and those of `without` (its last one, of
 * intermediates) do not. */
static tm_status add_between(const tm_graph *graph, tm_tap_kind from, tm_tap_kind without,
                             int64_t *params, tm_error *error)
{
    bool *all, *known = NULL;
    tm_status status = new_marks(graph, &all, error);
    if (!status)
        status = new_marks(graph, &known, error);
    if (!status) {
        mark_all(graph, from, all);
        if (without == TM_TAP_INTERMEDIATE)
            mark_tap(graph, without, tm_graph_tap_count(graph, without) - 1, known);
        else
            mark_all(graph, without, known);
        tm_graph_mark_needed(graph, all);
        tm_graph_mark_needed(graph, known);
        for (int i = 0; i < graph->node_count; i++)
            *params += all[i] && !known[i] ? trained_elements(graph->nodes[i]) : 0;
    }
    free(all);
    free(known);
    return status;
}

/* Whether what comes behind the last block fits a model that ends before it. */
static bool tail_fits(const tm_graph *graph)
{
    const tm_tap *final = tm_graph_tap(graph, TM_TAP_FINAL, 0);
    if (graph->pruning != TM_PRUNING_BY_LAYOUT)
        return graph->pruning == TM_PRUNING_KEPT;
    return !final || final->layout == TM_LAYOUT_TOKENS;
}

tm_status tm_model_count_pruned(const tm_model *model, const int *indices, size_t count, bool norm,
                                bool head, int64_t *params, tm_error *error)
{
    const tm_graph *graph = &model->graph;
    int last = tm_graph_tap_count(graph, TM_TAP_INTERMEDIATE) - 1;
    bool *needed;
    int deepest = -1;
    *params = 0;
    if (graph->pruning == TM_PRUNING_OWN)
        return tm_fail(error, TM_USAGE,
                       "%s: timm prunes this family in a way of its own, not known "
                       "here",
                       model->display);
    if (graph->pruning == TM_PRUNING_WITH_HEAD)
        norm = head;
    tm_status status = new_marks(graph, &needed, error);
    if (status)
        return status;
    for (size_t i = 0; i < count; i++) {
        deepest = indices[i] > deepest ? indices[i] : deepest;
        mark_tap(graph, TM_TAP_INTERMEDIATE, indices[i], needed);
        mark_tap(graph, TM_TAP_PREFIX, indices[i], needed);
    }
    tm_graph_mark_needed(graph, needed);
    for (int i = 0; i < graph->node_count; i++)
        *params += needed[i] ? trained_elements(graph->nodes[i]) : 0;
    free(needed);
    if ((deepest < last && !tail_fits(graph)) ||
        ((norm || head) && graph->pruning == TM_PRUNING_TOGETHER))
        return TM_OK;
    if (!norm)
        status = add_between(graph, TM_TAP_FORWARD_FEATURES, TM_TAP_INTERMEDIATE, params, error);
    if (!head && !status)
        status = add_between(graph, TM_TAP_LOGITS, TM_TAP_FORWARD_FEATURES, params, error);
    return status;
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

/* ---- whether it is all there ---- */

tm_status tm_model_check_graph(const tm_model *model, tm_error *error)
{
    const tm_error *own = &model->graph.error;
    if (own->status)
        return tm_fail(error, own->status, "%s: %s", model->display, own->message);
    return model->graph.arena.failed
               ? tm_fail(error, TM_NO_MEMORY, "%s: no memory for its graph", model->display)
               : TM_OK;
}
