/* SPDX-License-Identifier: Apache-2.0 */
/* Weights: whether they fit, and the plan that packs them. */
#include <string.h>

#include "api/adapt.h"
#include "api/model.h"
#include "passes/passes.h"
#include "plan/layout.h"

/* The file's tensors of a classifier that is not wanted are not unexpected. */
static tm_status add_dropped_head(const tm_model *model, const tm_weights *weights, tm_arena *arena,
                                  tm_tensor_spec **tensors, size_t *count, tm_error *error)
{
    size_t stored = tm_weights_count(weights);
    tm_tensor_spec *all = tm_arena_alloc(arena, (*count + stored + 1) * sizeof *all);
    if (!all)
        return tm_fail(error, TM_NO_MEMORY, "no memory for %zu tensors", *count + stored);
    memcpy(all, *tensors, *count * sizeof *all);
    for (size_t i = 0; i < stored; i++) {
        const tm_tensor_view *view = tm_weights_at(weights, i);
        if (!tm_is_dropped_head(model, view->name))
            continue;
        all[*count] = (tm_tensor_spec){.name = view->name, .rank = view->rank};
        memcpy(all[*count].shape, view->shape, sizeof view->shape);
        ++*count;
    }
    *tensors = all;
    return TM_OK;
}

/* What the comparison would refuse gets the formula's values. */
static tm_status fill_missing(tm_model *model, const tm_weights *weights, tm_error *error)
{
    tm_graph *graph = &model->graph;
    int count = graph->node_count;
    tm_status status = TM_OK;
    for (int i = 0; i < count && !status; i++) {
        tm_node *node = graph->nodes[i];
        if (node->op != &tm_op_param)
            continue;
        const tm_tensor_view *view = tm_weights_find(weights, node->name);
        if (!view || !tm_view_has_shape(view, node->rank, node->dims))
            status = tm_param_from_formula(node, &model->builder, error);
    }
    return status;
}

static tm_status refuse_misfit(const tm_model *model, const tm_weights *weights, tm_buffer *report,
                               tm_error *error)
{
    for (size_t i = 0; i < report->length; i++)
        if (report->data[i] == '\n')
            report->data[i] = i + 1 == report->length ? '\0' : ';';
    return tm_fail(error, TM_WEIGHTS_MISMATCH, "%s does not fit %s: %s", tm_weights_name(weights),
                   model->display, report->data ? report->data : "");
}

tm_status tm_model_compare(const tm_model *model, const tm_weights *weights, tm_weights_diff *diff,
                           tm_buffer *report, tm_error *error)
{
    tm_arena arena = {0};
    tm_tensor_spec *tensors;
    size_t count;
    tm_status status = tm_model_tensors(model, &arena, &tensors, &count, error);
    if (!status)
        status = add_dropped_head(model, weights, &arena, &tensors, &count, error);
    if (!status)
        status = tm_weights_compare(weights, tensors, count, diff, report, error);
    tm_arena_free(&arena);
    return status;
}

static tm_status check_fit(tm_model *model, const tm_weights *weights, tm_error *error)
{
    tm_buffer report = {0};
    tm_weights_diff diff = {0};
    if (tm_weights_is_formula(weights))
        return TM_OK;
    tm_status status = tm_model_compare(model, weights, &diff, &report, error);
    if (!status && model->options.allow_missing)
        status = fill_missing(model, weights, error);
    else if (!status && diff.missing + diff.unexpected + diff.mismatched > 0)
        status = refuse_misfit(model, weights, &report, error);
    tm_buffer_free(&report);
    return status;
}

static tm_status make_plan(tm_model *model, const tm_weights *weights, tm_error *error)
{
    tm_isa isa = tm_cpu_isa();
    if (model->options.isa)
        tm_isa_parse(model->options.isa, &isa);
    tm_passes_run(&model->builder);
    if (model->graph.error.status)
        return tm_fail(error, model->graph.error.status, "%s: %s", model->display,
                       model->graph.error.message);
    tm_plan_options options = {.max_batch = model->options.max_batch,
                               .threads = model->options.threads,
                               .kernels = tm_kernels_for(isa)};
    return tm_plan_make(&model->graph, weights, &options, &model->plan, error);
}

size_t tm_model_activation_bytes(tm_model *model)
{
    tm_arena_layout layout;
    size_t bytes = 0;
    if (!model->chosen_count && tm_model_select(model, "logits", NULL))
        return 0;
    tm_passes_run(&model->builder);
    if (!model->graph.error.status && tm_layout_make(&model->graph, 1, &layout, NULL) == TM_OK) {
        bytes = layout.floats * sizeof(float);
        tm_layout_free(&layout);
    }
    return bytes;
}

tm_status tm_model_load(tm_model *model, tm_error *error)
{
    if (model->loaded)
        return tm_fail(error, TM_USAGE, "%s is loaded already", model->display);
    if (!model->chosen_count)
        return tm_fail(error, TM_USAGE, "%s: choose an output before loading", model->display);
    tm_weights *weights = NULL;
    tm_status status = tm_model_open_weights(model, &weights, error);
    if (!status)
        status = tm_adapt(model, weights, error);
    if (!status)
        status = check_fit(model, weights, error);
    if (!status)
        status = make_plan(model, weights, error);
    if (!status)
        status = tm_weights_check_unchanged(weights, error);
    tm_weights_close(weights);
    model->loaded = status == TM_OK;
    return status;
}
