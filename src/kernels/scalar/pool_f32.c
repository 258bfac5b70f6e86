/* SPDX-License-Identifier: Apache-2.0 */
#include "base/floats.h"
#include "kernels/dispatch.h"

void tm_pool_f32__scalar(tm_reduce_op op, int count, const float *const *taps, size_t n,
                         float scale, float *out)
{
    for (size_t j = 0; j < n; j++) {
        float y = taps[0][j];
        for (int t = 1; t < count; t++) {
            float x = taps[t][j];
            y = op == TM_REDUCE_OP_SUM ? y + x : tm_f32_max(y, x);
        }
        out[j] = y * scale;
    }
}
