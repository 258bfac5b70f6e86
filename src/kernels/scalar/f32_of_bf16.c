/* SPDX-License-Identifier: Apache-2.0 */
#include "base/floats.h"
#include "kernels/dispatch.h"

void tm_f32_of_bf16__scalar(size_t rows, size_t n, const void *from, size_t x_ld, void *to,
                            size_t y_ld)
{
    const tm_bf16 *x = from;
    float *y = to;
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < n; j++)
            y[i * y_ld + j] = tm_f32_of_bf16(x[i * x_ld + j]);
}
