/* SPDX-License-Identifier: Apache-2.0 */
#include "base/floats.h"

enum { BLOCK = 16 };

static float column_sum(size_t rows, const elem *x, size_t ld)
{
    float total = 0;
    for (size_t begin = 0; begin < rows; begin += BLOCK) {
        float part = 0;
        for (size_t i = begin; i < rows && i < begin + BLOCK; i++)
            part += f32_of(x[i * ld]);
        total += part;
    }
    return total;
}

static float column_max(size_t rows, const elem *x, size_t ld)
{
    float best = f32_of(x[0]);
    for (size_t i = 1; i < rows; i++)
        best = tm_f32_max(best, f32_of(x[i * ld]));
    return best;
}

void TM_TYPED(tm_colreduce)(tm_reduce_op op, size_t rows, size_t n, const void *from, size_t x_ld,
                            float *out)
{
    const elem *x = from;
    for (size_t j = 0; j < n; j++)
        out[j] =
            op == TM_REDUCE_OP_SUM ? column_sum(rows, x + j, x_ld) : column_max(rows, x + j, x_ld);
}
