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

VF void start_ranges(range_vectors *r, const tm_i8_range *range)
{
    UNROLL
    for (int i = 0; i < CHAINS; i++) {
        r->lo[i] = vf_set(range->lo);
        r->hi[i] = vf_set(range->hi);
        r->odd[i] = vf_set(range->odd);
    }
}

VF void add_ranges(range_vectors *r, size_t n, const float *x)
{
    size_t k = 0;
    for (; k + CHAINS * VL <= n; k += CHAINS * VL) {
        UNROLL
        for (int i = 0; i < CHAINS; i++)
            add_range(r, i, vf_load(x + k + (size_t)i * VL));
    }
    for (; k < n; k += VL)
        add_range(r, 0, load_first(x + k, n - k));
}

/* All chains in the first. */
VF void join_chains(range_vectors *r)
{
    UNROLL
    for (int i = 1; i < CHAINS; i++) {
        r->lo[0] = vf_min(r->lo[0], r->lo[i]);
        r->hi[0] = vf_max(r->hi[0], r->hi[i]);
        r->odd[0] = vf_add(r->odd[0], r->odd[i]);
    }
}

void TM_KERNEL(tm_i8_range)(size_t n, const float *x, tm_i8_range *range)
{
    range_vectors r;
    start_ranges(&r, range);
    add_ranges(&r, n, x);
    join_chains(&r);
    range->lo = -vf_hmax(vf_sub(vf_set(0.0f), r.lo[0]));
    range->hi = vf_hmax(r.hi[0]);
    range->odd = vf_sum(r.odd[0]);
}

VF vi to_integers(vf x, const tm_i8_scale *scale)
{
    return vi_of_vf(vf_fma(x, vf_set(scale->inverse), vf_set((float)scale->zero)));
}

VF void to_bytes(size_t n, const float *x, const tm_i8_scale *scale, uint8_t *to)
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

void TM_KERNEL(tm_i8_bytes)(size_t n, const float *x, const tm_i8_scale *scale, uint8_t *to)
{
    to_bytes(n, x, scale, to);
}

/* ---- rows, four at once, whose ranges then take one reduction ---- */

enum { FOUR = 4 };

VF const float *tap_of(const tm_i8_rows *rows, int i, int tap)
{
    const void *row = rows->rows[(size_t)tap * rows->tap_stride + (size_t)i];
    return (const float *)row + rows->offset;
}

/* The scales of rows i to i + 3, the last one in the place of those that are not there. */
VF void four_scales(const tm_i8_rows *rows, int i, tm_i8_scale scales[FOUR])
{
    vf below[FOUR], above[FOUR];
    float lo[FOUR], hi[FOUR];
    for (int r = 0; r < FOUR; r++) {
        range_vectors range;
        start_ranges(&range, &(tm_i8_range){0});
        for (int tap = 0; tap < rows->taps; tap++)
            add_ranges(&range, rows->kc, tap_of(rows, i + r < rows->m ? i + r : rows->m - 1, tap));
        join_chains(&range);
        below[r] = vf_sub(vf_set(0.0f), range.lo[0]);
        /* infinite where a number was odd: such a range has no scale either */
        above[r] = vf_max(range.hi[0], vf_min(range.odd[0], vf_set(INFINITY)));
    }
    vf_hmax4(below, lo);
    vf_hmax4(above, hi);
    for (int r = 0; r < FOUR; r++)
        scales[r] = tm_i8_scale_of(&(tm_i8_range){.lo = -lo[r], .hi = hi[r]});
}

VF void row_bytes(const tm_i8_rows *rows, int i)
{
    uint8_t *to = rows->to + (size_t)i * (size_t)rows->taps * rows->step;
    for (int tap = 0; tap < rows->taps; tap++, to += rows->step) {
        to_bytes(rows->kc, tap_of(rows, i, tap), &rows->scales[i], to);
        for (size_t k = rows->kc; k < rows->step; k++)
            to[k] = 0;
    }
}

void TM_KERNEL(tm_i8_rows)(const tm_i8_rows *rows)
{
    for (int i = 0; i < rows->m; i += FOUR) {
        tm_i8_scale scales[FOUR];
        four_scales(rows, i, scales);
        for (int r = 0; r < FOUR && i + r < rows->m; r++) {
            rows->scales[i + r] = scales[r];
            row_bytes(rows, i + r);
        }
    }
}
