/* SPDX-License-Identifier: Apache-2.0 */
/* The names of outputs, choosing them, and reading their values. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/model.h"

static const struct {
    tm_tap_kind kind;
    const char *name;
    bool numbered;
} kinds[] = {
    {TM_TAP_LOGITS, "logits", false},
    {TM_TAP_PRE_LOGITS, "pre_logits", false},
    {TM_TAP_FORWARD_FEATURES, "forward_features", false},
    {TM_TAP_FINAL, "image_features", false},
    {TM_TAP_FEATURE, "features", true},
    {TM_TAP_INTERMEDIATE, "image_intermediates", true},
    {TM_TAP_PREFIX, "image_intermediates_prefix", true},
};

enum { NAME_MAX_ = 64 };

static void name_of(const tm_tap *tap, char name[NAME_MAX_])
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (kinds[i].kind != tap->kind)
            continue;
        if (kinds[i].numbered)
            snprintf(name, NAME_MAX_, "%s.%d", kinds[i].name, tap->index);
        else
            snprintf(name, NAME_MAX_, "%s", kinds[i].name);
    }
}

const tm_tap *tm_model_tap(const tm_model *model, size_t available)
{
    return &model->graph.taps[model->available[available]];
}

size_t tm_model_available(const tm_model *model)
{
    return model->available_count;
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

void tm_model_describe(const tm_model *model, size_t index, tm_output *output)
{
    const tm_tap *tap = tm_model_tap(model, index);
    char name[NAME_MAX_] = "";
    name_of(tap, name);
    *output = (tm_output){.index = tap->index, .module = tap->module, .reduction = tap->reduction};
    /* the arena is a cache of names here, not part of what the model is */
    output->name = tm_arena_strdup(&((tm_model *)model)->strings, name);
    if (!output->name)
        output->name = "";
    set_shape(output, tap);
}

/* ---- choosing ---- */

static void unknown_output(const tm_model *model, const char *name, tm_error *error)
{
    tm_buffer valid = {0};
    for (size_t i = 0; i < model->available_count; i++) {
        char text[NAME_MAX_] = "";
        name_of(tm_model_tap(model, i), text);
        tm_buffer_printf(&valid, "%s%s", i ? ", " : "", text);
    }
    tm_fail(error, TM_USAGE, "%s has no output '%s'; it has %s", model->display, name,
            valid.data ? valid.data : "none");
    tm_buffer_free(&valid);
}

tm_status tm_model_select(tm_model *model, const char *name, tm_error *error)
{
    if (model->loaded)
        return tm_fail(error, TM_USAGE, "output '%s' was chosen after the model was loaded", name);
    for (size_t i = 0; i < model->available_count; i++) {
        char text[NAME_MAX_] = "";
        name_of(tm_model_tap(model, i), text);
        if (strcmp(text, name) != 0)
            continue;
        for (size_t k = 0; k < model->chosen_count; k++)
            if (model->chosen[k] == i)
                return TM_OK;
        model->chosen[model->chosen_count++] = i;
        model->graph.taps[model->available[i]].selected = true;
        return TM_OK;
    }
    unknown_output(model, name, error);
    return TM_USAGE;
}

size_t tm_model_output_count(const tm_model *model)
{
    return model->chosen_count;
}

void tm_model_output(const tm_model *model, size_t index, tm_output *output)
{
    tm_model_describe(model, model->chosen[index], output);
}

/* ---- reading ---- */

tm_tensor tm_model_values(const tm_model *model, size_t index)
{
    return model->plan.taps[model->available[model->chosen[index]]];
}

static void read_pixels(const tm_tensor *t, int picture, float *out)
{
    size_t pixels = (size_t)t->h * (size_t)t->w, c = (size_t)t->c;
    const float *from = tm_tensor_at(t, picture, 0, 0);
    for (size_t i = 0; i < pixels; i++)
        memcpy(out + i * c, from + i * t->ld, c * sizeof *out);
}

static void read_channels(const tm_tensor *t, int picture, float *out)
{
    size_t pixels = (size_t)t->h * (size_t)t->w;
    const float *from = tm_tensor_at(t, picture, 0, 0);
    for (size_t c = 0; c < (size_t)t->c; c++)
        for (size_t i = 0; i < pixels; i++)
            *out++ = from[i * t->ld + c];
}

void tm_model_read(const tm_model *model, size_t index, int picture, float *out)
{
    tm_tensor t = tm_model_values(model, index);
    if (tm_model_tap(model, model->chosen[index])->layout == TM_LAYOUT_MAP)
        read_channels(&t, picture, out);
    else
        read_pixels(&t, picture, out);
}
