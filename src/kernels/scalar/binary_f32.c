/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/dispatch.h"

void tm_binary_f32__scalar(tm_binary_kind kind, size_t rows, size_t n, const float *x, size_t x_ld,
                           const float *y, size_t y_ld, bool y_scalar, float *out, size_t out_ld)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < n; j++) {
            float a = x[i * x_ld + j], b = y[i * y_ld + (y_scalar ? 0 : j)];
            out[i * out_ld + j] = kind == TM_BINARY_ADD   ? a + b
                                  : kind == TM_BINARY_SUB ? a - b
                                                          : a * b;
        }
}
