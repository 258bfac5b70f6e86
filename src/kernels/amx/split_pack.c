/* SPDX-License-Identifier: Apache-2.0 */
/* Splits of float32 into bfloat16 parts, in the orders that the tiles read. */
#include "kernels/amx/split_parts.h"

/* ---- rows ---- */

/* 32 inputs of one row of a tile, part by part */
VF void split_32(int parts, vf x[2], tm_bf16 *out, size_t stride)
{
    for (int p = 0; p < parts; p++)
        _mm512_storeu_si512(out + (size_t)p * stride, take_part(parts, x));
}

VF void load_32(const float *x, size_t n, vf out[2])
{
    if (n >= 2 * VL) {
        out[0] = vf_load(x);
        out[1] = vf_load(x + VL);
    } else {
        out[0] = vf_load_first(x, n >= VL ? (vmask)0xFFFF : vm_first(n));
        out[1] = vf_load_first(x + VL, n > VL ? vm_first(n - VL) : 0);
    }
}

VF void split_rows(int parts, int m, size_t n, const float *const *rows, tm_bf16 *tile)
{
    for (int i = 0; i < m; i++) {
        tm_bf16 *out = tile + i * TM_SPLIT_K;
        for (size_t k = 0; k < n; k += TM_SPLIT_K, out += parts * TM_SPLIT_TILE) {
            vf x[2];
            load_32(rows[i] + k, n - k, x);
            split_32(parts, x, out, TM_SPLIT_TILE);
        }
    }
}

void tm_split_rows__amx(int parts, int m, size_t n, const float *const *rows, tm_bf16 *tile)
{
    if (parts == 1)
        split_rows(1, m, n, rows, tile);
    else if (parts == 2)
        split_rows(2, m, n, rows, tile);
    else
        split_rows(3, m, n, rows, tile);
}

VF void split_f32(int parts, size_t n, const float *x, tm_bf16 *out, size_t stride)
{
    size_t i = 0;
    vf v[2];
    for (; i + TM_SPLIT_K <= n; i += TM_SPLIT_K) {
        load_32(x + i, TM_SPLIT_K, v);
        split_32(parts, v, out + i, stride);
    }
    if (i == n)
        return;
    load_32(x + i, n - i, v);
    for (int p = 0; p < parts; p++)
        _mm512_mask_storeu_epi16(out + (size_t)p * stride + i, (1u << (n - i)) - 1,
                                 take_part(parts, v));
}

void tm_split_f32__amx(int parts, size_t n, const float *x, tm_bf16 *out, size_t stride)
{
    if (parts == 1)
        split_f32(1, n, x, out, stride);
    else if (parts == 2)
        split_f32(2, n, x, out, stride);
    else
        split_f32(3, n, x, out, stride);
}

/* n <= 32 elements of every part, to inputs `at` on of a step */
VF void copy_some(int parts, size_t n, const tm_bf16 *x, size_t stride, size_t at, tm_bf16 *out)
{
    __mmask32 m = (__mmask32)(0xFFFFFFFFu >> (TM_SPLIT_K - n));
    for (int p = 0; p < parts; p++)
        _mm512_mask_storeu_epi16(out + p * TM_SPLIT_TILE + at, m,
                                 _mm512_maskz_loadu_epi16(m, x + (size_t)p * stride));
}

VF void copy(int parts, size_t n, const tm_bf16 *x, size_t stride, size_t k, int row, tm_bf16 *tile)
{
    const size_t step = (size_t)parts * TM_SPLIT_TILE;
    tm_bf16 *out = tile + k / TM_SPLIT_K * step + (size_t)row * TM_SPLIT_K;
    size_t at = k % TM_SPLIT_K;
    if (at == 0)
        for (; n >= TM_SPLIT_K; n -= TM_SPLIT_K, x += TM_SPLIT_K, out += step)
            for (int p = 0; p < parts; p++)
                _mm512_store_si512(out + p * TM_SPLIT_TILE,
                                   _mm512_loadu_si512(x + (size_t)p * stride));
    while (n > 0) {
        size_t some = n < TM_SPLIT_K - at ? n : TM_SPLIT_K - at;
        copy_some(parts, some, x, stride, at, out);
        n -= some;
        x += some;
        out += step;
        at = 0;
    }
}

void tm_split_copy__amx(int parts, size_t n, const tm_bf16 *x, size_t stride, size_t k, int row,
                        tm_bf16 *tile)
{
    if (parts == 1)
        copy(1, n, x, stride, k, row, tile);
    else if (parts == 2)
        copy(2, n, x, stride, k, row, tile);
    else
        copy(3, n, x, stride, k, row, tile);
}

