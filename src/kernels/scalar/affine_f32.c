/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/dispatch.h"

void tm_affine_f32__scalar(size_t rows, size_t n, const float *x, size_t x_ld, const float *mul,
                           const float *add, float lo, float hi, float *y, size_t y_ld)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < n; j++) {
            float v = x[i * x_ld + j] * mul[j] + add[j];
            v = v < lo ? lo : v;
            y[i * y_ld + j] = v > hi ? hi : v;
        }
}
