/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "kernels/vec/vec.h"

VF float sum(size_t n, const float *x)
{
    vf total = vf_set(0.0f);
    size_t j = 0;
    for (; j + VL <= n; j += VL)
        total = vf_add(total, vf_load(x + j));
    if (j < n)
        total = vf_add(total, vf_load_first(x + j, vm_first(n - j)));
    return vf_sum(total);
}

VF float squares(size_t n, const float *x, float mean)
{
    const vf center = vf_set(mean);
    vf total = vf_set(0.0f);
    size_t j = 0;
    for (; j + VL <= n; j += VL) {
        vf d = vf_sub(vf_load(x + j), center);
        total = vf_fma(d, d, total);
    }
    if (j < n) {
        vmask m = vm_first(n - j);
        vf d = vf_blend_first(vf_sub(vf_load_first(x + j, m), center), vf_set(0.0f), m);
        total = vf_fma(d, d, total);
    }
    return vf_sum(total);
}

VF vf scaled(const tm_layernorm_args *args, vf x, vf weight, vf bias)
{
    x = args->weight ? vf_mul(x, weight) : x;
    return args->bias ? vf_add(x, bias) : x;
}

VF void normalize(const tm_layernorm_args *args, size_t n, const float *x, float *y)
{
    float mean = args->rms ? 0.0f : sum(n, x) / (float)n;
    float rstd = 1.0f / sqrtf(squares(n, x, mean) / (float)n + args->eps);
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
