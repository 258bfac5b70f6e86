/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/vec/vec.h"

void TM_KERNEL(tm_bf16_of_f32)(size_t rows, size_t n, const void *from, size_t x_ld, void *to,
                               size_t y_ld)
{
    const float *x = from;
    tm_bf16 *y = to;
    for (size_t i = 0; i < rows; i++, x += x_ld, y += y_ld) {
        size_t j = 0;
        for (; j + 2 * VL <= n; j += 2 * VL) {
            vf pair[] = {vf_load(x + j), vf_load(x + j + VL)};
            vf_store_bf16_pair(y + j, pair);
        }
        for (; j + VL <= n; j += VL)
            vf_store_bf16(y + j, vf_load(x + j));
        if (j < n) {
            vmask m = vm_first(n - j);
            vf_store_bf16_first(y + j, vf_load_first(x + j, m), m);
        }
    }
}
