/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "kernels/dispatch.h"

static double exp_or_zero(double x)
{
    return x < TM_SOFTMAX_LEAST ? 0 : exp(x);
}

void tm_softmax_f32__scalar(size_t rows, size_t n, float scale, float *x, size_t x_ld)
{
    for (size_t i = 0; i < rows; i++) {
        float *row = x + i * x_ld;
        double best = row[0], sum = 0;
        for (size_t j = 1; j < n; j++)
            best = row[j] > best ? row[j] : best;
        for (size_t j = 0; j < n; j++)
            sum += exp_or_zero((row[j] - best) * scale);
        for (size_t j = 0; j < n; j++)
            row[j] = (float)(exp_or_zero((row[j] - best) * scale) / sum);
    }
}
