/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

/* Additions that do not wait for one another. */
enum { SUMS = 4 };

VF vf added(vf sum, vf x, bool squared, vf center)
{
    vf d = vf_sub(x, center);
    return squared ? vf_fma(d, d, sum) : vf_add(sum, x);
}

/* the sum of x, or of the squares of x - mean */
VF float sum(size_t n, const elem *x, bool squared, float mean)
{
    const vf center = vf_set(mean), zero = vf_set(0.0f);
    vf sums[SUMS] = {zero, zero, zero, zero};
    size_t j = 0;
    for (; j + SUMS * VL <= n; j += SUMS * VL)
        for (int i = 0; i < SUMS; i += VE) {
            vf v[VE];
            ve_load_mixed(x + j + i * VL, v);
            for (int k = 0; k < VE; k++)
                sums[i + k] = added(sums[i + k], v[k], squared, center);
        }
    for (; j + VL <= n; j += VL)
        sums[0] = added(sums[0], ve_load(x + j), squared, center);
    if (j < n) {
        vmask m = vm_first(n - j);
        vf last = vf_blend_first(ve_load_first(x + j, m), squared ? center : zero, m);
        sums[1] = added(sums[1], last, squared, center);
    }
    return vf_sum(vf_add(vf_add(sums[0], sums[1]), vf_add(sums[2], sums[3])));
}

VF vf load(const float *p, vmask m, bool whole)
{
    return whole ? vf_load(p) : vf_load_first(p, m);
}

VF vf scaled(const tm_layernorm_args *args, vf x, size_t j, vmask m, bool whole)
{
    x = args->weight ? vf_mul(x, load(args->weight + j, m, whole)) : x;
    return args->bias ? vf_add(x, load(args->bias + j, m, whole)) : x;
}

VF void normalize(const tm_layernorm_args *args, size_t n, const elem *x, elem *y)
{
    float mean = args->rms ? 0.0f : sum(n, x, false, 0) / (float)n;
    float rstd = 1.0f / sqrtf(sum(n, x, true, mean) / (float)n + args->eps);
    const vf center = vf_set(mean), scale = vf_set(rstd);
    size_t j = 0;
    vmask m = vm_first(0);
    for (; j + VE * VL <= n; j += VE * VL) {
        vf v[VE];
        UNROLL
        for (int k = 0; k < VE; k++) {
            size_t at = j + (size_t)k * VL;
            v[k] = vf_mul(vf_sub(ve_load(x + at), center), scale);
            v[k] = scaled(args, v[k], at, m, true);
        }
        ve_store_group(y + j, v);
    }
    for (; VE > 1 && j + VL <= n; j += VL) {
        vf v = vf_mul(vf_sub(ve_load(x + j), center), scale);
        ve_store(y + j, scaled(args, v, j, m, true));
    }
    if (j < n) {
        m = vm_first(n - j);
        vf v = vf_mul(vf_sub(ve_load_first(x + j, m), center), scale);
        ve_store_first(y + j, scaled(args, v, j, m, false), m);
    }
}

void TM_TYPED(tm_layernorm)(const tm_layernorm_args *args, size_t rows, const void *from,
                            size_t x_ld, void *to, size_t y_ld)
{
    const elem *x = from;
    elem *y = to;
    size_t n = args->n / (size_t)args->groups;
    for (size_t i = 0; i < rows; i++)
        for (size_t g = 0; g < (size_t)args->groups; g++)
            normalize(args, n, x + i * x_ld + g * n, y + i * y_ld + g * n);
}
