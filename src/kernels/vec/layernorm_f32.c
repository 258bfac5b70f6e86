/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "kernels/vec/vec.h"

/* Additions that do not wait for one another. */
enum { SUMS = 4 };

VF vf added(vf sum, vf x, bool squared, vf center)
{
    vf d = vf_sub(x, center);
    return squared ? vf_fma(d, d, sum) : vf_add(sum, x);
}

/* the sum of x, or of the squares of x - mean */
VF float sum(size_t n, const float *x, bool squared, float mean)
{
    const vf center = vf_set(mean), zero = vf_set(0.0f);
    vf sums[SUMS] = {zero, zero, zero, zero};
    size_t j = 0;
    for (; j + SUMS * VL <= n; j += SUMS * VL)
        for (int i = 0; i < SUMS; i++)
            sums[i] = added(sums[i], vf_load(x + j + i * VL), squared, center);
    for (; j + VL <= n; j += VL)
        sums[0] = added(sums[0], vf_load(x + j), squared, center);
    if (j < n) {
        vmask m = vm_first(n - j);
        vf last = vf_blend_first(vf_load_first(x + j, m), squared ? center : zero, m);
        sums[1] = added(sums[1], last, squared, center);
    }
    return vf_sum(vf_add(vf_add(sums[0], sums[1]), vf_add(sums[2], sums[3])));
}

VF vf scaled(const tm_layernorm_args *args, vf x, vf weight, vf bias)
{
    x = args->weight ? vf_mul(x, weight) : x;
    return args->bias ? vf_add(x, bias) : x;
}

VF void normalize(const tm_layernorm_args *args, size_t n, const float *x, float *y)
{
    float mean = args->rms ? 0.0f : sum(n, x, false, 0) / (float)n;
    float rstd = 1.0f / sqrtf(sum(n, x, true, mean) / (float)n + args->eps);
    const vf center = vf_set(mean), scale = vf_set(rstd);
    const float *w = args->weight ? args->weight : x, *b = args->bias ? args->bias : x;
    size_t j = 0;
    for (; j + VL <= n; j += VL) {
        vf v = vf_mul(vf_sub(vf_load(x + j), center), scale);
        vf_store(y + j, scaled(args, v, vf_load(w + j), vf_load(b + j)));
    }
    if (j < n) {
        vmask m = vm_first(n - j);
        vf v = vf_mul(vf_sub(vf_load_first(x + j, m), center), scale);
        v = scaled(args, v, vf_load_first(w + j, m), vf_load_first(b + j, m));
        vf_store_first(y + j, v, m);
    }
}

void TM_KERNEL(tm_layernorm_f32)(const tm_layernorm_args *args, size_t rows, const float *x,
                                 size_t x_ld, float *y, size_t y_ld)
{
    size_t n = args->n / (size_t)args->groups;
    for (size_t i = 0; i < rows; i++)
        for (size_t g = 0; g < (size_t)args->groups; g++)
            normalize(args, n, x + i * x_ld + g * n, y + i * y_ld + g * n);
}
