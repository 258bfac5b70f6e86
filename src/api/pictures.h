/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TM_API_PICTURES_H
#define TM_API_PICTURES_H

#include "api/model.h"

/* As tm_model_preprocess; nhwc: out[H][W][C], as runs have it. Not with from_features. */
tm_status tm_model_prepare(const tm_model *model, const tm_picture *picture, bool nhwc, float *out,
                           tm_error *error);

#endif
