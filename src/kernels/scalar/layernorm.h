/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

static void normalize(const tm_layernorm_args *args, size_t n, const elem *x, elem *y)
{
    double mean = 0, squares = 0;
    for (size_t j = 0; j < n && !args->rms; j++)
        mean += f32_of(x[j]);
    mean /= (double)n;
    for (size_t j = 0; j < n; j++)
        squares += (f32_of(x[j]) - mean) * (f32_of(x[j]) - mean);
    double scale = 1.0 / sqrt(squares / (double)n + args->eps);
    for (size_t j = 0; j < n; j++) {
        double v = (f32_of(x[j]) - mean) * scale;
        y[j] = elem_of((float)(v * (args->weight ? args->weight[j] : 1.0) +
                               (args->bias ? args->bias[j] : 0.0)));
    }
}

void TM_TYPED(tm_layernorm)(const tm_layernorm_args *args, size_t rows, const void *from,
                            size_t x_ld, void *to, size_t y_ld)
{
    const elem *x = from;
    elem *y = to;
    size_t n = args->n / (size_t)args->groups;
    for (size_t i = 0; i < rows; i++)
        for (size_t g = 0; g < (size_t)args->groups; g++)
            normalize(args, n, x + i * x_ld + g * n, y + i * y_ld + g * n);
}
