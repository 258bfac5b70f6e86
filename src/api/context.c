/* SPDX-License-Identifier: Apache-2.0 */
#include "api/context.h"

#include <stdlib.h>
#include <string.h>

tm_status tm_context_open_on(tm_model *model, int threads, tm_context **out, tm_error *error)
{
    *out = NULL;
    if (!model->loaded)
        return tm_fail(error, TM_USAGE, "%s is not loaded", model->display);
    tm_context *context = calloc(1, sizeof *context);
    if (!context)
        return tm_fail(error, TM_NO_MEMORY, "no memory for a context of %s", model->display);
    tm_status status = tm_runner_open(&context->runner, &model->plan, threads, error);
    if (status) {
        free(context);
        return status;
    }
    context->model = tm_model_share(model);
    *out = context;
    return TM_OK;
}

tm_status tm_context_open(tm_model *model, tm_context **out, tm_error *error)
{
    tm_error_clear(error);
    if (!model || !out)
        return tm_fail(error, TM_USAGE, "a context of a NULL model, or nowhere to put it");
    return tm_context_open_on(model, model->options.threads, out, error);
}

void tm_context_close(tm_context *context)
{
    if (!context)
        return;
    tm_runner_close(&context->runner);
    tm_model_close(context->model);
    free(context);
}

/* ---- inputs ---- */

float *tm_context_input(tm_context *context, int index)
{
    return tm_runner_at(&context->runner, &context->model->plan.input, index, 0, 0);
}

/* [C][H][W] to [H][W][C] */
static void interleave(const float *planes, tm_shape s, float *out)
{
    size_t pixels = (size_t)s.h * (size_t)s.w, c = (size_t)s.c;
    for (size_t i = 0; i < pixels; i++)
        for (size_t k = 0; k < c; k++)
            out[i * c + k] = planes[k * pixels + i];
}

void tm_context_set_input(tm_context *context, int index, const float *values)
{
    tm_shape s = context->model->graph.input->shape;
    float *out = tm_context_input(context, index);
    if (context->model->input_layout == TM_LAYOUT_MAP)
        interleave(values, s, out);
    else
        memcpy(out, values, (size_t)s.h * (size_t)s.w * (size_t)s.c * sizeof *out);
}

/* ---- runs ---- */

static tm_status check_count(const tm_context *context, int count, tm_error *error)
{
    int most = context->model->plan.max_batch;
    if (count < 1 || count > most)
        return tm_fail(error, TM_USAGE, "%d pictures in a run: expected 1 to %d", count, most);
    return TM_OK;
}

tm_status tm_context_run_inputs(tm_context *context, int count, double *step_seconds,
                                tm_error *error)
{
    tm_status status = check_count(context, count, error);
    if (status)
        return status;
    tm_run(&context->runner, count, step_seconds);
    status = tm_plan_check(&context->model->plan, error);
    context->last_count = status ? 0 : count;
    return status;
}

tm_status tm_context_run(tm_context *context, const float *inputs, int count, tm_error *error)
{
    tm_error_clear(error);
    if (!context || !inputs)
        return tm_fail(error, TM_USAGE, "a run with NULL %s", context ? "inputs" : "context");
    tm_status status = check_count(context, count, error);
    if (status)
        return status;
    tm_shape s = context->model->graph.input->shape;
    size_t floats = (size_t)s.h * (size_t)s.w * (size_t)s.c;
    for (int i = 0; i < count; i++)
        tm_context_set_input(context, i, inputs + (size_t)i * floats);
    return tm_context_run_inputs(context, count, NULL, error);
}

/* ---- results ---- */

tm_pixels tm_context_pixels(const tm_context *context, size_t index, int picture)
{
    const tm_model *model = context->model;
    const tm_tensor *t = &model->plan.taps[model->available[model->chosen[index]]];
    return (tm_pixels){.data = tm_runner_at(&context->runner, t, picture, 0, 0),
                       .h = t->h,
                       .w = t->w,
                       .c = t->c,
                       .ld = t->ld};
}

static void read_pixels(tm_pixels p, float *out)
{
    size_t pixels = (size_t)p.h * (size_t)p.w, c = (size_t)p.c;
    for (size_t i = 0; i < pixels; i++)
        memcpy(out + i * c, p.data + i * p.ld, c * sizeof *out);
}

static void read_channels(tm_pixels p, float *out)
{
    size_t pixels = (size_t)p.h * (size_t)p.w;
    for (size_t c = 0; c < (size_t)p.c; c++)
        for (size_t i = 0; i < pixels; i++)
            *out++ = p.data[i * p.ld + c];
}

tm_status tm_context_read(const tm_context *context, size_t index, int picture, float *out,
                          tm_error *error)
{
    tm_error_clear(error);
    if (!context || !out)
        return tm_fail(error, TM_USAGE, "output %zu: %s", index,
                       context ? "nowhere to write it" : "a NULL context");
    const tm_model *model = context->model;
    if (index >= model->chosen_count)
        return tm_fail(error, TM_USAGE, "%s: output %zu, expected one below %zu", model->display,
                       index, model->chosen_count);
    if (picture < 0 || picture >= context->last_count)
        return tm_fail(error, TM_USAGE, "%s: picture %d was asked for, the last run had %d",
                       model->display, picture, context->last_count);
    tm_pixels pixels = tm_context_pixels(context, index, picture);
    if (tm_model_tap(model, model->chosen[index])->layout == TM_LAYOUT_MAP)
        read_channels(pixels, out);
    else
        read_pixels(pixels, out);
    return TM_OK;
}
