/* SPDX-License-Identifier: Apache-2.0 */
#include <immintrin.h>

#include "kernels/dispatch.h"

void tm_f16_to_f32__f16c(const unsigned char *from, float *to, size_t count)
{
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        __m128i halves = _mm_loadu_si128((const __m128i *)(const void *)(from + 2 * i));
        _mm256_storeu_ps(to + i, _mm256_cvtph_ps(halves));
    }
    tm_f16_to_f32__scalar(from + 2 * i, to + i, count - i);
}
