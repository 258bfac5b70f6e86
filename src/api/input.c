/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "api/model.h"

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
