/* SPDX-License-Identifier: Apache-2.0 */
#include "base/floats.h"
#include "kernels/dispatch.h"

void tm_bf16_of_f32__scalar(size_t rows, size_t n, const void *from, size_t x_ld, void *to,
                            size_t y_ld)
{
    const float *x = from;
    tm_bf16 *y = to;
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < n; j++)
            y[i * y_ld + j] = tm_bf16_of_f32(x[i * x_ld + j]);
}
