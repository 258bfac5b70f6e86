/* SPDX-License-Identifier: Apache-2.0 */
#include "api/trust.h"

#include <stdlib.h>

#include "api/adapt.h"
#include "ops/ops.h"

/* What of a network still follows from the weights when most of it does not is noise. */
tm_status tm_require_half(const tm_model *model, const tm_weights *weights, const char *misfit,
                          tm_error *error)
{
    const tm_graph *graph = &model->graph;
    double all = 0, found = 0;
    for (int i = 0; i < graph->node_count; i++) {
        const tm_node *node = graph->nodes[i];
        if (node->op != &tm_op_param || !((const tm_param_attrs *)node->attrs)->trained ||
            tm_is_head(model, node->name))
            continue;
        const tm_tensor_view *view = tm_weights_find(weights, node->name);
        bool fits = view && tm_view_has_shape(view, node->rank, node->dims);
        all += (double)tm_element_count(node);
        found += fits ? (double)tm_element_count(node) : 0;
    }
    if (2 * found >= all)
        return TM_OK;
    return tm_fail(
        error, TM_WEIGHTS_MISMATCH,
        "only %.1f %% of the parameters come from the weights, expected at least half: %s",
        100 * found / all, misfit);
}

/* ---- the classifier ---- */

static void mark(const tm_graph *graph, tm_tap_kind kind, bool *needed)
{
    const tm_tap *tap = tm_graph_tap(graph, kind, 0);
    if (tap)
        needed[tap->node->id] = true;
}

static bool is_made_up(const tm_graph *graph, const tm_node *node)
{
    return node->op == &tm_op_literal && node->name && tm_find_param(graph, node->name) == node;
}

/* The classifier is what its config names, and whatever stands between the pooled features and the
 * logits: a model of one's own has no config. */
static void find_made_up(tm_model *model, bool *chosen, bool *pooled)
{
    const tm_graph *graph = &model->graph;
    bool pools = tm_graph_tap(graph, TM_TAP_PRE_LOGITS, 0);
    for (size_t i = 0; i < model->chosen_count; i++)
        chosen[tm_model_tap(model, model->chosen[i])->node->id] = true;
    mark(graph, pools ? TM_TAP_PRE_LOGITS : TM_TAP_FORWARD_FEATURES, pooled);
    tm_graph_mark_needed(graph, chosen);
    tm_graph_mark_needed(graph, pooled);
    for (int i = 0; i < graph->node_count && !model->made_up; i++) {
        const tm_node *node = graph->nodes[i];
        if (chosen[i] && is_made_up(graph, node) && (!pooled[i] || tm_is_head(model, node->name)))
            model->made_up = node->name;
    }
}

tm_status tm_find_made_up(tm_model *model, tm_error *error)
{
    size_t count = (size_t)model->graph.node_count;
    bool *chosen = calloc(count, sizeof *chosen), *pooled = calloc(count, sizeof *pooled);
    model->made_up = NULL;
    if (chosen && pooled)
        find_made_up(model, chosen, pooled);
    bool failed = !chosen || !pooled;
    free(chosen);
    free(pooled);
    if (failed)
        return tm_fail(error, TM_NO_MEMORY, "%s: no memory for its nodes", model->display);
    if (model->made_up)
        tm_model_warn(model, "%s: its classifier (%s) has the formula's values", model->display,
                      model->made_up);
    return TM_OK;
}

tm_status tm_model_require_classifier(const tm_model *model, tm_error *error)
{
    if (!model->made_up)
        return TM_OK;
    return tm_fail(error, TM_WEIGHTS_MISMATCH,
                   "%s: its classifier would be made up: %s does not come from the weights; 'timmc "
                   "features' answers without a classifier",
                   model->display, model->made_up);
}
