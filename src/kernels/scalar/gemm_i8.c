/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/i8_finish.h"

/* Adds the products of a row's quads from q on, as many as there are in kc inputs. */
static const int8_t *add_quads(const uint8_t *q, int kc, const int8_t *w, int32_t sum[TM_PANEL])
{
    for (int k = 0; k < kc; k += TM_I8_QUAD, q += TM_I8_QUAD, w += TM_PANEL * TM_I8_QUAD)
        TM_VECTOR_LOOP for (int j = 0; j < TM_PANEL; j++)
        {
            const int8_t *v = w + j * TM_I8_QUAD;
            sum[j] += q[0] * v[0] + q[1] * v[1] + q[2] * v[2] + q[3] * v[3];
        }
    return w;
}

void tm_gemm_i8_4x1__scalar(const tm_gemm_i8_tile *tile)
{
    for (int i = 0; i < tile->m; i++) {
        int32_t sum[TM_PANEL] = {0};
        const int8_t *w = (const int8_t *)tile->panel + TM_I8_HEAD;
        for (int t = 0; t < tile->taps; t++) {
            const uint8_t *row = tile->rows[(size_t)t * tile->tap_stride + (size_t)i];
            w = add_quads(row + tile->offset, tile->kc, w, sum);
        }
        tm_i8_finish(tile, i, 0, sum);
    }
}
