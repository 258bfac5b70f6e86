/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/vec/vec.h"

VF vf apply(tm_binary_kind kind, vf a, vf b)
{
    return kind == TM_BINARY_ADD   ? vf_add(a, b)
           : kind == TM_BINARY_SUB ? vf_sub(a, b)
                                   : vf_mul(a, b);
}

VF void with_row(tm_binary_kind kind, size_t n, const float *x, const float *y, float *out)
{
    size_t j = 0;
    for (; j + VL <= n; j += VL)
        vf_store(out + j, apply(kind, vf_load(x + j), vf_load(y + j)));
    if (j < n) {
        vmask m = vm_first(n - j);
        vf_store_first(out + j, apply(kind, vf_load_first(x + j, m), vf_load_first(y + j, m)), m);
    }
}

VF void with_scalar(tm_binary_kind kind, size_t n, const float *x, float y, float *out)
{
    const vf b = vf_set(y);
    size_t j = 0;
    for (; j + VL <= n; j += VL)
        vf_store(out + j, apply(kind, vf_load(x + j), b));
    if (j < n) {
        vmask m = vm_first(n - j);
        vf_store_first(out + j, apply(kind, vf_load_first(x + j, m), b), m);
    }
}

VF void each_row(tm_binary_kind kind, size_t rows, size_t n, const float *x, size_t x_ld,
                 const float *y, size_t y_ld, bool y_scalar, float *out, size_t out_ld)
{
    for (size_t i = 0; i < rows; i++)
        if (y_scalar)
            with_scalar(kind, n, x + i * x_ld, y[i * y_ld], out + i * out_ld);
        else
            with_row(kind, n, x + i * x_ld, y + i * y_ld, out + i * out_ld);
}

void TM_KERNEL(tm_binary_f32)(tm_binary_kind kind, size_t rows, size_t n, const float *x,
                              size_t x_ld, const float *y, size_t y_ld, bool y_scalar, float *out,
                              size_t out_ld)
{
    /* one loop per operation: the choice is made outside of it */
    if (kind == TM_BINARY_ADD)
        each_row(TM_BINARY_ADD, rows, n, x, x_ld, y, y_ld, y_scalar, out, out_ld);
    else if (kind == TM_BINARY_SUB)
        each_row(TM_BINARY_SUB, rows, n, x, x_ld, y, y_ld, y_scalar, out, out_ld);
    else
        each_row(TM_BINARY_MUL, rows, n, x, x_ld, y, y_ld, y_scalar, out, out_ld);
}
