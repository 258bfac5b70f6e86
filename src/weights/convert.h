/* SPDX-License-Identifier: Apache-2.0 */
/* Stored numbers to float32. */
#ifndef TM_WEIGHTS_CONVERT_H
#define TM_WEIGHTS_CONVERT_H

#include "weights/weights.h"

/* count elements of any alignment, each to the nearest float32; BOOL becomes 0 or 1. */
void tm_convert_f32(tm_dtype dtype, const unsigned char *from, float *to, size_t count);

#endif
