/* SPDX-License-Identifier: Apache-2.0 */
/* Weights: where they come from, whether they fit, and the plan that packs them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/adapt.h"
#include "api/builtin.h"
#include "api/model.h"
#include "hub/cache.h"
#include "passes/passes.h"
#include "plan/layout.h"

static bool is_builtin(const tm_model *model)
{
    return strcmp(model->resolved.config.name, TM_BUILTIN_MODEL) == 0;
}

/* "formula:SEED[:GAIN]" */
static tm_status open_formula(const char *text, tm_weights **weights, tm_error *error)
{
    char *end;
    errno = 0;
    unsigned long long seed = strtoull(text, &end, 10);
    double gain = 1.0;
    bool good = end != text && text[0] != '-' && !errno;
    if (good && *end == ':') {
        const char *number = end + 1;
        gain = strtod(number, &end);
        good = end != number;
    }
    if (!good || *end)
        return tm_fail(error, TM_USAGE,
                       "weights 'formula:%s': expected formula:SEED or formula:SEED:GAIN", text);
    return tm_weights_open_formula(seed, gain, weights, error);
}

/* The cached weights file of the model's config; false: there is none. */
static bool find_cached(const tm_model *model, char path[static TM_PATH_MAX])
{
    char root[TM_PATH_MAX];
    const char *hub = model->resolved.config.hf_hub_id;
    return hub[0] && tm_hub_cache_root(model->options.cache_dir, root) &&
           tm_hub_cache_find(root, hub, model->resolved.revision, "model.safetensors", path);
}

bool tm_model_has_weights(const tm_model *model)
{
    char path[TM_PATH_MAX];
    return model->options.weights || is_builtin(model) || find_cached(model, path);
}

tm_status tm_model_open_weights(const tm_model *model, tm_weights **weights, tm_error *error)
{
    const char *from = model->options.weights;
    char path[TM_PATH_MAX];
    if (from && strncmp(from, "formula:", 8) == 0)
        return open_formula(from + 8, weights, error);
    if (from)
        return tm_weights_open_file(from, weights, error);
    if (is_builtin(model))
        return tm_weights_open_memory(tm_builtin_weights, tm_builtin_weights_size,
                                      TM_BUILTIN_MODEL ".safetensors (built in)", true, weights,
                                      error);
    if (find_cached(model, path))
        return tm_weights_open_file(path, weights, error);
    const char *hub = model->resolved.config.hf_hub_id;
    return tm_fail(error, TM_WEIGHTS_MISSING,
                   "%s: its weights are not here; give a file with --weights FILE.safetensors%s%s%s"
                   ", or --no-pretrained for values made by the formula",
                   model->display, hub[0] ? " (model.safetensors of " : "", hub,
                   hub[0] ? " on the Hugging Face hub)" : "");
}

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

static tm_status check_fit(const tm_model *model, const tm_weights *weights, tm_error *error)
{
    tm_arena arena = {0};
    tm_buffer report = {0};
    tm_tensor_spec *tensors;
    size_t count;
    tm_weights_diff diff = {0};
    if (tm_weights_is_formula(weights))
        return TM_OK;
    tm_status status = tm_model_tensors(model, &arena, &tensors, &count, error);
    if (!status)
        status = add_dropped_head(model, weights, &arena, &tensors, &count, error);
    if (!status)
        status = tm_weights_compare(weights, tensors, count, &diff, &report, error);
    if (!status && diff.missing + diff.unexpected + diff.mismatched > 0) {
        for (size_t i = 0; i < report.length; i++)
            if (report.data[i] == '\n')
                report.data[i] = i + 1 == report.length ? '\0' : ';';
        status = tm_fail(error, TM_WEIGHTS_MISMATCH, "%s does not fit %s: %s",
                         tm_weights_name(weights), model->display, report.data ? report.data : "");
    }
    tm_buffer_free(&report);
    tm_arena_free(&arena);
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
    tm_weights_close(weights);
    model->loaded = status == TM_OK;
    return status;
}
