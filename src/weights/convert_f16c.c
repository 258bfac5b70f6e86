/* SPDX-License-Identifier: Apache-2.0 */
/* F16 by the CPU's own instruction: built for every x86-64, called only where tm_has_f16c(). */
#include "base/cpu.h"
#include "weights/convert.h"

#if defined(__x86_64__)
#include <immintrin.h>

bool tm_has_f16c(void)
{
    return tm_cpu_isa() >= TM_ISA_AVX2;
}

__attribute__((target("avx,f16c"))) void tm_convert_f16_f16c(const unsigned char *from, float *to,
                                                             size_t count)
{
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        __m128i halves = _mm_loadu_si128((const __m128i *)(const void *)(from + 2 * i));
        _mm256_storeu_ps(to + i, _mm256_cvtph_ps(halves));
    }
    tm_convert_f16_portable(from + 2 * i, to + i, count - i);
}
#else
bool tm_has_f16c(void)
{
    return false;
}

void tm_convert_f16_f16c(const unsigned char *from, float *to, size_t count)
{
    tm_convert_f16_portable(from, to, count);
}
#endif
