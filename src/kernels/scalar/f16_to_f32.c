/* SPDX-License-Identifier: Apache-2.0 */
#include "base/floats.h"
#include "base/little_endian.h"
#include "base/loops.h"
#include "kernels/dispatch.h"

/* All ones where the condition holds: selections by mask leave no branch to keep the loop from
 * becoming vector code. */
static uint32_t mask(bool condition)
{
    return -(uint32_t)condition;
}

/* Integers but for the subnormals, so that no rounding or flush-to-zero mode matters. */
static uint32_t f16_to_f32_bits(uint32_t half)
{
    uint32_t sign = (half & 0x8000) << 16, exponent = half & 0x7C00, fraction = half & 0x03FF;
    uint32_t rebias = (127 - 15) << 23;
    uint32_t bits = ((half & 0x7FFF) << 13) + rebias;
    bits += mask(exponent == 0x7C00) & rebias;                        /* infinities, NaNs */
    bits |= mask(exponent == 0x7C00) & mask(fraction != 0) & 1 << 22; /* NaNs become quiet */
    uint32_t subnormal = tm_f32_bits((float)(int32_t)fraction * 0x1p-24F);
    return sign | (mask(exponent == 0) & subnormal) | (mask(exponent != 0) & bits);
}

void tm_f16_to_f32__scalar(const unsigned char *from, float *to, size_t count)
{
    TM_VECTOR_LOOP for (size_t i = 0; i < count; i++)
    {
        to[i] = tm_f32_of_bits(f16_to_f32_bits(tm_load_le16(from + 2 * i)));
    }
}
