/* SPDX-License-Identifier: Apache-2.0 */
/* The model that is linked into the program (weights/builtin.S). */
#ifndef TM_WEIGHTS_BUILTIN_H
#define TM_WEIGHTS_BUILTIN_H

#include "weights/weights.h"

#define TM_BUILTIN_MODEL "tf_efficientnet_lite0.in1k"

tm_status tm_weights_open_builtin(tm_weights **out, tm_error *error);

#endif
