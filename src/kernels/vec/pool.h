/* SPDX-License-Identifier: Apache-2.0 */
VF vf load(const void *tap, size_t j, vmask m, bool whole)
{
    const elem *p = (const elem *)tap + j;
    return whole ? ve_load(p) : ve_load_first(p, m);
}

VF vf window(tm_reduce_op op, int count, const void *const *taps, size_t j, vmask m, bool whole)
{
    vf y = load(taps[0], j, m, whole);
    if (op == TM_REDUCE_OP_SUM)
        for (int t = 1; t < count; t++)
            y = vf_add(y, load(taps[t], j, m, whole));
    else
        for (int t = 1; t < count; t++)
            y = vf_max_nan(y, load(taps[t], j, m, whole));
    return y;
}

VF void window_mixed(tm_reduce_op op, int count, const void *const *taps, size_t j, vf y[VE])
{
    ve_load_mixed((const elem *)taps[0] + j, y);
    for (int t = 1; t < count; t++) {
        vf x[VE];
        ve_load_mixed((const elem *)taps[t] + j, x);
        UNROLL
        for (int k = 0; k < VE; k++)
            y[k] = op == TM_REDUCE_OP_SUM ? vf_add(y[k], x[k]) : vf_max_nan(y[k], x[k]);
    }
}

void TM_TYPED(tm_pool)(tm_reduce_op op, int count, const void *const *taps, size_t n, float scale,
                       void *to)
{
    elem *out = to;
    const vf factor = vf_set(scale);
    size_t j = 0;
    vmask m = vm_first(0);
    for (; j + VE * VL <= n; j += VE * VL) {
        vf y[VE];
        window_mixed(op, count, taps, j, y);
        UNROLL
        for (int k = 0; k < VE; k++)
            y[k] = vf_mul(y[k], factor);
        ve_store_mixed(out + j, y);
    }
    for (; VE > 1 && j + VL <= n; j += VL)
        ve_store(out + j, vf_mul(window(op, count, taps, j, m, true), factor));
    if (j < n) {
        m = vm_first(n - j);
        ve_store_first(out + j, vf_mul(window(op, count, taps, j, m, false), factor), m);
    }
}
