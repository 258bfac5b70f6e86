/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/vec/vec.h"

enum { SIDE = TM_WINOGRAD_IN };

/* B^T d; see the scalar form for the matrix. */
VF void transform(const vf d[SIDE], vf out[SIDE])
{
    vf half_root = vf_set(0.70710678118654752F), root = vf_set(1.41421356237309505F);
    vf near = vf_fnma(vf_set(2.0F), d[2], d[4]), far = vf_fnma(vf_set(0.5F), d[2], d[4]);
    vf near_odd = vf_fnma(root, d[1], vf_mul(half_root, d[3]));
    vf far_odd = vf_fnma(half_root, d[1], vf_mul(root, d[3]));
    out[0] = vf_add(vf_fnma(vf_set(2.5F), d[2], d[0]), d[4]);
    out[1] = vf_add(near, near_odd);
    out[2] = vf_sub(near, near_odd);
    out[3] = vf_add(far, far_odd);
    out[4] = vf_sub(far, far_odd);
    out[5] = vf_add(vf_fnma(vf_set(2.5F), d[3], d[1]), d[5]);
}

VF void transform_channels(const float *const px[TM_WINOGRAD_POSITIONS], size_t c, bool whole,
                           vmask m, float *out, size_t step)
{
    vf t[SIDE][SIDE];
    for (int x = 0; x < SIDE; x++) {
        vf d[SIDE], r[SIDE];
        for (int y = 0; y < SIDE; y++) {
            const float *from = px[SIDE * y + x] + c;
            d[y] = whole ? vf_load(from) : vf_load_first(from, m);
        }
        transform(d, r);
        for (int y = 0; y < SIDE; y++)
            t[y][x] = r[y];
    }
    for (int y = 0; y < SIDE; y++) {
        vf r[SIDE];
        transform(t[y], r);
        for (int x = 0; x < SIDE; x++) {
            float *to = out + (size_t)(SIDE * y + x) * step + c;
            if (whole)
                vf_store(to, r[x]);
            else
                vf_store_first(to, r[x], m);
        }
    }
}

void TM_KERNEL(tm_winograd_in_f32)(size_t n, const float *const px[TM_WINOGRAD_POSITIONS],
                                   float *out, size_t step)
{
    size_t c = 0;
    for (; c + VL <= n; c += VL)
        transform_channels(px, c, true, vm_first(0), out, step);
    if (c < n)
        transform_channels(px, c, false, vm_first(n - c), out, step);
}
