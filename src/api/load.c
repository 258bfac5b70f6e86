/* SPDX-License-Identifier: Apache-2.0 */
/* Weights: whether they fit, and a plan with them. */
#include <stdlib.h>
#include <string.h>

#include "api/adapt.h"
#include "api/model.h"
#include "api/packfile.h"
#include "api/trust.h"
#include "ops/ops.h"

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

/* What the model wants of the file, in the arena. */
static tm_status list_expected(const tm_model *model, const tm_weights *weights, tm_arena *arena,
                               tm_tensor_spec **tensors, size_t *count, tm_error *error)
{
    tm_status status = tm_model_tensors(model, arena, tensors, count, error);
    return status ? status : add_dropped_head(model, weights, arena, tensors, count, error);
}

tm_status tm_model_compare(const tm_model *model, const tm_weights *weights, tm_weights_diff *diff,
                           tm_buffer *report, tm_error *error)
{
    tm_arena arena = {0};
    tm_tensor_spec *tensors;
    size_t count;
    tm_status status = list_expected(model, weights, &arena, &tensors, &count, error);
    if (!status)
        status = tm_weights_compare(weights, tensors, count, diff, report, error);
    tm_arena_free(&arena);
    return status;
}

tm_status tm_model_unpack(const tm_model *model, const tm_weights *weights, tm_error *error)
{
    tm_arena arena = {0};
    tm_tensor_spec *tensors;
    size_t count;
    tm_status status = tm_model_tensors(model, &arena, &tensors, &count, error);
    for (size_t i = 0; !status && i < count; i++) {
        const tm_tensor_view *view = tm_weights_find(weights, tensors[i].name);
        if (view)
            status = tm_view_require(view, error);
    }
    tm_arena_free(&arena);
    return status;
}

/* ---- what does not fit ---- */

/* The one line of an error has room for this much of a path, and keeps some for tm_require_half. */
enum { PATH_SHOWN = 100, KEPT_FREE = 80 };

static void add_start(const tm_model *model, const tm_weights *weights, tm_buffer *text)
{
    const char *path = tm_weights_name(weights);
    size_t length = strlen(path);
    bool cut = length > PATH_SHOWN;
    tm_buffer_printf(text, "%s%s does not fit %s: ", cut ? "..." : "",
                     cut ? path + length - PATH_SHOWN : path, model->display);
}

/* Where nothing but the classifier differs, and the file's has another number of classes. */
static void add_class_hint(const tm_model *model, const tm_weights *weights,
                           const tm_tensor_spec *tensors, size_t count, tm_buffer *hint)
{
    int64_t classes = -1;
    for (size_t i = 0; i < count; i++) {
        const tm_tensor_view *view = tm_weights_find(weights, tensors[i].name);
        if (view && tm_view_has_shape(view, tensors[i].rank, tensors[i].shape))
            continue;
        if (!tm_is_head(model, tensors[i].name))
            return;
        classes = view && view->rank ? view->shape[0] : 0;
    }
    if (classes >= 0)
        tm_buffer_printf(hint, "; its classifier alone differs: --num-classes %lld",
                         (long long)classes);
}

/* A training checkpoint says what it is of. */
static void add_arch_hint(const tm_model *model, const tm_weights *weights, tm_buffer *hint)
{
    const char *arch = tm_weights_metadata(weights, "arch");
    size_t length = strcspn(model->display, ".");
    if (arch && tm_is_model(arch) &&
        (strncmp(arch, model->display, length) != 0 || arch[length] != '\0'))
        tm_buffer_printf(hint, "; it says that it is of %s: --model %s", arch, arch);
}

/* NAME-00001-of-00002.safetensors */
static void add_shard_hint(const tm_weights *weights, tm_buffer *hint)
{
    const char *name = strstr(tm_weights_name(weights), "-of-0");
    if (name)
        tm_buffer_printf(hint, "; it is one shard of several: give their %s.index.json",
                         strstr(name, ".bin") ? ".bin" : ".safetensors");
}

/* Where nobody said where the model lies, and it was found. */
static void add_place_hint(const tm_model *model, tm_buffer *hint)
{
    if (model->taken_as)
        tm_buffer_printf(hint, "; its tensors were taken as with %s", model->taken_as);
}

/* What does not fit, on one line; NULL: nothing, or no memory, which error then tells. */
static char *describe_misfit(const tm_model *model, const tm_weights *weights, tm_error *error)
{
    tm_buffer line = {0}, text = {0}, hint = {0};
    tm_arena arena = {0};
    tm_tensor_spec *tensors;
    size_t count, most = sizeof error->message - 1 - KEPT_FREE;
    tm_status status = list_expected(model, weights, &arena, &tensors, &count, error);
    if (!status) {
        add_start(model, weights, &text);
        add_class_hint(model, weights, tensors, count, &hint);
        add_arch_hint(model, weights, &hint);
        add_shard_hint(weights, &hint);
        add_place_hint(model, &hint);
        size_t used = text.length + hint.length;
        status = tm_weights_compare_line(weights, tensors, count, used < most ? most - used : 0,
                                         &line, error);
    }
    if (!status && line.length) {
        tm_buffer_append(&text, &line);
        tm_buffer_append(&text, &hint);
        if (text.failed)
            tm_fail(error, TM_NO_MEMORY, "%s: no memory", tm_weights_name(weights));
    } else {
        tm_buffer_free(&text);
    }
    tm_buffer_free(&line);
    tm_buffer_free(&hint);
    tm_arena_free(&arena);
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
        tm_model_warn(model, "%s", misfit);
        status = tm_require_half(model, weights, misfit, error);
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

tm_status tm_model_require_size(const tm_model *model, tm_error *error)
{
    return model->graph.unfit
               ? tm_fail(error, TM_USAGE, "%s: %s", model->display, model->graph.unfit)
               : TM_OK;
}

static tm_status load_weights(tm_model *model, tm_error *error)
{
    tm_weights *weights = NULL;
    tm_status status = tm_model_open_weights(model, &weights, error);
    if (!status) /* again: the file that is mapped now takes addresses, too */
        status = tm_model_require_memory(model, error);
    if (!status)
        model->weights_name = tm_arena_strdup(&model->strings, tm_weights_name(weights));
    if (!status)
        status = tm_adapt(model, weights, error);
    if (!status)
        status = model->options.allow_missing ? fill_missing(model, weights, error)
                                              : tm_model_require_fit(model, weights, error);
    if (!status)
        status = tm_find_made_up(model, error);
    if (!status)
        status = tm_model_plan(model, weights, NULL, model->options.max_batch, error);
    if (!status)
        status = tm_model_check_texts(model, error);
    status = tm_weights_close(weights, status, error);
    return status;
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
    model->warning = "";
    tm_status status = tm_model_require_size(model, error);
    if (!status)
        status = tm_model_require_memory(model, error);
    bool packed;
    if (!status)
        status = tm_packfile_probe(model, &packed, error);
    if (!status)
        status = packed ? tm_packfile_load(model, error) : load_weights(model, error);
    model->loaded = status == TM_OK;
    return status;
}
