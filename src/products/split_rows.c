/* SPDX-License-Identifier: Apache-2.0 */
#include "products/split.h"

#include <string.h>

/* Zeros in the last step of a row tile, where the inputs do not fill it. */
static void clear_tail(const tm_product *p, tm_input_block block, tm_bf16 *tile)
{
    size_t last = tm_split_elements(p->terms, 1);
    if ((block.end - block.begin) % TM_SPLIT_K)
        memset(tile + tm_split_elements(p->terms, block.steps) - last, 0, last * sizeof *tile);
}

/* Pixels that are bfloat16 already. */
static void copy_rows(const tm_product *p, int m, tm_input_block block, const void *const *rows,
                      tm_bf16 *tile)
{
    clear_tail(p, block, tile);
    for (int i = 0; i < m; i++)
        p->split->copy(p->terms, block.end - block.begin, rows[i], 0, 0, i, tile);
}

void tm_split_pixels(const tm_product *p, const tm_unit *unit, tm_input_block block, tm_bf16 *tiles)
{
    const void *rows[TM_SPLIT_ROWS];
    size_t offset = (size_t)unit->group * (size_t)p->kc + block.begin;
    for (int i = 0; i < unit->count;
         i += TM_SPLIT_ROWS, tiles += tm_split_elements(p->terms, block.steps)) {
        int m = unit->count - i < TM_SPLIT_ROWS ? unit->count - i : TM_SPLIT_ROWS;
        tm_window_point_pixels(&p->window, unit, i, m, offset, rows);
        if (p->window.x.type == TM_DTYPE_BF16)
            copy_rows(p, m, block, rows, tiles);
        else
            p->split->rows(p->terms, m, block.end - block.begin, rows, tiles);
    }
}

static void split_numbers(const tm_product *p, size_t n, const void *x, tm_bf16 *out)
{
    if (p->window.x.type == TM_DTYPE_BF16)
        memcpy(out, x, n * sizeof *out);
    else
        p->split->f32(p->terms, n, x, out, p->tiles.line);
}

/* Row y of picture n, the unit's group of it, between its padding; zeros outside of the picture. */
static void split_line(const tm_product *p, const tm_unit *unit, int n, int y, tm_bf16 *out)
{
    size_t kc = (size_t)p->kc, left = (size_t)p->window.conv.pad_left * kc;
    size_t width = (size_t)p->window.x.w * kc;
    if (y < 0 || y >= p->window.x.h) {
        memset(out, 0, (size_t)p->terms * p->tiles.line * sizeof *out);
        return;
    }
    for (int t = 0; t < p->terms; t++) {
        tm_bf16 *part = out + (size_t)t * p->tiles.line;
        memset(part, 0, left * sizeof *out);
        if (left + width < p->tiles.line)
            memset(part + left + width, 0, (p->tiles.line - left - width) * sizeof *out);
    }
    const tm_tensor *x = &p->window.x;
    size_t channel = (size_t)unit->group * kc;
    out += left;
    if (x->ld == kc) {
        split_numbers(p, width, tm_tensor_channel(unit->run, x, n, y, 0, channel), out);
        return;
    }
    for (int i = 0; i < x->w; i++, out += kc)
        split_numbers(p, kc, tm_tensor_channel(unit->run, x, n, y, i, channel), out);
}

/* Part of a run of n inputs from `begin` on, as far as it lies in the block. */
static void copy_run(const tm_product *p, const tm_bf16 *line, size_t begin, size_t n,
                     tm_input_block block, int row, tm_bf16 *tile)
{
    size_t first = begin > block.begin ? begin : block.begin;
    size_t end = begin + n < block.end ? begin + n : block.end;
    if (first < end)
        p->split->copy(p->terms, end - first, line + (first - begin), p->tiles.line,
                       first - block.begin, row, tile);
}

/* The taps of output pixel (oy, ox) into one row of a tile; region: from row `top` of the picture
 * on. */
