/* SPDX-License-Identifier: Apache-2.0 */
/* Inputs of a convolution on their way to row tiles. */
#include <string.h>

#include "ops/conv2d_split.h"

/* pixels in their own order */
void tm_split_pixels(const tm_split_args *args, const tm_split_unit *unit, tm_input_block block,
                     tm_bf16 *tiles)
{
    const float *rows[TM_SPLIT_ROWS];
    size_t offset = (size_t)unit->group * (size_t)args->kc + block.begin;
    int pixels = args->y.h * args->y.w, n = unit->n + unit->first / pixels;
    int pixel = unit->first % pixels;
    for (int i = 0; i < unit->count;
         i += TM_SPLIT_ROWS, tiles += tm_split_elements(args, block.steps)) {
        int m = unit->count - i < TM_SPLIT_ROWS ? unit->count - i : TM_SPLIT_ROWS;
        for (int j = 0; j < m; j++) {
            rows[j] = tm_tensor_at(unit->run, &args->x, n, 0, pixel) + offset;
            if (++pixel == pixels) {
                pixel = 0;
                n++;
            }
        }
        args->kernels->rows(args->parts, m, block.end - block.begin, rows, tiles);
    }
}

/* Row y of picture n, the unit's group of it, between its padding; zeros outside of the picture. */
static void split_line(const tm_split_args *args, const tm_split_unit *unit, int n, int y,
                       tm_bf16 *out)
{
    size_t kc = (size_t)args->kc, left = (size_t)args->conv.pad_left * kc;
    size_t width = (size_t)args->x.w * kc;
    if (y < 0 || y >= args->x.h) {
        memset(out, 0, (size_t)args->parts * args->line * sizeof *out);
        return;
    }
    for (int p = 0; p < args->parts; p++) {
        tm_bf16 *part = out + (size_t)p * args->line;
        memset(part, 0, left * sizeof *out);
        if (left + width < args->line)
            memset(part + left + width, 0, (args->line - left - width) * sizeof *out);
    }
    const float *x = tm_tensor_at(unit->run, &args->x, n, y, 0) + (size_t)unit->group * kc;
    out += left;
    if (args->x.ld == kc) {
        args->kernels->f32(args->parts, width, x, out, args->line);
        return;
    }
    for (int i = 0; i < args->x.w; i++, x += args->x.ld, out += kc)
        args->kernels->f32(args->parts, kc, x, out, args->line);
}

/* Part of a run of n inputs from `begin` on, as far as it lies in the block. */
static void copy_run(const tm_split_args *args, const tm_bf16 *line, size_t begin, size_t n,
                     tm_input_block block, int row, tm_bf16 *tile)
{
    size_t first = begin > block.begin ? begin : block.begin;
    size_t end = begin + n < block.end ? begin + n : block.end;
    if (first < end)
        args->kernels->copy(args->parts, end - first, line + (first - begin), args->line,
                            first - block.begin, row, tile);
}

/* The taps of output pixel (oy, ox) into one row of a tile; region: from row `top` of the picture
 * on. */
static void copy_taps(const tm_split_args *args, const tm_bf16 *region, int top, int oy, int ox,
                      tm_input_block block, int row, tm_bf16 *tile)
{
    const tm_conv_attrs *conv = &args->conv;
    size_t kc = (size_t)args->kc, height = (size_t)args->parts * args->line, k = 0;
    int y = oy * conv->stride - conv->pad_top - top;
    size_t x = (size_t)(ox * conv->stride) * kc;
    for (int ky = 0; ky < conv->kernel_h; ky++, y += conv->dilation) {
        const tm_bf16 *line = region + (size_t)y * height + x;
        if (conv->dilation == 1) {
            size_t n = (size_t)conv->kernel_w * kc;
            copy_run(args, line, k, n, block, row, tile);
            k += n;
            continue;
        }
        for (int kx = 0; kx < conv->kernel_w; kx++, k += kc, line += (size_t)conv->dilation * kc)
            copy_run(args, line, k, kc, block, row, tile);
    }
}

/* Zeros in the last step of a row tile, where the inputs do not fill it. */
static void clear_tail(const tm_split_args *args, tm_input_block block, tm_bf16 *tile)
{
    size_t last = tm_split_elements(args, 1);
    if ((block.end - block.begin) % TM_SPLIT_K)
        memset(tile + tm_split_elements(args, block.steps) - last, 0, last * sizeof *tile);
}

/* Output pixels of one picture, which are rows `at` on of a unit. */
typedef struct pixel_range {
    int n, first, last, at;
    int top, lines; /* the rows of the picture that they see */
} pixel_range;

/* The unit's next pixels of one picture, the first `at` of it being done. */
static pixel_range picture_at(const tm_split_args *args, const tm_split_unit *unit, int at)
{
    const tm_conv_attrs *conv = &args->conv;
    int pixels = args->y.h * args->y.w, first = unit->first + at;
    pixel_range range = {.n = unit->n + first / pixels, .first = first % pixels, .at = at};
    int left = unit->count - at, width = args->y.w;
    range.last = range.first + left < pixels ? range.first + left : pixels;
    range.top = range.first / width * conv->stride - conv->pad_top;
    range.lines = ((range.last - 1) / width - range.first / width) * conv->stride +
                  (conv->kernel_h - 1) * conv->dilation + 1;
    return range;
}

/* The rows of the pictures under the unit, in the order of its pixels. */
void tm_split_lines(const tm_split_args *args, const tm_split_unit *unit, tm_bf16 *region)
{
    for (int at = 0; at < unit->count;) {
        pixel_range range = picture_at(args, unit, at);
        for (int i = 0; i < range.lines; i++, region += (size_t)args->parts * args->line)
            split_line(args, unit, range.n, range.top + i, region);
        at += range.last - range.first;
    }
}

void tm_split_copy_pixels(const tm_split_args *args, const tm_split_unit *unit,
                          const tm_bf16 *region, tm_input_block block, tm_bf16 *tiles)
{
    for (int at = 0; at < unit->count;) {
        pixel_range range = picture_at(args, unit, at);
        for (int pixel = range.first; pixel < range.last; pixel++, at++) {
            int row = at % TM_SPLIT_ROWS;
            tm_bf16 *tile =
                tiles + (size_t)(at / TM_SPLIT_ROWS) * tm_split_elements(args, block.steps);
            if (row == 0)
                clear_tail(args, block, tile);
            copy_taps(args, region, range.top, pixel / args->y.w, pixel % args->y.w, block, row,
                      tile);
        }
        region += (size_t)range.lines * (size_t)args->parts * args->line;
    }
}

void tm_split_measure_lines(tm_split_args *args, int most)
{
    const tm_conv_attrs *conv = &args->conv;
    int reach = (conv->kernel_w - 1) * conv->dilation;
    int width = (args->y.w - 1) * conv->stride + reach + 1;
    int covered = args->x.w + conv->pad_left;
    int rows = tm_ceil_div(most - 1, args->y.w) + 1;
    int pictures = args->run ? tm_ceil_div(most - 1, args->y.h * args->y.w) + 1 : 1;
    args->line = (size_t)(width > covered ? width : covered) * (size_t)args->kc;
    args->region = rows * conv->stride + pictures * (conv->kernel_h - 1) * conv->dilation + 1;
}
