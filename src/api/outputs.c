/* SPDX-License-Identifier: Apache-2.0 */
/* The names of outputs, choosing them, and reading their values. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/model.h"

/* Outputs that no family taps: added to the graph when they are asked for. */
static const struct {
    const char *name;
    tm_status (*add)(tm_model *model, tm_error *error);
} added[] = {{TM_CLASS_MAPS, tm_model_add_class_maps},
             {TM_CLASS_ATTENTION, tm_model_add_class_attention}};
enum { ADDED = sizeof added / sizeof *added };

static const struct {
    tm_tap_kind kind;
    const char *name;
    bool numbered;
} kinds[] = {
    {TM_TAP_LOGITS, "logits", false},
    {TM_TAP_PRE_LOGITS, "pre_logits", false},
    {TM_TAP_FORWARD_FEATURES, "forward_features", false},
    {TM_TAP_FINAL, "image_features", false},
    {TM_TAP_EMBEDDING, "embedding", false},
    {TM_TAP_CLASS_MAPS, TM_CLASS_MAPS, false},
    {TM_TAP_CLASS_ATTENTION, TM_CLASS_ATTENTION, false},
    {TM_TAP_FEATURE, "features", true},
    {TM_TAP_INTERMEDIATE, "image_intermediates", true},
    {TM_TAP_PREFIX, "image_intermediates_prefix", true},
};

/* Whether the model has several of a kind that most have one of. */
static bool is_list(const tm_graph *graph, tm_tap_kind kind)
{
    return tm_graph_tap_count(graph, kind) > 1;
}

static const char *name_of(const tm_graph *graph, const tm_tap *tap, tm_arena *arena)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (kinds[i].kind != tap->kind)
            continue;
        return kinds[i].numbered || is_list(graph, tap->kind)
                   ? tm_arena_printf(arena, "%s.%d", kinds[i].name, tap->index)
                   : kinds[i].name;
    }
    return "";
}

tm_status tm_model_list_outputs(tm_model *model, tm_error *error)
{
    size_t count = (size_t)model->graph.tap_count;
    bool named = true;
    size_t room = count + ADDED;
    model->available = calloc(room, sizeof *model->available);
    model->chosen = calloc(room, sizeof *model->chosen);
    model->names = calloc(room, sizeof *model->names);
    for (size_t i = 0; model->available && model->names && i < count; i++) {
        model->available[i] = i;
        model->names[i] = name_of(&model->graph, &model->graph.taps[i], &model->strings);
        named = named && model->names[i];
    }
    if (!model->available || !model->chosen || !model->names || !named)
        return tm_fail(error, TM_NO_MEMORY, "no memory for %zu outputs", count);
    model->available_count = count;
    return TM_OK;
}

const tm_tap *tm_model_tap(const tm_model *model, size_t available)
{
    return &model->graph.taps[model->available[available]];
}

size_t tm_model_available(const tm_model *model)
{
    return model ? model->available_count : 0;
}

static void set_shape(tm_output *output, const tm_tap *tap)
{
    tm_shape s = tap->node->shape;
    output->shape[0] = 1;
    output->channel_axis = 1;
    switch (tap->layout) {
    case TM_LAYOUT_MAP:
        output->rank = 4;
        output->shape[1] = s.c;
        output->shape[2] = s.h;
        output->shape[3] = s.w;
        break;
    case TM_LAYOUT_NHWC:
        output->rank = 4;
        output->shape[1] = s.h;
        output->shape[2] = s.w;
        output->shape[3] = s.c;
        output->channel_axis = 3;
        break;
    case TM_LAYOUT_TOKENS:
        output->rank = 3;
        output->shape[1] = (int64_t)s.h * s.w;
        output->shape[2] = s.c;
        output->channel_axis = 2;
        break;
    case TM_LAYOUT_VECTOR:
        output->rank = 2;
        output->shape[1] = (int64_t)s.h * s.w * s.c;
        break;
    }
}

static void describe(const tm_model *model, size_t available, tm_output *output)
{
    const tm_tap *tap = tm_model_tap(model, available);
    *output = (tm_output){.name = model->names[available],
                          .index = tap->index,
                          .module = tap->module,
                          .reduction = tap->reduction};
    set_shape(output, tap);
}

