/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/model.h"
#include "run/run.h"

int tm_model_input_shape(const tm_model *model, int64_t shape[3])
{
    if (!model || !shape)
        return 0;
    tm_shape s = model->graph.input->shape;
    switch (model->input_layout) {
    case TM_LAYOUT_TOKENS:
        shape[0] = (int64_t)s.h * s.w;
        shape[1] = s.c;
        return 2;
    case TM_LAYOUT_VECTOR:
        shape[0] = (int64_t)s.h * s.w * s.c;
        return 1;
    case TM_LAYOUT_NHWC:
        shape[0] = s.h;
        shape[1] = s.w;
        shape[2] = s.c;
        return 3;
    case TM_LAYOUT_MAP:
        break;
    }
    shape[0] = s.c;
    shape[1] = s.h;
    shape[2] = s.w;
    return 3;
}

float *tm_model_input(tm_model *model, int index)
{
    return tm_tensor_at(&model->plan.input, index, 0, 0);
}

tm_status tm_model_run_inputs(tm_model *model, int count, double *step_seconds, tm_error *error)
{
    if (!model->loaded)
        return tm_fail(error, TM_USAGE, "%s is not loaded", model->display);
    if (count < 1 || count > model->options.max_batch)
        return tm_fail(error, TM_USAGE, "%d pictures in a run: expected 1 to %d", count,
                       model->options.max_batch);
    tm_run(&model->plan, count, step_seconds);
    model->last_count = count;
    return TM_OK;
}

/* [C][H][W] to [H][W][C] */
static void interleave(const float *planes, tm_shape s, float *out)
{
    size_t pixels = (size_t)s.h * (size_t)s.w, c = (size_t)s.c;
    for (size_t i = 0; i < pixels; i++)
        for (size_t k = 0; k < c; k++)
            out[i * c + k] = planes[k * pixels + i];
}

void tm_model_set_input(tm_model *model, int index, const float *values)
{
    tm_shape s = model->graph.input->shape;
    float *out = tm_model_input(model, index);
    if (model->input_layout == TM_LAYOUT_MAP)
        interleave(values, s, out);
    else
        memcpy(out, values, (size_t)s.h * (size_t)s.w * (size_t)s.c * sizeof *out);
}

tm_status tm_model_run(tm_model *model, const float *inputs, int count, tm_error *error)
{
    tm_error_clear(error);
    if (!model || !inputs)
        return tm_fail(error, TM_USAGE, "a run with NULL %s", model ? "inputs" : "model");
    tm_shape s = model->graph.input->shape;
    size_t floats = (size_t)s.h * (size_t)s.w * (size_t)s.c;
    if (model->loaded)
        for (int i = 0; i < count && i < model->options.max_batch; i++)
            tm_model_set_input(model, i, inputs + (size_t)i * floats);
    return tm_model_run_inputs(model, count, NULL, error);
}

tm_status tm_model_preprocess_image(const tm_model *model, const tm_image *image, float *out,
                                    tm_error *error)
{
    if (model->options.from_features)
        return tm_fail(error, TM_USAGE, "%s begins from hidden states, not from pictures",
                       model->display);
    tm_shape s = model->graph.input->shape;
    size_t pixels = (size_t)s.h * (size_t)s.w;
    float *nhwc = malloc(pixels * (size_t)s.c * sizeof *nhwc);
    if (!nhwc)
        return tm_fail(error, TM_NO_MEMORY, "no memory for the tensor of a picture");
    tm_status status = tm_preprocess_f32(image, &model->preprocess, nhwc, error);
    for (size_t c = 0; !status && c < (size_t)s.c; c++)
        for (size_t i = 0; i < pixels; i++)
            out[c * pixels + i] = nhwc[i * (size_t)s.c + c];
    free(nhwc);
    return status;
}

tm_status tm_model_preprocess_file(const tm_model *model, const char *path, float *out,
                                   tm_error *error)
{
    tm_image image = {0};
    tm_error_clear(error);
    if (!model || !path || !out)
        return tm_fail(error, TM_USAGE, "a picture is to be read with a NULL argument");
    const tm_decode_options how = {.memory = tm_image_memory_shared()};
    tm_status status = tm_image_decode_file(path, &how, &image, error);
    if (!status)
        status = tm_model_preprocess_image(model, &image, out, error);
    if (!status && image.warnings) /* words without a failure */
        tm_fail(error, TM_OK, "%s: faulty data (%d times), the picture may be damaged", path,
                image.warnings);
    tm_image_free(&image);
    return status;
}
