/* SPDX-License-Identifier: Apache-2.0 */
/* Every name that a checkpoint may mention, and what it stands for here. */
#ifndef TM_WEIGHTS_PICKLE_GLOBALS_H
#define TM_WEIGHTS_PICKLE_GLOBALS_H

#include "weights/pickle_machine.h"

typedef struct tm_pickle_global tm_pickle_global;

/* NULL: no name of the table. */
const tm_pickle_global *tm_pickle_find_global(const unsigned char *module, size_t module_length,
                                              const unsigned char *name, size_t name_length);

/* What Python would make by calling the global with the arguments, or by creating an object of
 * that class (is_new). */
bool tm_pickle_call(tm_pickle_machine *m, const tm_pickle_global *global,
                    const tm_pickle_object *arguments, bool is_new, tm_pickle_value *result);

/* ("storage", type, key, location, count[, view]) */
bool tm_pickle_make_storage(tm_pickle_machine *m, const tm_pickle_object *id,
                            tm_pickle_value *result);

#endif
