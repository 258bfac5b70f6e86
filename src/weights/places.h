/* SPDX-License-Identifier: Apache-2.0 */
/* Between weights.c and places.c: the parts of a checkpoint that can stand for a model. */
#ifndef TM_WEIGHTS_PLACES_H
#define TM_WEIGHTS_PLACES_H

#include "weights/formats.h"
#include "weights/state_dict.h"

/* As tm_weights_take, of a dict that holds the whole file. */
tm_status tm_state_take(tm_state_dict *dict, const char *key, const char *prefix, bool ema,
                        tm_error *error);

/* As tm_weights_places. */
tm_status tm_index_places(const char *file, const tm_tensor_index *index, const char *key,
                          size_t least, tm_arena *arena, tm_weights_place **places, size_t *count,
                          tm_error *error);

#endif
