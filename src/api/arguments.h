/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments of timm's create_model, of config.json and of the caller. */
#ifndef TM_API_ARGUMENTS_H
#define TM_API_ARGUMENTS_H

#include "api/model.h"

/* The caller's img_size, in pixels of the pictures that the model is made for, in place of the
 * config's. TM_USAGE. */
tm_status tm_model_take_made_size(tm_model *model, const tm_open_options *options, tm_error *error);

/* Makes model->variant a copy, in the model's memory, that the config's model_args have changed and
 * then options.model_args; nothing where there are none. The builder is open. TM_USAGE,
 * TM_UNSUPPORTED (of the config): the family has no such argument, or not with that value. */
tm_status tm_model_take_arguments(tm_model *model, tm_error *error);

/* Whether timm runs the model at other sizes than the one it was made for. */
bool tm_model_takes_any_size(const tm_model *model);

#endif
