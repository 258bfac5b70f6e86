/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "kernels/kernels.h"
#include "kernels/vec/vec.h"

CHAINS_IN_TURN

/* Maxima, and exponentials, that do not wait for one another. */
enum { MAXIMA = 4, EXPONENTIALS = 4 };

VF float row_max(size_t n, const float *x)
{
    const vf least = vf_set(-INFINITY);
    vf best[MAXIMA] = {least, least, least, least};
    size_t j = 0;
    for (; j + MAXIMA * VL <= n; j += MAXIMA * VL)
        for (int i = 0; i < MAXIMA; i++)
            best[i] = vf_max(best[i], vf_load(x + j + i * VL));
    for (; j + VL <= n; j += VL)
        best[0] = vf_max(best[0], vf_load(x + j));
    if (j < n) {
        vmask m = vm_first(n - j);
        best[1] = vf_max(best[1], vf_blend_first(vf_load_first(x + j, m), least, m));
    }
    return vf_hmax(vf_max(vf_max(best[0], best[1]), vf_max(best[2], best[3])));
}

/* of x <= 0 */
VF vf exp_or_zero(vf x)
{
    const vf least = vf_set(TM_SOFTMAX_LEAST);
    vf_power e = vf_exp_parts(vf_max(least, x), 1, VF_SHIFT);
    return vf_if_less(x, least, vf_set(0.0f), vf_scale2(e.p, e.n));
}

/* x becomes exp((x - most) * scale), whose sum is returned. */
VF vf exponentials(size_t n, float scale, float most, float *x)
{
    const vf s = vf_set(scale), top = vf_set(most);
    vf total = vf_set(0.0f);
    size_t j = 0;
    for (; j + EXPONENTIALS * VL <= n; j += EXPONENTIALS * VL) {
        vf e[EXPONENTIALS];
        UNROLL
        for (int i = 0; i < EXPONENTIALS; i++)
            e[i] = exp_or_zero(vf_mul(vf_sub(vf_load(x + j + i * VL), top), s));
        UNROLL
        for (int i = 0; i < EXPONENTIALS; i++) {
            vf_store(x + j + i * VL, e[i]);
            total = vf_add(total, e[i]);
        }
    }
    for (; j + VL <= n; j += VL) {
        vf e = exp_or_zero(vf_mul(vf_sub(vf_load(x + j), top), s));
        vf_store(x + j, e);
        total = vf_add(total, e);
    }
    if (j < n) {
        vmask m = vm_first(n - j);
        vf e = exp_or_zero(vf_mul(vf_sub(vf_load_first(x + j, m), top), s));
        vf_store_first(x + j, e, m);
        total = vf_add(total, vf_blend_first(e, vf_set(0.0f), m));
    }
    return total;
}

VF void multiply(size_t n, float by, float *x)
{
    const vf factor = vf_set(by);
    size_t j = 0;
    for (; j + VL <= n; j += VL)
        vf_store(x + j, vf_mul(vf_load(x + j), factor));
    if (j < n) {
        vmask m = vm_first(n - j);
        vf_store_first(x + j, vf_mul(vf_load_first(x + j, m), factor), m);
    }
}

/* The maximum of the next row is found while the sum of this one is added up. */
void TM_KERNEL(tm_softmax_f32)(size_t rows, size_t n, float scale, float *x, size_t x_ld)
{
    float most = rows ? row_max(n, x) : 0;
    for (size_t i = 0; i < rows; i++, x += x_ld) {
        vf total = exponentials(n, scale, most, x);
        if (i + 1 < rows)
            most = row_max(n, x + x_ld);
        multiply(n, 1.0f / vf_sum(total), x);
    }
}
