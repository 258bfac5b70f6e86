/* SPDX-License-Identifier: Apache-2.0 */
/* GEMM tiles on VDPBF16PS (AVX512-BF16): a vector holds 16 outputs of a pair of inputs, and a pair
 * of a row is broadcast to all of it. All accumulators stay in registers. */
#include "kernels/vec/vec.h"

VF __m512bh load_pairs(const tm_bf16 *p)
{
    return (__m512bh)_mm512_load_si512(p);
}

VF __m512bh broadcast_pair(const tm_bf16 *p)
{
    int pair;
    __builtin_memcpy(&pair, p, sizeof pair);
    return (__m512bh)_mm512_set1_epi32(pair);
}

VF void store_row(const tm_gemm_bf16_tile *tile, int i, int v, vf y)
{
    int left = tile->n - v * VL;
    float *c = tile->c + (size_t)i * tile->c_ld + v * VL;
    const float *r = tile->residual + (size_t)i * tile->residual_ld + v * VL;
    vmask m = left >= VL ? (vmask)0xFFFF : vm_first((size_t)left);
    if (tile->residual)
        y = vf_add(y, vf_load_first(r, m));
    vf_store_first(c, vf_min(vf_set(tile->hi), vf_max(vf_set(tile->lo), y)), m);
}

/* the form of its own: clang-format takes UNROLL and the loop behind it apart */
/* clang-format off */
#define TILE(rows, panels)                                                                         \
    void tm_gemm_bf16_##rows##x##panels##__avx512bf16(const tm_gemm_bf16_tile *tile)               \
    {                                                                                              \
        vf acc[rows][panels];                                                                      \
        const tm_bf16 *row[rows];                                                                  \
        UNROLL for (int v = 0; v < panels; v++) {                                                  \
            vf bias = vf_load(tile->bias + v * VL);                                                \
            UNROLL for (int i = 0; i < rows; i++)                                                  \
                acc[i][v] = bias;                                                                  \
        }                                                                                          \
        /* rows that the tile lacks repeat the last one */                                         \
        UNROLL for (int i = 0; i < rows; i++)                                                      \
            row[i] = tile->a + (size_t)(i < tile->m ? i : tile->m - 1) * tile->a_ld;               \
        const tm_bf16 *panel = tile->panel;                                                        \
        for (size_t k = 0; k < tile->kc; k += 2, panel += 2 * TM_PANEL) {                          \
            __m512bh w[panels];                                                                    \
            UNROLL for (int v = 0; v < panels; v++)                                                \
                w[v] = load_pairs(panel + (size_t)v * tile->panel_stride);                         \
            UNROLL for (int i = 0; i < rows; i++) {                                                \
                __m512bh x = broadcast_pair(row[i] + k);                                           \
                UNROLL for (int v = 0; v < panels; v++)                                            \
                    acc[i][v] = _mm512_dpbf16_ps(acc[i][v], w[v], x);                              \
            }                                                                                      \
        }                                                                                          \
        UNROLL for (int i = 0; i < rows; i++) {                                                    \
            if (i >= tile->m)                                                                      \
                break;                                                                             \
            UNROLL for (int v = 0; v < panels; v++)                                                \
                store_row(tile, i, v, acc[i][v]);                                                  \
        }                                                                                          \
    }
/* clang-format on */
TILE(24, 1)
TILE(14, 2)
TILE(8, 3)
TILE(6, 4)
TILE(1, 1)
TILE(1, 2)
TILE(1, 3)
TILE(1, 4)

VF void convert(const float *x, vmask m, tm_bf16 *hi, tm_bf16 *lo)
{
    vf value = _mm512_maskz_loadu_ps(m, x);
    __m256i high = (__m256i)_mm512_cvtneps_pbh(value);
    _mm256_mask_storeu_epi16(hi, m, high);
    if (lo) {
        vf back = _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(high), 16));
        _mm256_mask_storeu_epi16(lo, m, (__m256i)_mm512_cvtneps_pbh(vf_sub(value, back)));
    }
}

void tm_to_bf16__avx512bf16(size_t n, const float *x, tm_bf16 *hi, tm_bf16 *lo)
{
    for (size_t i = 0; i < n; i += VL)
        convert(x + i, n - i >= VL ? (vmask)0xFFFF : vm_first(n - i), hi + i, lo ? lo + i : NULL);
}