/* ---- panels ---- */

void tm_split_panel__amx(int parts, size_t n, int columns, const float *x, size_t ld, tm_bf16 *out)
{
    size_t padded = (n + TM_SPLIT_K - 1) / TM_SPLIT_K * TM_SPLIT_K;
    vmask m = columns >= VL ? (vmask)0xFFFF : vm_first((size_t)columns);
    for (size_t k = 0; k < padded; k += 2) {
        vf pair[2] = {k < n ? vf_load_first(x + k * ld, m) : vf_set(0.0f),
                      k + 1 < n ? vf_load_first(x + (k + 1) * ld, m) : vf_set(0.0f)};
        tm_bf16 *pairs =
            out + k / TM_SPLIT_K * (size_t)parts * TM_SPLIT_TILE + k % TM_SPLIT_K * TM_PANEL;
        for (int p = 0; p < parts; p++)
            _mm512_store_si512(pairs + p * TM_SPLIT_TILE, take_pairs(parts, pair));
    }
}

/* 16 x 16 words of 32 bits */
VF void transpose(const tm_bf16 *from, tm_bf16 *to)
{
    __m512i a[16], b[16];
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++)
        a[i] = _mm512_load_si512(from + i * TM_SPLIT_K);
#pragma GCC unroll 8
    for (int i = 0; i < 16; i += 2) {
        b[i] = _mm512_unpacklo_epi32(a[i], a[i + 1]);
        b[i + 1] = _mm512_unpackhi_epi32(a[i], a[i + 1]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 16; i += 4) {
        a[i] = _mm512_unpacklo_epi64(b[i], b[i + 2]);
        a[i + 1] = _mm512_unpackhi_epi64(b[i], b[i + 2]);
        a[i + 2] = _mm512_unpacklo_epi64(b[i + 1], b[i + 3]);
        a[i + 3] = _mm512_unpackhi_epi64(b[i + 1], b[i + 3]);
    }
    /* a[4 q + r]: lane l holds column 4 l + r of rows 4 q to 4 q + 3 */
#pragma GCC unroll 4
    for (int r = 0; r < 4; r++) {
        b[r] = _mm512_shuffle_i32x4(a[r], a[4 + r], 0x44);
        b[4 + r] = _mm512_shuffle_i32x4(a[r], a[4 + r], 0xEE);
        b[8 + r] = _mm512_shuffle_i32x4(a[8 + r], a[12 + r], 0x44);
        b[12 + r] = _mm512_shuffle_i32x4(a[8 + r], a[12 + r], 0xEE);
    }
#pragma GCC unroll 4
    for (int r = 0; r < 4; r++) {
        _mm512_store_si512(to + r * TM_SPLIT_K, _mm512_shuffle_i32x4(b[r], b[8 + r], 0x88));
        _mm512_store_si512(to + (4 + r) * TM_SPLIT_K, _mm512_shuffle_i32x4(b[r], b[8 + r], 0xDD));
        _mm512_store_si512(to + (8 + r) * TM_SPLIT_K,
                           _mm512_shuffle_i32x4(b[4 + r], b[12 + r], 0x88));
        _mm512_store_si512(to + (12 + r) * TM_SPLIT_K,
                           _mm512_shuffle_i32x4(b[4 + r], b[12 + r], 0xDD));
    }
}

/* A row tile's pairs of inputs are words of 32 bits, and so are a panel's. */
void tm_split_panel_t__amx(int parts, size_t n, int columns, const float *x, size_t ld,
                           tm_bf16 *out)
{
    _Alignas(64) tm_bf16 tile[TM_SPLIT_PARTS * TM_SPLIT_TILE] = {0};
    const float *rows[TM_SPLIT_ROWS];
    for (int i = 0; i < columns; i++)
        rows[i] = x + (size_t)i * ld;
    for (size_t k = 0; k < n; k += TM_SPLIT_K) {
        size_t count = n - k < TM_SPLIT_K ? n - k : TM_SPLIT_K;
        tm_split_rows__amx(parts, columns, count, rows, tile);
        for (int p = 0; p < parts; p++, out += TM_SPLIT_TILE)
            transpose(tile + p * TM_SPLIT_TILE, out);
        for (int i = 0; i < columns; i++)
            rows[i] += TM_SPLIT_K;
    }
}
