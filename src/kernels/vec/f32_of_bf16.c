/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/vec/vec.h"

void TM_KERNEL(tm_f32_of_bf16)(size_t rows, size_t n, const void *from, size_t x_ld, void *to,
                               size_t y_ld)
{
    const tm_bf16 *x = from;
    float *y = to;
    for (size_t i = 0; i < rows; i++, x += x_ld, y += y_ld) {
        size_t j = 0;
        for (; j + VL <= n; j += VL)
            vf_store(y + j, vf_load_bf16(x + j));
        if (j < n) {
            vmask m = vm_first(n - j);
            vf_store_first(y + j, vf_load_bf16_first(x + j, m), m);
        }
    }
}
