/* SPDX-License-Identifier: Apache-2.0 */
/* Stored numbers to float32. */
#ifndef TM_WEIGHTS_CONVERT_H
#define TM_WEIGHTS_CONVERT_H

#include "weights/weights.h"

/* count elements of any alignment, each to the nearest float32; BOOL becomes 0 or 1. */
void tm_convert_f32(tm_dtype dtype, const unsigned char *from, float *to, size_t count);

/* F16 without and with the CPU's instruction; the same bits. The second needs tm_has_f16c(). */
void tm_convert_f16_portable(const unsigned char *from, float *to, size_t count);
void tm_convert_f16_f16c(const unsigned char *from, float *to, size_t count);
bool tm_has_f16c(void);

#endif
