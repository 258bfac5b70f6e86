/* SPDX-License-Identifier: Apache-2.0 */
/* Structs of callers that were built against an earlier or a later timmc.h. */
#ifndef TM_API_OPTIONS_H
#define TM_API_OPTIONS_H

#include "base/error.h"

/* Every such struct begins with its size, as the caller knows it. Copies what both know of `given`
 * into `own`, which holds the defaults. TM_USAGE: the size is none, or what only the caller knows
 * is not all zero. */
tm_status tm_take_struct(const char *name, const void *given, void *own, size_t own_size,
                         tm_error *error);

/* Copies into a caller's struct what it knows of `own`, but for the size. */
tm_status tm_give_struct(const char *name, const void *own, size_t own_size, void *given,
                         tm_error *error);

#endif
