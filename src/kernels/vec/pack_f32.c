/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/vec/vec.h"

/* Squares of VL x VL floats are transposed in registers. */
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
            vf_transpose(r);
            for (size_t k = 0; k < VL && k < n - j; k++)
                vf_store(out + (j + k) * TM_PANEL + i, r[k]);
        }
}
