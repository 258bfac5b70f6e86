/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges of numbers, and numbers as bytes; TM_TARGET names the kernels. */
#include "kernels/vec/i8.h"

enum { CHAINS = 4 }; /* vectors at once */

typedef struct range_vectors {
    vf lo[CHAINS], hi[CHAINS], odd[CHAINS];
} range_vectors;

VF void add_range(range_vectors *r, int chain, vf x)
{
    r->lo[chain] = vf_min(r->lo[chain], x);
    r->hi[chain] = vf_max(r->hi[chain], x);
    r->odd[chain] = vf_fma(x, vf_set(0.0f), r->odd[chain]);
}

/* Elements [0, n) of x, n < VL, and zeros behind them; no memory beyond is touched. */
VF vf load_first(const float *x, size_t n)
{
    return n >= VL ? vf_load(x) : vf_load_first(x, vm_first(n));
}

VF void store_range(const range_vectors *r, tm_i8_range *range)
{
    vf lo = r->lo[0], hi = r->hi[0], odd = r->odd[0];
    UNROLL
    for (int i = 1; i < CHAINS; i++) {
        lo = vf_min(lo, r->lo[i]);
        hi = vf_max(hi, r->hi[i]);
        odd = vf_add(odd, r->odd[i]);
    }
    range->lo = -vf_hmax(vf_sub(vf_set(0.0f), lo));
    range->hi = vf_hmax(hi);
    range->odd = vf_sum(odd);
}

void TM_KERNEL(tm_i8_range)(size_t n, const float *x, tm_i8_range *range)
{
    range_vectors r;
    UNROLL
    for (int i = 0; i < CHAINS; i++) {
        r.lo[i] = vf_set(range->lo);
        r.hi[i] = vf_set(range->hi);
        r.odd[i] = vf_set(range->odd);
    }
    size_t k = 0;
    for (; k + CHAINS * VL <= n; k += CHAINS * VL) {
        UNROLL
        for (int i = 0; i < CHAINS; i++)
            add_range(&r, i, vf_load(x + k + (size_t)i * VL));
    }
    for (; k < n; k += VL)
        add_range(&r, 0, load_first(x + k, n - k));
    store_range(&r, range);
}

VF vi to_integers(vf x, const tm_i8_scale *scale)
{
    return vi_add(vi_of_vf(vf_mul(x, vf_set(scale->inverse))), vi_set(scale->zero));
}

void TM_KERNEL(tm_i8_bytes)(size_t n, const float *x, const tm_i8_scale *scale, uint8_t *to)
{
    size_t k = 0;
    vi part[4];
    for (; k + 4 * VL <= n; k += 4 * VL) {
        UNROLL
        for (size_t i = 0; i < 4; i++)
            part[i] = to_integers(vf_load(x + k + i * VL), scale);
        vi_store(to + k, vi_bytes(part));
    }
    if (k == n)
        return;
    UNROLL
    for (size_t i = 0; i < 4; i++) {
        size_t at = k + i * VL;
        part[i] = at < n ? to_integers(load_first(x + at, n - at), scale) : vi_zero();
    }
    vi_store_first(to + k, vi_bytes(part), n - k);
}
