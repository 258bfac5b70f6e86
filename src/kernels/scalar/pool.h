/* SPDX-License-Identifier: Apache-2.0 */
#include "base/floats.h"

static float tap(const void *const *taps, int t, size_t j)
{
    return f32_of(((const elem *)taps[t])[j]);
}

void TM_TYPED(tm_pool)(tm_reduce_op op, int count, const void *const *taps, size_t n, float scale,
                       void *to)
{
    elem *out = to;
    for (size_t j = 0; j < n; j++) {
        float y = tap(taps, 0, j);
        for (int t = 1; t < count; t++) {
            float x = tap(taps, t, j);
            y = op == TM_REDUCE_OP_SUM ? y + x : tm_f32_max(y, x);
        }
        out[j] = elem_of(y * scale);
    }
}
