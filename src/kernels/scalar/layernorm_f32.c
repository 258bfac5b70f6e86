/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "kernels/dispatch.h"

static void normalize(const tm_layernorm_args *args, size_t n, const float *x, float *y)
{
    double mean = 0, squares = 0;
    for (size_t j = 0; j < n && !args->rms; j++)
        mean += x[j];
    mean /= (double)n;
    for (size_t j = 0; j < n; j++)
        squares += (x[j] - mean) * (x[j] - mean);
    double scale = 1.0 / sqrt(squares / (double)n + args->eps);
    for (size_t j = 0; j < n; j++) {
        double v = (x[j] - mean) * scale;
        y[j] = (float)(v * (args->weight ? args->weight[j] : 1.0) +
                       (args->bias ? args->bias[j] : 0.0));
    }
}

void tm_layernorm_f32__scalar(const tm_layernorm_args *args, size_t rows, const float *x,
                              size_t x_ld, float *y, size_t y_ld)
{
    size_t n = args->n / (size_t)args->groups;
    for (size_t i = 0; i < rows; i++)
        for (size_t g = 0; g < (size_t)args->groups; g++)
            normalize(args, n, x + i * x_ld + g * n, y + i * y_ld + g * n);
}
