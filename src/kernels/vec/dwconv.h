/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>

/* Enough sums at once that no multiply-add waits for the one before it; where there are registers,
 * twice as many share what it takes to walk along the pixels. */
enum { PIXELS = 8, MAX_KERNEL = 7, WIDE = VF_REGISTERS == 32 ? 2 : 1 };

/* How a row of taps is walked, beside the numbers of taps that slide: in parts, and tap by tap. */
enum { IN_PARTS = -1, BY_TAP = 0, LONGEST = 64 - (PIXELS - 1) };

/* The compiler forgets what it knows of x: it would keep the sum of each step in a register of its
 * own and run out of them. */
#define FORGET(x) __asm__("" : "+r"(x))

/* A vector of channels, or WIDE of them, of up to PIXELS neighbouring output pixels. */
typedef struct column {
    size_t c;
    int vectors;
    vmask mask;
    bool whole;      /* all of the vectors' channels exist */
    bool edge;       /* not all of the columns do */
    int left, count; /* the column of x under the first tap of the first pixel; pixels */
    uint64_t inside; /* bit j: column left + j exists */
} column;

VF vf load(const elem *p, const column *at, int v)
{
    p += at->c + (size_t)v * VL;
    return at->whole ? ve_load(p) : ve_load_first(p, at->mask);
}

VF vf load_f32(const float *p, const column *at, int v)
{
    p += at->c + (size_t)v * VL;
    return at->whole ? vf_load(p) : vf_load_first(p, at->mask);
}

VF void store(elem *p, vf x, const column *at, int v)
{
    p += at->c + (size_t)v * VL;
    if (at->whole)
        ve_store(p, x);
    else
        ve_store_first(p, x, at->mask);
}

/* One row of taps, the weights in registers: each input pixel is loaded once and added to all the
 * sums that it lies under. kernel and stride are constants, so everything unrolls. */
VF void slide(const tm_dwconv_tile *tile, const column *at, int kernel, int stride, const elem *x,
              const float *w, vf sums[PIXELS][WIDE])
{
    vf weights[MAX_KERNEL][WIDE];
    UNROLL
    for (int k = 0; k < kernel; k++, w += tile->w_ld) {
        UNROLL
        for (int v = 0; v < at->vectors; v++)
            weights[k][v] = load_f32(w, at, v);
    }
    ptrdiff_t ld = (ptrdiff_t)tile->x_ld, offset = at->left * ld;
    uint64_t inside = at->inside;
    UNROLL
    for (int j = 0; j < (PIXELS - 1) * stride + kernel; j++) {
        if (!at->edge || inside & 1) {
            UNROLL
            for (int v = 0; v < at->vectors; v++) {
                vf pixel = load(x + offset, at, v);
                UNROLL
                for (int i = 0; i < PIXELS; i++)
                    if (j >= i * stride && j < i * stride + kernel) {
                        sums[i][v] = vf_fma(pixel, weights[j - i * stride][v], sums[i][v]);
                        VF_IN_ORDER(sums[i][v]);
                    }
            }
        }
        offset += ld;
        inside >>= 1;
        FORGET(offset);
        if (at->edge)
            FORGET(inside);
    }
}

/* A row of more taps than registers hold weights, stride 1: in nearly equal parts, 4 to 7 taps. */
VF void slide_in_parts(const tm_dwconv_tile *tile, const column *at, const elem *x, const float *w,
                       vf sums[PIXELS][WIDE])
{
    column part = *at;
    int parts = (tile->kernel_w + MAX_KERNEL - 1) / MAX_KERNEL;
    for (int i = 0, taps, done = 0; i < parts; i++, done += taps) {
        taps = tile->kernel_w * (i + 1) / parts - done;
        if (taps == 4)
            slide(tile, &part, 4, 1, x, w, sums);
        else if (taps == 5)
            slide(tile, &part, 5, 1, x, w, sums);
        else if (taps == 6)
            slide(tile, &part, 6, 1, x, w, sums);
        else
            slide(tile, &part, 7, 1, x, w, sums);
        part.left += taps;
        part.inside >>= taps;
        w += (size_t)taps * tile->w_ld;
    }
}

