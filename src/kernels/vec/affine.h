/* SPDX-License-Identifier: Apache-2.0 */
void TM_TYPED(tm_affine)(size_t rows, size_t n, const void *from, size_t x_ld, const float *mul,
                         const float *add, float lo, float hi, void *to, size_t y_ld)
{
    const elem *x = from;
    elem *y = to;
    const vf low = vf_set(lo), high = vf_set(hi);
    for (size_t i = 0; i < rows; i++, x += x_ld, y += y_ld) {
        size_t j = 0;
        for (; j + VE * VL <= n; j += VE * VL) {
            vf v[VE];
            UNROLL
            for (int k = 0; k < VE; k++) {
                size_t at = j + (size_t)k * VL;
                v[k] = vf_fma(ve_load(x + at), vf_load(mul + at), vf_load(add + at));
                v[k] = vf_min(high, vf_max(low, v[k]));
            }
            ve_store_group(y + j, v);
        }
        for (; VE > 1 && j + VL <= n; j += VL) {
            vf v = vf_fma(ve_load(x + j), vf_load(mul + j), vf_load(add + j));
            ve_store(y + j, vf_min(high, vf_max(low, v)));
        }
        if (j < n) {
            vmask m = vm_first(n - j);
            vf v = vf_fma(ve_load_first(x + j, m), vf_load_first(mul + j, m),
                          vf_load_first(add + j, m));
            ve_store_first(y + j, vf_min(high, vf_max(low, v)), m);
        }
    }
}
