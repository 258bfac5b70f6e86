/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/vec/vec.h"

enum { IN = TM_WINOGRAD_IN, OUT = TM_WINOGRAD_OUT };

/* A^T m; see the scalar form for the matrix. */
VF void transform(const vf m[IN], vf out[OUT])
{
    vf near = vf_add(m[1], m[2]), near_odd = vf_sub(m[1], m[2]);
    vf far = vf_add(m[3], m[4]), far_odd = vf_sub(m[3], m[4]);
    out[0] = vf_add(vf_add(m[0], near), far);
    out[1] = vf_fma(vf_set(0.70710678118654752F), near_odd,
                    vf_mul(vf_set(1.41421356237309505F), far_odd));
    out[2] = vf_fma(vf_set(0.5F), near, vf_mul(vf_set(2.0F), far));
    out[3] = vf_fma(vf_set(0.35355339059327376F), near_odd,
                    vf_fma(vf_set(2.82842712474619010F), far_odd, m[5]));
}

VF vf load(const float *from, bool whole, vmask m)
{
    return whole ? vf_load(from) : vf_load_first(from, m);
}

VF void transform_channels(const tm_winograd_tile *tile, size_t c, bool whole, vmask mask)
{
    vf t[OUT][IN], bias = load(tile->bias + c, whole, mask);
    vf lo = vf_set(tile->lo), hi = vf_set(tile->hi);
    for (int x = 0; x < IN; x++) {
        vf m[IN], r[OUT];
        for (int y = 0; y < IN; y++)
            m[y] = load(tile->m + (size_t)(IN * y + x) * tile->step + c, whole, mask);
        transform(m, r);
        for (int y = 0; y < OUT; y++)
            t[y][x] = r[y];
    }
    for (int y = 0; y < OUT; y++) {
        vf r[OUT];
        transform(t[y], r);
        for (int x = 0; x < OUT; x++) {
            float *to = tile->out[OUT * y + x];
            if (!to)
                continue;
            vf value = vf_add(r[x], bias);
            if (tile->residual)
                value = vf_add(value, load(tile->residual[OUT * y + x] + c, whole, mask));
            value = vf_min(hi, vf_max(lo, value));
            if (whole)
                vf_store(to + c, value);
            else
                vf_store_first(to + c, value, mask);
        }
    }
}

void TM_KERNEL(tm_winograd_out_f32)(const tm_winograd_tile *tile)
{
    size_t c = 0;
    for (; c + VL <= tile->n; c += VL)
        transform_channels(tile, c, true, vm_first(0));
    if (c < tile->n)
        transform_channels(tile, c, false, vm_first(tile->n - c));
}