/* The same for any kernel, stride and dilation, tap by tap. */
VF void tap_by_tap(const tm_dwconv_tile *tile, const column *at, const elem *x, const float *w,
                   vf sums[PIXELS][WIDE])
{
    ptrdiff_t ld = (ptrdiff_t)tile->x_ld, step = tile->stride * ld;
    for (int k = 0; k < tile->kernel_w; k++, w += tile->w_ld) {
        vf weights[WIDE];
        UNROLL
        for (int v = 0; v < at->vectors; v++)
            weights[v] = load_f32(w, at, v);
        int from = at->left + k * tile->dilation;
        ptrdiff_t offset = from * ld;
        UNROLL
        for (int i = 0; i < PIXELS; i++) {
            if ((unsigned)from < (unsigned)tile->width) {
                UNROLL
                for (int v = 0; v < at->vectors; v++)
                    sums[i][v] = vf_fma(load(x + offset, at, v), weights[v], sums[i][v]);
            }
            from += tile->stride;
            offset += step;
            FORGET(from);
            FORGET(offset);
        }
    }
}

VF void finish(const tm_dwconv_tile *tile, const column *at, vf sums[PIXELS][WIDE], elem *out)
{
    const vf lo = vf_set(tile->lo), hi = vf_set(tile->hi);
    UNROLL
    for (int i = 0; i < PIXELS; i++)
        if (i < at->count) {
            UNROLL
            for (int v = 0; v < at->vectors; v++)
                store(out + (size_t)i * tile->out_ld, vf_min(hi, vf_max(lo, sums[i][v])), at, v);
        }
}

VF void compute(const tm_dwconv_tile *tile, column at, int kernel, int stride, elem *out)
{
    vf sums[PIXELS][WIDE];
    UNROLL
    for (int v = 0; v < at.vectors; v++) {
        vf bias = load_f32(tile->bias, &at, v);
        UNROLL
        for (int i = 0; i < PIXELS; i++)
            sums[i][v] = bias;
    }
    const elem *x = tile->x;
    const float *w = tile->w;
    size_t w_row = (size_t)tile->kernel_w * tile->w_ld;
    for (int row = 0; row < tile->rows; row++, x += tile->x_row, w += w_row)
        if (kernel == IN_PARTS)
            slide_in_parts(tile, &at, x, w, sums);
        else if (kernel == BY_TAP)
            tap_by_tap(tile, &at, x, w, sums);
        else
            slide(tile, &at, kernel, stride, x, w, sums);
    finish(tile, &at, sums, out);
}

/* n ones, or as many as there can be */
VF uint64_t ones(int n)
{
    return n <= 0 ? 0 : n >= 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
}

VF void each_column(const tm_dwconv_tile *tile, column at, int kernel, int stride, elem *out)
{
    size_t channels = (size_t)tile->channels;
    at.vectors = WIDE;
    for (; WIDE > 1 && at.c + WIDE * VL <= channels; at.c += WIDE * VL)
        compute(tile, at, kernel, stride, out);
    at.vectors = 1;
    for (; at.c + VL <= channels; at.c += VL)
        compute(tile, at, kernel, stride, out);
    at.whole = false;
    at.mask = vm_first(channels % VL);
    if (at.c < channels)
        compute(tile, at, kernel, stride, out);
}

VF void each_tile(const tm_dwconv_tile *tile, int kernel, int stride)
{
    const uint64_t all = ones((PIXELS - 1) * stride + tile->kernel_w);
    for (int i = 0; i < tile->pixels; i += PIXELS) {
        elem *out = (elem *)tile->out + (size_t)i * tile->out_ld;
        column at = {.mask = vm_first(0),
                     .whole = true,
                     .left = tile->left + i * tile->stride,
                     .count = tile->pixels - i};
        at.inside = ones(tile->width - at.left) & ~ones(-at.left);
        at.edge = (~at.inside & all) != 0;
        if (at.edge)
            each_column(tile, at, kernel, stride, out);
        else
            each_column(tile, at, kernel, stride, out);
    }
}

void TM_TYPED(tm_dwconv)(const tm_dwconv_tile *tile)
{
    int stride = tile->stride, kernel = tile->kernel_w;
    bool slides = tile->dilation == 1 && stride <= 2;
    if (slides && kernel == 3 && stride == 1)
        each_tile(tile, 3, 1);
    else if (slides && kernel == 3)
        each_tile(tile, 3, 2);
    else if (slides && kernel == 5 && stride == 1)
        each_tile(tile, 5, 1);
    else if (slides && kernel == 5)
        each_tile(tile, 5, 2);
    else if (slides && kernel == 7 && stride == 1)
        each_tile(tile, 7, 1);
    else if (slides && kernel == 7)
        each_tile(tile, 7, 2);
    else if (slides && kernel > MAX_KERNEL && kernel <= LONGEST && stride == 1)
        each_tile(tile, IN_PARTS, 1);
    else
        each_tile(tile, BY_TAP, 0);
}
