/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "kernels/dispatch.h"

enum { ROWS = 4 };

void tm_gemm_f32_4x1__scalar(const tm_gemm_tile *tile)
{
    for (int i = 0; i < tile->m; i++) {
        float sum[TM_PANEL];
        for (int j = 0; j < TM_PANEL; j++)
            sum[j] = tile->bias    ? tile->bias[j]
                     : j < tile->n ? tile->sum[(size_t)i * tile->sum_ld + (size_t)j]
                                   : 0.0f;
        const float *panel = tile->panel;
        for (int t = 0; t < tile->taps; t++) {
            const float *row = tile->rows[(size_t)t * tile->tap_stride + (size_t)i];
            row += tile->offset;
            for (int k = 0; k < tile->kc; k++, panel += TM_PANEL)
                for (int j = 0; j < TM_PANEL; j++)
                    sum[j] += row[k] * panel[j];
        }
        for (int j = 0; j < tile->n; j++) {
            float y = sum[j];
            if (tile->residual)
                y += tile->residual[(size_t)i * tile->residual_ld + (size_t)j];
            y = y < tile->lo ? tile->lo : y;
            tile->c[(size_t)i * tile->c_ld + (size_t)j] = y > tile->hi ? tile->hi : y;
        }
    }
}
