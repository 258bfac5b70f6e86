/* SPDX-License-Identifier: Apache-2.0 */
/* The names that a model's tensors get. */
#ifndef TM_API_NAMES_H
#define TM_API_NAMES_H

#include "api/model.h"

/* Of what was taken: checkpoints under the names their authors gave them get timm's. */
tm_status tm_use_model_names(const tm_model *model, tm_weights *weights, tm_error *error);

#endif
