/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of sums of bytes, for kernels that have them in memory. */
#ifndef TM_KERNELS_I8_FINISH_H
#define TM_KERNELS_I8_FINISH_H

#include <string.h>

#include "base/loops.h"
#include "kernels/dispatch.h"

/* Writes panel `panel` of row i, as tm_gemm_i8_tile says. */
static inline void tm_i8_finish(const tm_gemm_i8_tile *tile, int i, int panel,
                                const int32_t sums[TM_PANEL])
{
    const tm_i8_scale *row = &tile->scales[i];
    const char *head = tile->panel + (size_t)panel * tile->panel_stride;
    const float *scale = (const float *)(const void *)head, *weights = scale + TM_PANEL;
    const float *bias = tile->bias + panel * TM_PANEL, lo = tile->lo, hi = tile->hi;
    const size_t column = (size_t)(panel * TM_PANEL), left = (size_t)tile->n - column;
    const size_t bytes = (left < TM_PANEL ? left : TM_PANEL) * sizeof(float);
    float y[TM_PANEL], residual[TM_PANEL] = {0};
    if (tile->residual)
        memcpy(residual, tile->residual + (size_t)i * tile->residual_ld + column, bytes);
    TM_VECTOR_LOOP for (int j = 0; j < TM_PANEL; j++)
    {
        float t = fmaf(-(float)row->zero, weights[j], (float)sums[j]);
        float z = fmaf(t, row->scale * scale[j], bias[j]);
        z = tile->residual ? z + residual[j] : z;
        z = z < lo ? lo : z;
        y[j] = z > hi ? hi : z;
    }
    memcpy(tile->c + (size_t)i * tile->c_ld + column, y, bytes);
}

#endif
