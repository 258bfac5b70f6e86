/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/dispatch.h"

#define HALF_ROOT 0.70710678118654752F /* sqrt(1/2) */
#define ROOT 1.41421356237309505F      /* sqrt(2) */

/* B^T d, elements `step` apart. */
static void transform(const float *d, size_t step, float *out)
{
    float d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step];
    float near = d4 - 2.0F * d2, near_odd = HALF_ROOT * d3 - ROOT * d1;
    float far = d4 - 0.5F * d2, far_odd = ROOT * d3 - HALF_ROOT * d1;
    out[0] = d[0] - 2.5F * d2 + d4;
    out[step] = near + near_odd;
    out[2 * step] = near - near_odd;
    out[3 * step] = far + far_odd;
    out[4 * step] = far - far_odd;
    out[5 * step] = d1 - 2.5F * d3 + d[5 * step];
}

void tm_winograd_in_f32__scalar(size_t n, const float *const px[TM_WINOGRAD_POSITIONS], float *out,
                                size_t step)
{
    float d[TM_WINOGRAD_POSITIONS], t[TM_WINOGRAD_POSITIONS], r[TM_WINOGRAD_POSITIONS];
    for (size_t c = 0; c < n; c++) {
        for (int p = 0; p < TM_WINOGRAD_POSITIONS; p++)
            d[p] = px[p][c];
        for (int x = 0; x < TM_WINOGRAD_IN; x++)
            transform(d + x, TM_WINOGRAD_IN, t + x);
        for (int y = 0; y < TM_WINOGRAD_IN; y++)
            transform(t + TM_WINOGRAD_IN * y, 1, r + TM_WINOGRAD_IN * y);
        for (size_t p = 0; p < TM_WINOGRAD_POSITIONS; p++)
            out[p * step + c] = r[p];
    }
}
