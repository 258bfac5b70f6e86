/* SPDX-License-Identifier: Apache-2.0 */
/* The size of ready tensors, which a model that timm runs at any size is opened for. */
#ifndef TM_CLI_TENSOR_SIZE_H
#define TM_CLI_TENSOR_SIZE_H

#include "cli/session.h"

/* Opens session->model again at the size of the first input, where all are tensors, the caller said
 * no size, and the model is not for its own size alone. */
tm_status tm_open_at_tensor_size(tm_session *session, const char *name, const tm_open_options *open,
                                 const tm_arguments *arguments, tm_error *error);

#endif
