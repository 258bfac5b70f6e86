/* SPDX-License-Identifier: Apache-2.0 */
#include "weights/builtin.h"

extern const unsigned char tm_builtin_weights[];
extern const uint64_t tm_builtin_weights_size;

tm_status tm_weights_open_builtin(tm_weights **out, tm_error *error)
{
    return tm_weights_open_memory(tm_builtin_weights, tm_builtin_weights_size,
                                  "built-in " TM_BUILTIN_MODEL, true, out, error);
}
