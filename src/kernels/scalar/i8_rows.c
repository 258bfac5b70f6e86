/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

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
        float steps = fmaf(x[i], scale->inverse, (float)scale->zero);
        long byte = isnan(steps) ? 0 : lrintf(steps);
        to[i] = (uint8_t)(byte < 0 ? 0 : byte > 255 ? 255 : byte);
    }
}

void tm_i8_rows__scalar(const tm_i8_rows *rows)
{
    uint8_t *to = rows->to;
    for (int i = 0; i < rows->m; i++) {
        tm_i8_range range = {0};
        const void *const *taps = rows->rows + i;
        for (int t = 0; t < rows->taps; t++)
            tm_i8_range__scalar(
                rows->kc, (const float *)taps[(size_t)t * rows->tap_stride] + rows->offset, &range);
        rows->scales[i] = tm_i8_scale_of(&range);
        for (int t = 0; t < rows->taps; t++, to += rows->step) {
            const float *x = (const float *)taps[(size_t)t * rows->tap_stride] + rows->offset;
            tm_i8_bytes__scalar(rows->kc, x, &rows->scales[i], to);
            memset(to + rows->kc, 0, rows->step - rows->kc);
        }
    }
}
