/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "kernels/vec/vec.h"

VF float row_max(size_t n, const float *x)
{
    vf best = vf_set(-INFINITY);
    size_t j = 0;
    for (; j + VL <= n; j += VL)
        best = vf_max(best, vf_load(x + j));
    if (j < n) {
        vmask m = vm_first(n - j);
        best = vf_max(best, vf_blend_first(vf_load_first(x + j, m), vf_set(-INFINITY), m));
    }
    return vf_hmax(best);
}

VF void softmax_row(size_t n, float scale, float *x)
{
    const vf s = vf_set(scale), top = vf_set(row_max(n, x));
    vf total = vf_set(0.0f);
    size_t j = 0;
    for (; j + VL <= n; j += VL) {
        vf e = vf_exp(vf_mul(vf_sub(vf_load(x + j), top), s));
        vf_store(x + j, e);
        total = vf_add(total, e);
    }
    if (j < n) {
        vmask m = vm_first(n - j);
        vf e = vf_exp(vf_mul(vf_sub(vf_load_first(x + j, m), top), s));
        vf_store_first(x + j, e, m);
        total = vf_add(total, vf_blend_first(e, vf_set(0.0f), m));
    }
    const vf inverse = vf_set(1.0f / vf_sum(total));
    j = 0;
    for (; j + VL <= n; j += VL)
        vf_store(x + j, vf_mul(vf_load(x + j), inverse));
    if (j < n) {
        vmask m = vm_first(n - j);
        vf_store_first(x + j, vf_mul(vf_load_first(x + j, m), inverse), m);
    }
}

void TM_KERNEL(tm_softmax_f32)(size_t rows, size_t n, float scale, float *x, size_t x_ld)
{
    for (size_t i = 0; i < rows; i++)
        softmax_row(n, scale, x + i * x_ld);
}
