/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON values that need care: strings and floating-point numbers. */
#ifndef TM_OUTPUT_JSON_H
#define TM_OUTPUT_JSON_H

#include "base/memory.h"

/* Quoted and escaped, DEL and C1 too, so that no terminal is steered; bytes that are no UTF-8 (file
 * names may hold any) become U+FFFD, so the text is always valid JSON. */
void tm_json_string(tm_buffer *buffer, const char *text);

/* The fewest digits that read back to the same number, "." as the point in every locale, an
 * exponent outside [1e-4, 1e16). NaN and infinities, which JSON lacks, become null. */
void tm_json_f32(tm_buffer *buffer, float value);
void tm_json_f64(tm_buffer *buffer, double value);

#endif
