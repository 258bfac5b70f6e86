/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/vec/vec.h"

/* Squares of VL x VL floats are transposed in registers: pairs, fours, then eights and more. */

#if defined(__AVX512F__)

VF void transpose(vf r[VL])
{
    vf a[VL], b[VL];
    for (int i = 0; i < VL; i += 2) {
        a[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        a[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < VL; i += 4)
        for (int k = 0; k < 2; k++) {
            __m512d low = _mm512_castps_pd(a[i + k]), high = _mm512_castps_pd(a[i + 2 + k]);
            b[i + 2 * k] = _mm512_castpd_ps(_mm512_unpacklo_pd(low, high));
            b[i + 2 * k + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low, high));
        }
    /* b[4 q + c] holds columns c, c + 4, c + 8, c + 12 of rows 4 q to 4 q + 3, a lane each */
    for (int c = 0; c < 4; c++) {
        vf even01 = _mm512_shuffle_f32x4(b[c], b[4 + c], 0x88);
        vf odd01 = _mm512_shuffle_f32x4(b[c], b[4 + c], 0xDD);
        vf even23 = _mm512_shuffle_f32x4(b[8 + c], b[12 + c], 0x88);
        vf odd23 = _mm512_shuffle_f32x4(b[8 + c], b[12 + c], 0xDD);
        r[c] = _mm512_shuffle_f32x4(even01, even23, 0x88);
        r[c + 4] = _mm512_shuffle_f32x4(odd01, odd23, 0x88);
        r[c + 8] = _mm512_shuffle_f32x4(even01, even23, 0xDD);
        r[c + 12] = _mm512_shuffle_f32x4(odd01, odd23, 0xDD);
    }
}

#else

VF void transpose(vf r[VL])
{
    vf a[VL], b[VL];
    for (int i = 0; i < VL; i += 2) {
        a[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        a[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < VL; i += 4)
        for (int k = 0; k < 2; k++) {
            __m256d low = _mm256_castps_pd(a[i + k]), high = _mm256_castps_pd(a[i + 2 + k]);
            b[i + 2 * k] = _mm256_castpd_ps(_mm256_unpacklo_pd(low, high));
            b[i + 2 * k + 1] = _mm256_castpd_ps(_mm256_unpackhi_pd(low, high));
        }
    /* b[c] and b[4 + c] hold columns c and c + 4 of four rows, a lane each */
    for (int c = 0; c < 4; c++) {
        r[c] = _mm256_permute2f128_ps(b[c], b[4 + c], 0x20);
        r[c + 4] = _mm256_permute2f128_ps(b[c], b[4 + c], 0x31);
    }
}

#endif

void TM_KERNEL(tm_pack_f32)(size_t rows, size_t n, const float *x, size_t x_ld, float *out)
{
    for (size_t j = 0; j < n; j += VL)
        for (size_t i = 0; i < TM_PANEL; i += VL) {
            vf r[VL];
            bool whole = n - j >= VL;
            vmask m = vm_first(whole ? 0 : n - j);
            for (size_t k = 0; k < VL; k++) {
                const float *from = x + (i + k) * x_ld + j;
                r[k] = i + k >= rows ? vf_set(0) : whole ? vf_load(from) : vf_load_first(from, m);
            }
            transpose(r);
            for (size_t k = 0; k < VL && k < n - j; k++)
                vf_store(out + (j + k) * TM_PANEL + i, r[k]);
        }
}
