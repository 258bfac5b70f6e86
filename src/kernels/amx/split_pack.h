/* SPDX-License-Identifier: Apache-2.0 */
/* Splits of float32 into bfloat16 parts, in the orders that the tiles read. */
#ifndef TM_KERNELS_AMX_SPLIT_PACK_H
#define TM_KERNELS_AMX_SPLIT_PACK_H

#ifndef TM_SPLIT_UNIT
#include "kernels/amx/unit.h"
#endif

/* ---- rows ---- */

/* 32 inputs of one row of a tile, part by part */
VF void split_32(int parts, vf x[2], tm_bf16 *out, size_t stride)
{
    for (int p = 0; p < parts; p++)
        vh_store_any(out + (size_t)p * stride, take_part(parts, x));
}

VF void load_32(const float *x, size_t n, vf out[2])
{
    if (n >= 2 * VL) {
        out[0] = vf_load(x);
        out[1] = vf_load(x + VL);
    } else {
        out[0] = vf_load_first(x, n >= VL ? VM_ALL : vm_first(n));
        out[1] = vf_load_first(x + VL, n > VL ? vm_first(n - VL) : 0);
    }
}

VF void split_rows(int parts, int m, size_t n, const void *const *rows, tm_bf16 *tile)
{
    for (int i = 0; i < m; i++) {
        const float *row = rows[i];
        tm_bf16 *out = tile + i * TM_SPLIT_K;
        for (size_t k = 0; k < n; k += TM_SPLIT_K, out += parts * TM_SPLIT_TILE) {
            vf x[2];
            load_32(row + k, n - k, x);
            split_32(parts, x, out, TM_SPLIT_TILE);
        }
    }
}

void TM_KERNEL(tm_split_rows)(int parts, int m, size_t n, const void *const *rows, tm_bf16 *tile)
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
        vh_store_first(out + (size_t)p * stride + i, take_part(parts, v), vhm_first(n - i));
}

void TM_KERNEL(tm_split_f32)(int parts, size_t n, const float *x, tm_bf16 *out, size_t stride)
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
    vhmask m = vhm_first(n);
    for (int p = 0; p < parts; p++)
        vh_store_first(out + p * TM_SPLIT_TILE + at, vh_load_first(x + (size_t)p * stride, m), m);
}

VF void copy(int parts, size_t n, const tm_bf16 *x, size_t stride, size_t k, int row, tm_bf16 *tile)
{
    const size_t step = (size_t)parts * TM_SPLIT_TILE;
    tm_bf16 *out = tile + k / TM_SPLIT_K * step + (size_t)row * TM_SPLIT_K;
    size_t at = k % TM_SPLIT_K;
    if (at == 0)
        for (; n >= TM_SPLIT_K; n -= TM_SPLIT_K, x += TM_SPLIT_K, out += step)
            for (int p = 0; p < parts; p++)
                vh_store(out + p * TM_SPLIT_TILE, vh_load(x + (size_t)p * stride));
    while (n > 0) {
        size_t some = n < TM_SPLIT_K - at ? n : TM_SPLIT_K - at;
        copy_some(parts, some, x, stride, at, out);
        n -= some;
        x += some;
        out += step;
        at = 0;
    }
}

void TM_KERNEL(tm_split_copy)(int parts, size_t n, const tm_bf16 *x, size_t stride, size_t k,
                              int row, tm_bf16 *tile)
{
    if (parts == 1)
        copy(1, n, x, stride, k, row, tile);
    else if (parts == 2)
        copy(2, n, x, stride, k, row, tile);
    else
        copy(3, n, x, stride, k, row, tile);
}

/* ---- panels ---- */

void TM_KERNEL(tm_split_panel)(int parts, size_t n, int columns, const float *x, size_t ld,
                               tm_bf16 *out)
{
    size_t padded = (n + TM_SPLIT_K - 1) / TM_SPLIT_K * TM_SPLIT_K;
    vmask m = columns >= VL ? VM_ALL : vm_first((size_t)columns);
    for (size_t k = 0; k < padded; k += 2) {
        vf pair[2] = {k < n ? vf_load_first(x + k * ld, m) : vf_set(0.0f),
                      k + 1 < n ? vf_load_first(x + (k + 1) * ld, m) : vf_set(0.0f)};
        tm_bf16 *pairs =
            out + k / TM_SPLIT_K * (size_t)parts * TM_SPLIT_TILE + k % TM_SPLIT_K * TM_PANEL;
        for (int p = 0; p < parts; p++)
            vh_store(pairs + p * TM_SPLIT_TILE, take_pairs(parts, pair));
    }
}

/* A row tile's pairs of inputs are words of 32 bits, and so are a panel's. */
void TM_KERNEL(tm_split_panel_t)(int parts, size_t n, int columns, const float *x, size_t ld,
                                 tm_bf16 *out)
{
    _Alignas(64) tm_bf16 tile[TM_SPLIT_PARTS * TM_SPLIT_TILE] = {0};
    const void *rows[TM_SPLIT_ROWS];
    for (size_t k = 0; k < n; k += TM_SPLIT_K, x += TM_SPLIT_K) {
        size_t count = n - k < TM_SPLIT_K ? n - k : TM_SPLIT_K;
        for (int i = 0; i < columns; i++)
            rows[i] = x + (size_t)i * ld;
        TM_KERNEL(tm_split_rows)(parts, columns, count, rows, tile);
        for (int p = 0; p < parts; p++, out += TM_SPLIT_TILE)
            vh_transpose(tile + p * TM_SPLIT_TILE, out);
    }
}

#endif
