/* SPDX-License-Identifier: Apache-2.0 */
/* Ready tensors from .npy files in place of pictures. */
#ifndef TM_CLI_NPY_INPUT_H
#define TM_CLI_NPY_INPUT_H

#include "api/model.h"
#include "weights/npy.h"

/* Numbers of one input of the model. */
size_t tm_input_floats(const tm_model *model);

/* An array of inputs of the model, or one without the batch's dimension; else TM_SHAPE. */
tm_status tm_npy_input_check(const tm_model *model, const char *file, const tm_npy *npy,
                             tm_error *error);
/* Of one that was checked: it holds one input. */
bool tm_npy_input_is_single(const tm_model *model, const tm_npy *npy);
/* Input `index` of it. Free *values also after an error. */
tm_status tm_npy_input_read(const tm_model *model, const tm_npy *npy, int index, float **values,
                            tm_error *error);

#endif
