/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/dispatch.h"

void tm_resample_u8__scalar(size_t count, size_t taps, const unsigned char *rows, size_t stride,
                            const int32_t *weights, unsigned char *to)
{
    for (size_t i = 0; i < count; i++) {
        int32_t sum = 1 << (TM_RESAMPLE_BITS - 1);
        for (size_t k = 0; k < taps; k++)
            sum += rows[k * stride + i] * weights[k];
        sum >>= TM_RESAMPLE_BITS;
        to[i] = (unsigned char)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
    }
}
