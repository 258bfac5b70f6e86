/* SPDX-License-Identifier: Apache-2.0 */
/* What was made up must not pass for an answer. */
#ifndef TM_API_TRUST_H
#define TM_API_TRUST_H

#include "api/model.h"

/* TM_WEIGHTS_MISMATCH where less than half of the model's trained elements, its classifier apart,
 * come from the weights; misfit tells what differs. Call it before the rest is filled. */
tm_status tm_require_half(const tm_model *model, const tm_weights *weights, const char *misfit,
                          tm_error *error);

/* Sets model->made_up. Call it before the passes run. */
tm_status tm_find_made_up(tm_model *model, tm_error *error);

#endif
