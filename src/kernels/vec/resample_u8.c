/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/vec/vec.h"

enum { BLOCK = 4 }; /* vectors whose sums are under way at once */

VF void resample_block(size_t taps, const unsigned char *rows, size_t stride,
                       const int32_t *weights, unsigned char *to)
{
    vi sums[BLOCK];
    UNROLL for (int j = 0; j < BLOCK; j++) sums[j] = vi_set(1 << (TM_RESAMPLE_BITS - 1));
    for (size_t k = 0; k < taps; k++, rows += stride) {
        vi weight = vi_set(weights[k]);
        UNROLL for (int j = 0; j < BLOCK; j++) sums[j] =
            vi_add(sums[j], vi_mul(vi_load_u8(rows + j * VL), weight));
    }
    UNROLL for (int j = 0; j < BLOCK; j++)
        vi_store_u8(to + j * VL, vi_shift_right(sums[j], TM_RESAMPLE_BITS));
}

/* At most VL bytes. */
VF void resample_rest(size_t count, size_t taps, const unsigned char *rows, size_t stride,
                      const int32_t *weights, unsigned char *to)
{
    vi sum = vi_set(1 << (TM_RESAMPLE_BITS - 1));
    for (size_t k = 0; k < taps; k++, rows += stride)
        sum = vi_add(sum, vi_mul(vi_load_u8_first(rows, count), vi_set(weights[k])));
    vi_store_u8_first(to, vi_shift_right(sum, TM_RESAMPLE_BITS), count);
}

void TM_KERNEL(tm_resample_u8)(size_t count, size_t taps, const unsigned char *rows, size_t stride,
                               const int32_t *weights, unsigned char *to)
{
    size_t i = 0;
    for (; i + BLOCK * VL <= count; i += BLOCK * VL)
        resample_block(taps, rows + i, stride, weights, to + i);
    for (; i < count; i += VL)
        resample_rest(count - i < VL ? count - i : VL, taps, rows + i, stride, weights, to + i);
}
