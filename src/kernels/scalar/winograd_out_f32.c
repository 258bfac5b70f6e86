/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/dispatch.h"

#define HALF_ROOT 0.70710678118654752F /* sqrt(1/2) */
#define ROOT 1.41421356237309505F      /* sqrt(2) */
#define HALF_ROOT_CUBED 0.35355339059327376F
#define ROOT_CUBED 2.82842712474619010F

/* A^T m, of six elements m_step apart; four come out, out_step apart. */
static void transform(const float *m, size_t m_step, float *out, size_t out_step)
{
    float near = m[m_step] + m[2 * m_step], near_odd = m[m_step] - m[2 * m_step];
    float far = m[3 * m_step] + m[4 * m_step], far_odd = m[3 * m_step] - m[4 * m_step];
    out[0] = m[0] + near + far;
    out[out_step] = HALF_ROOT * near_odd + ROOT * far_odd;
    out[2 * out_step] = 0.5F * near + 2.0F * far;
    out[3 * out_step] = HALF_ROOT_CUBED * near_odd + ROOT_CUBED * far_odd + m[5 * m_step];
}

void tm_winograd_out_f32__scalar(const tm_winograd_tile *tile)
{
    float m[TM_WINOGRAD_POSITIONS], t[TM_WINOGRAD_OUT * TM_WINOGRAD_IN];
    float r[TM_WINOGRAD_OUT * TM_WINOGRAD_OUT];
    for (size_t c = 0; c < tile->n; c++) {
        for (size_t p = 0; p < TM_WINOGRAD_POSITIONS; p++)
            m[p] = tile->m[p * tile->step + c];
        for (int x = 0; x < TM_WINOGRAD_IN; x++)
            transform(m + x, TM_WINOGRAD_IN, t + x, TM_WINOGRAD_IN);
        for (int y = 0; y < TM_WINOGRAD_OUT; y++)
            transform(t + TM_WINOGRAD_IN * y, 1, r + TM_WINOGRAD_OUT * y, 1);
        for (int i = 0; i < TM_WINOGRAD_OUT * TM_WINOGRAD_OUT; i++) {
            if (!tile->out[i])
                continue;
            float y = r[i] + tile->bias[c];
            if (tile->residual)
                y += tile->residual[i][c];
            y = y < tile->lo ? tile->lo : y;
            tile->out[i][c] = y > tile->hi ? tile->hi : y;
        }
    }
}
