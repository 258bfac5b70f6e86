/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TM_API_SAVE_H
#define TM_API_SAVE_H

#include <stdio.h>

#include "weights/weights.h"

/* What floating-point tensors are stored as; integers keep their type. */
typedef enum tm_save_dtype { TM_SAVE_KEEP, TM_SAVE_F32, TM_SAVE_F16, TM_SAVE_BF16 } tm_save_dtype;

/* Writes every tensor and the metadata to the stream as safetensors, in the order of the reference
 * writer: larger elements first, then by name. Numbers are rounded to nearest, ties to even; one
 * that is finite and has no finite neighbour in the new type is refused (TM_UNSUPPORTED), as are
 * tensors that make too much of the file's bytes (TM_WEIGHTS_INVALID). path is the stream's name
 * for messages. */
tm_status tm_weights_save(const tm_weights *weights, tm_save_dtype dtype, FILE *stream,
                          const char *path, tm_error *error);

#endif