static void copy_taps(const tm_product *p, const tm_bf16 *region, int top, int oy, int ox,
                      tm_input_block block, int row, tm_bf16 *tile)
{
    const tm_conv_attrs *conv = &p->window.conv;
    size_t kc = (size_t)p->kc, height = (size_t)p->terms * p->tiles.line, k = 0;
    int y = oy * conv->stride - conv->pad_top - top;
    size_t x = (size_t)(ox * conv->stride) * kc;
    for (int ky = 0; ky < conv->kernel_h; ky++, y += conv->dilation) {
        const tm_bf16 *line = region + (size_t)y * height + x;
        if (conv->dilation == 1) {
            size_t n = (size_t)conv->kernel_w * kc;
            copy_run(p, line, k, n, block, row, tile);
            k += n;
            continue;
        }
        for (int kx = 0; kx < conv->kernel_w; kx++, k += kc, line += (size_t)conv->dilation * kc)
            copy_run(p, line, k, kc, block, row, tile);
    }
}

/* Output pixels of one picture, which are rows `at` on of a unit. */
typedef struct pixel_range {
    int n, first, last, at;
    int top, lines; /* the rows of the picture that they see */
} pixel_range;

/* The unit's next pixels of one picture, the first `at` of it being done. */
static pixel_range picture_at(const tm_product *p, const tm_unit *unit, int at)
{
    const tm_conv_attrs *conv = &p->window.conv;
    int pixels = p->window.h * p->window.w, first = unit->first + at;
    pixel_range range = {.n = unit->n + first / pixels, .first = first % pixels, .at = at};
    int left = unit->count - at, width = p->window.w;
    range.last = range.first + left < pixels ? range.first + left : pixels;
    range.top = range.first / width * conv->stride - conv->pad_top;
    range.lines = ((range.last - 1) / width - range.first / width) * conv->stride +
                  (conv->kernel_h - 1) * conv->dilation + 1;
    return range;
}

void tm_split_lines(const tm_product *p, const tm_unit *unit, tm_bf16 *region)
{
    for (int at = 0; at < unit->count;) {
        pixel_range range = picture_at(p, unit, at);
        for (int i = 0; i < range.lines; i++, region += (size_t)p->terms * p->tiles.line)
            split_line(p, unit, range.n, range.top + i, region);
        at += range.last - range.first;
    }
}

void tm_split_copy_pixels(const tm_product *p, const tm_unit *unit, const tm_bf16 *region,
                          tm_input_block block, tm_bf16 *tiles)
{
    for (int at = 0; at < unit->count;) {
        pixel_range range = picture_at(p, unit, at);
        for (int pixel = range.first; pixel < range.last; pixel++, at++) {
            int row = at % TM_SPLIT_ROWS;
            tm_bf16 *tile =
                tiles + (size_t)(at / TM_SPLIT_ROWS) * tm_split_elements(p->terms, block.steps);
            if (row == 0)
                clear_tail(p, block, tile);
            copy_taps(p, region, range.top, pixel / p->window.w, pixel % p->window.w, block, row,
                      tile);
        }
        region += (size_t)range.lines * (size_t)p->terms * p->tiles.line;
    }
}

void tm_split_measure_lines(tm_product *p, int most)
{
    const tm_conv_attrs *conv = &p->window.conv;
    int reach = (conv->kernel_w - 1) * conv->dilation;
    int width = (p->window.w - 1) * conv->stride + reach + 1;
    int covered = p->window.x.w + conv->pad_left;
    int rows = tm_ceil_div(most - 1, p->window.w) + 1;
    int pictures = p->division.run ? tm_ceil_div(most - 1, p->window.h * p->window.w) + 1 : 1;
    p->tiles.line = (size_t)(width > covered ? width : covered) * (size_t)p->kc;
    p->tiles.region = rows * conv->stride + pictures * (conv->kernel_h - 1) * conv->dilation + 1;
}