/* The model and the place for an output are there, and the index is below the count. */
static tm_status check_output(const tm_model *model, size_t index, size_t count, tm_output *output,
                              tm_error *error)
{
    tm_error_clear(error);
    if (output)
        *output = (tm_output){.name = ""};
    if (!model || !output)
        return tm_fail(error, TM_USAGE, "an output was asked for with a NULL %s",
                       model ? "output" : "model");
    if (index >= count)
        return tm_fail(error, TM_USAGE, "%s: output %zu was asked for, expected one below %zu",
                       model->display, index, count);
    return TM_OK;
}

tm_status tm_model_describe(const tm_model *model, size_t index, tm_output *output, tm_error *error)
{
    tm_status status = check_output(model, index, tm_model_available(model), output, error);
    if (!status)
        describe(model, index, output);
    return status;
}

/* ---- choosing ---- */

static bool needs_classifier(const char *name)
{
    return strcmp(name, "logits") == 0 || strcmp(name, "pre_logits") == 0;
}

static tm_status unknown_output(const tm_model *model, const char *name, tm_error *error)
{
    if (model->graph.no_logits && needs_classifier(name))
        return tm_fail(error, TM_USAGE, "%s: %s", model->display, model->graph.no_logits);
    tm_buffer valid = {0};
    for (size_t i = 0; i < model->available_count; i++) {
        tm_buffer_printf(&valid, "%s%s", i ? ", " : "", model->names[i]);
    }
    const char *names = tm_buffer_text(&valid, error);
    tm_status status = names ? tm_fail(error, TM_USAGE, "%s has no output '%s'; it has %s",
                                       model->display, name, *names ? names : "none")
                             : TM_NO_MEMORY;
    tm_buffer_free(&valid);
    return status;
}

/* By its own name, or by that of the list it is in. */
static bool is_named(const tm_model *model, size_t available, const char *name)
{
    tm_tap_kind kind = tm_model_tap(model, available)->kind;
    if (strcmp(model->names[available], name) == 0)
        return true;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].kind == kind && !kinds[i].numbered && strcmp(kinds[i].name, name) == 0)
            return true;
    return false;
}

static void choose(tm_model *model, size_t available)
{
    for (size_t k = 0; k < model->chosen_count; k++)
        if (model->chosen[k] == available)
            return;
    model->chosen[model->chosen_count++] = available;
    model->graph.taps[model->available[available]].selected = true;
}

/* Adds the last one that the graph has been given. */
static tm_status make_available(tm_model *model, size_t which, tm_error *error)
{
    for (size_t i = 0; i < model->available_count; i++)
        if (model->names[i] == added[which].name)
            return TM_OK;
    tm_status status = added[which].add(model, error);
    if (!status)
        status = tm_model_check_graph(model, error);
    if (status)
        return status;
    model->available[model->available_count] = (size_t)model->graph.tap_count - 1;
    model->names[model->available_count++] = added[which].name;
    return TM_OK;
}

tm_status tm_model_select(tm_model *model, const char *name, tm_error *error)
{
    tm_error_clear(error);
    if (!model || !name)
        return tm_fail(error, TM_USAGE, "an output was chosen with a NULL %s",
                       model ? "name" : "model");
    if (model->loaded || model->spent)
        return tm_fail(error, TM_USAGE, "output '%s' was chosen after the model was loaded", name);
    bool found = false;
    for (size_t i = 0; i < ADDED; i++) {
        tm_status status =
            strcmp(name, added[i].name) == 0 ? make_available(model, i, error) : TM_OK;
        if (status)
            return status;
    }
    for (size_t i = 0; i < model->available_count; i++) {
        if (!is_named(model, i, name))
            continue;
        choose(model, i);
        found = true;
    }
    return found ? TM_OK : unknown_output(model, name, error);
}

tm_status tm_model_select_like(tm_model *model, const tm_model *other, tm_error *error)
{
    tm_status status = TM_OK;
    for (size_t i = 0; i < other->chosen_count && !status; i++)
        status = tm_model_select(model, other->names[other->chosen[i]], error);
    return status;
}

size_t tm_model_output_count(const tm_model *model)
{
    return model ? model->chosen_count : 0;
}

tm_status tm_model_output(const tm_model *model, size_t index, tm_output *output, tm_error *error)
{
    tm_status status = check_output(model, index, tm_model_output_count(model), output, error);
    if (!status)
        describe(model, model->chosen[index], output);
    return status;
}
