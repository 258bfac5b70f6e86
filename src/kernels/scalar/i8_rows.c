/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "kernels/dispatch.h"

void tm_i8_range__scalar(size_t n, const float *x, tm_i8_range *range)
{
    for (size_t i = 0; i < n; i++) {
        range->lo = x[i] < range->lo ? x[i] : range->lo;
        range->hi = x[i] > range->hi ? x[i] : range->hi;
        range->odd += x[i] * 0.0f;
    }
}

void tm_i8_bytes__scalar(size_t n, const float *x, const tm_i8_scale *scale, uint8_t *to)
{
    for (size_t i = 0; i < n; i++) {
        float steps = x[i] * scale->inverse;
        long byte = isnan(steps) ? 0 : lrintf(steps) + scale->zero;
        to[i] = (uint8_t)(byte < 0 ? 0 : byte > 255 ? 255 : byte);
    }
}
