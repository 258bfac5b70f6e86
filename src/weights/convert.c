/* SPDX-License-Identifier: Apache-2.0 */
#include "weights/convert.h"

#include <string.h>

#include "base/floats.h"
#include "base/little_endian.h"
#include "base/loops.h"
#include "kernels/kernels.h"

static void convert_bf16(const unsigned char *from, float *to, size_t count)
{
    TM_VECTOR_LOOP for (size_t i = 0; i < count; i++)
    {
        to[i] = tm_f32_of_bf16(tm_load_le16(from + 2 * i));
    }
}

#define CONVERT_NUMBERS(type, bits)                                                                \
    for (size_t i = 0; i < count; i++) {                                                           \
        uint##bits##_t stored = tm_load_le##bits(from + i * sizeof stored);                        \
        type value;                                                                                \
        memcpy(&value, &stored, sizeof value);                                                     \
        to[i] = (float)value;                                                                      \
    }

void tm_convert_f32(tm_dtype dtype, const unsigned char *from, float *to, size_t count)
{
    if (count == 0)
        return; /* an empty tensor may have no address */
    switch (dtype) {
    case TM_DTYPE_F64:
        CONVERT_NUMBERS(double, 64)
        break;
    case TM_DTYPE_F32:
        tm_f32_of_le(from, to, count);
        break;
    case TM_DTYPE_F16:
        tm_kernels_for(tm_cpu_isa())->f16_to_f32(from, to, count);
        break;
    case TM_DTYPE_BF16:
        convert_bf16(from, to, count);
        break;
    case TM_DTYPE_I64:
        CONVERT_NUMBERS(int64_t, 64)
        break;
    case TM_DTYPE_I32:
        CONVERT_NUMBERS(int32_t, 32)
        break;
    case TM_DTYPE_I16:
        CONVERT_NUMBERS(int16_t, 16)
        break;
    case TM_DTYPE_I8:
        for (size_t i = 0; i < count; i++)
            to[i] = (float)(int8_t)from[i];
        break;
    case TM_DTYPE_U8:
        for (size_t i = 0; i < count; i++)
            to[i] = (float)from[i];
        break;
    case TM_DTYPE_BOOL:
        for (size_t i = 0; i < count; i++)
            to[i] = from[i] != 0;
        break;
    case TM_DTYPE_COUNT:
        TM_BUG("no such dtype");
    }
}
