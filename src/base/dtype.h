/* SPDX-License-Identifier: Apache-2.0 */
/* Number types, of tensors in files and of activations: the rows of dtypes.def. Conversions from
 * and to float32 are in weights/convert.h for stored numbers, and kernels (f32_of_bf16,
 * bf16_of_f32) for activations. */
#ifndef TM_BASE_DTYPE_H
#define TM_BASE_DTYPE_H

#include <stdbool.h>
#include <stddef.h>

typedef enum tm_dtype {
#define DTYPE(name, bytes, floating) TM_DTYPE_##name,
#include "base/dtypes.def"
#undef DTYPE
    TM_DTYPE_COUNT
} tm_dtype;

const char *tm_dtype_name(tm_dtype dtype); /* "BF16" */
const char *tm_dtype_names(void);          /* of all: "F64 F32 ..." */

/* Bytes of one number. */
static inline size_t tm_dtype_size(tm_dtype dtype)
{
    static const unsigned char sizes[TM_DTYPE_COUNT] = {
#define DTYPE(name, bytes, floating) bytes,
#include "base/dtypes.def"
#undef DTYPE
    };
    return sizes[dtype];
}

bool tm_dtype_is_float(tm_dtype dtype);

#endif
