/* SPDX-License-Identifier: Apache-2.0 */
VF vf apply(tm_binary_kind kind, vf a, vf b)
{
    return kind == TM_BINARY_ADD   ? vf_add(a, b)
           : kind == TM_BINARY_SUB ? vf_sub(a, b)
           : kind == TM_BINARY_MUL ? vf_mul(a, b)
           : kind == TM_BINARY_MAX ? vf_max(b, a)
                                   : vf_min(b, a);
}

VF void with_row(tm_binary_kind kind, size_t n, const elem *x, const elem *y, elem *out)
{
    size_t j = 0;
    for (; j + VE * VL <= n; j += VE * VL) {
        vf a[VE], b[VE];
        ve_load_mixed(x + j, a);
        ve_load_mixed(y + j, b);
        UNROLL
        for (int i = 0; i < VE; i++)
            a[i] = apply(kind, a[i], b[i]);
        ve_store_mixed(out + j, a);
    }
    for (; VE > 1 && j + VL <= n; j += VL)
        ve_store(out + j, apply(kind, ve_load(x + j), ve_load(y + j)));
    if (j < n) {
        vmask m = vm_first(n - j);
        ve_store_first(out + j, apply(kind, ve_load_first(x + j, m), ve_load_first(y + j, m)), m);
    }
}

VF void with_scalar(tm_binary_kind kind, size_t n, const elem *x, float y, elem *out)
{
    const vf b = vf_set(y);
    size_t j = 0;
    for (; j + VE * VL <= n; j += VE * VL) {
        vf a[VE];
        ve_load_mixed(x + j, a);
        UNROLL
        for (int i = 0; i < VE; i++)
            a[i] = apply(kind, a[i], b);
        ve_store_mixed(out + j, a);
    }
    for (; VE > 1 && j + VL <= n; j += VL)
        ve_store(out + j, apply(kind, ve_load(x + j), b));
    if (j < n) {
        vmask m = vm_first(n - j);
        ve_store_first(out + j, apply(kind, ve_load_first(x + j, m), b), m);
    }
}

VF void each_row(tm_binary_kind kind, size_t rows, size_t n, const elem *x, size_t x_ld,
                 const elem *y, size_t y_ld, bool y_scalar, elem *out, size_t out_ld)
{
    for (size_t i = 0; i < rows; i++)
        if (y_scalar)
            with_scalar(kind, n, x + i * x_ld, f32_of(y[i * y_ld]), out + i * out_ld);
        else
            with_row(kind, n, x + i * x_ld, y + i * y_ld, out + i * out_ld);
}

void TM_TYPED(tm_binary)(tm_binary_kind kind, size_t rows, size_t n, const void *left, size_t x_ld,
                         const void *right, size_t y_ld, bool y_scalar, void *to, size_t out_ld)
{
    const elem *x = left, *y = right;
    elem *out = to;
    /* one loop per operation: the choice is made outside of it */
    if (kind == TM_BINARY_ADD)
        each_row(TM_BINARY_ADD, rows, n, x, x_ld, y, y_ld, y_scalar, out, out_ld);
    else if (kind == TM_BINARY_SUB)
        each_row(TM_BINARY_SUB, rows, n, x, x_ld, y, y_ld, y_scalar, out, out_ld);
    else if (kind == TM_BINARY_MAX)
        each_row(TM_BINARY_MAX, rows, n, x, x_ld, y, y_ld, y_scalar, out, out_ld);
    else if (kind == TM_BINARY_MIN)
        each_row(TM_BINARY_MIN, rows, n, x, x_ld, y, y_ld, y_scalar, out, out_ld);
    else
        each_row(TM_BINARY_MUL, rows, n, x, x_ld, y, y_ld, y_scalar, out, out_ld);
}
