/* SPDX-License-Identifier: Apache-2.0 */
/* The bits of a float32, its maximum, bfloat16, which is its upper half, and half precision. */
#ifndef TM_BASE_FLOATS_H
#define TM_BASE_FLOATS_H

#include <float.h>
#include <stdint.h>
#include <string.h>

_Static_assert(FLT_EVAL_METHOD == 0, "float32 must be computed in float32");

static inline uint32_t tm_f32_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float tm_f32_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* NaN where either is, as torch's maxima; of equal ones b. */
static inline float tm_f32_max(float a, float b)
{
    return a > b || a != a ? a : b;
}

/* To nearest, ties to even. The upper half of a NaN may look like an infinity: it is made quiet. */
static inline uint16_t tm_bf16_of_f32(float value)
{
    uint32_t bits = tm_f32_bits(value);
    return value != value ? (uint16_t)(bits >> 16 | 0x40)
                          : (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

static inline float tm_f32_of_bf16(uint16_t half)
{
    return tm_f32_of_bits((uint32_t)half << 16);
}

/* IEEE half precision: to nearest, ties to even; what is too large becomes an infinity. */
static inline uint16_t tm_f16_of_f32(float value)
{
    uint32_t bits = tm_f32_bits(value), sign = bits >> 16 & 0x8000, size = bits & 0x7FFFFFFF;
    if (value != value)
        return (uint16_t)(sign | 0x7E00);
    if (size >= 0x47800000) /* 2^16 */
        return (uint16_t)(sign | 0x7C00);
    if (size < 0x38800000) /* 2^-14: subnormal, in steps of 2^-24; the addition rounds */
        return (uint16_t)(sign |
                          (tm_f32_bits(tm_f32_of_bits(size) + 0x1p-1F) - tm_f32_bits(0x1p-1F)));
    return (uint16_t)(sign | ((size - 0x38000000 + 0xFFF + (size >> 13 & 1)) >> 13));
}

#endif
