/* SPDX-License-Identifier: Apache-2.0 */
/* Weights: whether they fit, and the plan that packs them. */
#include <stdlib.h>
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

/* What does not fit, on one line; NULL: nothing, or no memory, which error then tells. */
static char *describe_misfit(const tm_model *model, const tm_weights *weights, tm_error *error)
{
    tm_buffer report = {0}, text = {0};
    tm_weights_diff diff = {0};
    if (tm_model_compare(model, weights, &diff, &report, error) == TM_OK && report.length) {
        report.data[report.length - 1] = '\0';
        for (char *p = report.data; *p; p++)
            if (*p == '\n')
                *p = ';';
        tm_buffer_printf(&text, "%s does not fit %s: %s", tm_weights_name(weights), model->display,
                         report.data);
        if (text.failed)
            tm_fail(error, TM_NO_MEMORY, "%s: no memory", tm_weights_name(weights));
    }
    tm_buffer_free(&report);
    return text.data;
}

tm_status tm_model_require_fit(const tm_model *model, const tm_weights *weights, tm_error *error)
{
    tm_error own = {0};
    char *misfit = describe_misfit(model, weights, &own);
    tm_status status = own.status;
    if (status)
        tm_fail(error, status, "%s", own.message);
    else if (misfit)
        status = tm_fail(error, TM_WEIGHTS_MISMATCH, "%s", misfit);
    free(misfit);
    return status;
}

/* What the comparison would refuse gets the formula's values. */
static tm_status fill_missing(tm_model *model, const tm_weights *weights, tm_error *error)
{
    tm_graph *graph = &model->graph;
    int count = graph->node_count;
    tm_error own = {0};
    char *misfit = describe_misfit(model, weights, &own);
    tm_status status = own.status ? tm_fail(error, own.status, "%s", own.message) : TM_OK;
    if (misfit) {
        const char *text = tm_arena_strdup(&model->strings, misfit);
        model->warning = text ? text : "";
    }
    for (int i = 0; i < count && !status && misfit; i++) {
        tm_node *node = graph->nodes[i];
        if (node->op != &tm_op_param)
            continue;
        const tm_tensor_view *view = tm_weights_find(weights, node->name);
        if (!view || !tm_view_has_shape(view, node->rank, node->dims))
            status = tm_param_from_formula(node, &model->builder, error);
    }
    free(misfit);
    return status;
}

static tm_status make_plan(tm_model *model, const tm_weights *weights, tm_error *error)
{
    model->spent = true;
    tm_passes_run(&model->builder);
    if (model->graph.error.status)
        return tm_fail(error, model->graph.error.status, "%s: %s", model->display,
                       model->graph.error.message);
    tm_plan_options options = {.max_batch = model->options.max_batch,
                               .threads = model->options.threads,
                               .isa = tm_isa_or_best(model->options.isa)};
    tm_precision_parse(model->options.precision, &options.precision);
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
    tm_error_clear(error);
    if (!model)
        return tm_fail(error, TM_USAGE, "a NULL model was to be loaded");
    if (model->loaded || model->spent)
        return tm_fail(error, TM_USAGE, "%s was loaded already%s", model->display,
                       model->loaded ? "" : ", in vain: open it again");
    if (!model->chosen_count)
        return tm_fail(error, TM_USAGE, "%s: choose an output before loading", model->display);
    tm_weights *weights = NULL;
    model->warning = "";
    tm_status status = tm_model_open_weights(model, &weights, error);
    if (!status)
        status = tm_adapt(model, weights, error);
    if (!status)
        status = model->options.allow_missing ? fill_missing(model, weights, error)
                                              : tm_model_require_fit(model, weights, error);
    if (!status)
        status = make_plan(model, weights, error);
    if (!status)
        status = tm_weights_check_unchanged(weights, error);
    tm_weights_close(weights);
    model->loaded = status == TM_OK;
    return status;
}
