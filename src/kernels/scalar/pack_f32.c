/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/dispatch.h"

void tm_pack_f32__scalar(size_t rows, size_t n, const float *x, size_t x_ld, float *out)
{
    for (size_t j = 0; j < n; j++)
        for (size_t i = 0; i < TM_PANEL; i++)
            out[j * TM_PANEL + i] = i < rows ? x[i * x_ld + j] : 0.0f;
}
