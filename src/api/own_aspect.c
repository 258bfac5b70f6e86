/* SPDX-License-Identifier: Apache-2.0 */
/* timm's NaFlex: pictures that keep their aspect ratio, each in a model of its size. */
#include <string.h>

#include "api/model.h"

tm_status tm_model_require_sequences(const tm_model *model, tm_error *error)
{
    return model->graph.sequence_patch
               ? TM_OK
               : tm_fail(error, TM_USAGE,
                         "%s takes whole pictures of one size: timm has sequences of patches "
                         "(--max-seq-len) of the naflexvit_* models and with use_naflex",
                         model->display);
}

tm_status tm_model_fit_sequence(const tm_model *model, const tm_image *image, int most,
                                tm_preprocess *how, tm_error *error)
{
    *how = model->preprocess;
    how->crop_mode = TM_CROP_SQUASH; /* to the size, whose ratio is nearly the picture's */
    how->crop_pct = 1;
    return tm_image_fit_patches(image, model->graph.sequence_patch, most, TM_SIDE_MAX, &how->width,
                                &how->height, error);
}

tm_status tm_model_open_like(const tm_model *other, const tm_preprocess *how, tm_model **model,
                             tm_error *error)
{
    tm_open_options options = other->options;
    options.img_height = how->height;
    options.img_width = how->width;
    tm_status status = tm_model_open(other->asked_name, &options, model, error);
    if (status)
        return status;
    (*model)->preprocess = *how;
    status = tm_model_select_like(*model, other, error);
    if (status) {
        tm_model_close(*model);
        *model = NULL;
    }
    return status;
}
