/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A picture's range is found block by block in one step, and its bytes are made in the next, so
 * that threads share both. They stand in the room between steps:
 *
 *     tm_i8_scale, on 64 bytes | [block] tm_i8_range, likewise | [lines][columns][groups][kc]
 *
 * kc being in whole quads, or where lines of taps lie together, what it is, with a quad behind all.
 */
#include "products/i8_picture.h"

#include <string.h>

enum { BLOCKS = 16 };

typedef struct picture_args {
    tm_tensor x;       /* the numbers */
    tm_tensor between; /* all of the room */
    tm_tensor bytes;   /* h, w: with the padding */
    int top, left;     /* padding before the picture */
    int blocks;        /* parts of a picture */
    const tm_i8_kernels *kernels;
} picture_args;

/* ---- scales ---- */

static tm_i8_scale *scale_at(const tm_tensor *between, const tm_run_state *run, int n)
{
    return tm_tensor_picture(run, between, n);
}

static tm_i8_range *range_at(const picture_args *args, const tm_run_state *run, int n, int block)
{
    char *room = tm_tensor_picture(run, &args->between, n);
    return (tm_i8_range *)(void *)(room + (1 + (size_t)block) * TM_LINE);
}

const tm_i8_scale *tm_i8_picture_scale(const tm_product *p, const tm_run_state *run, int n)
{
    return scale_at(&p->bytes.scales, run, n);
}

/* ---- the range ---- */

static int picture_units(const tm_step *step, int batch)
{
    return ((const picture_args *)step->args)->blocks * batch;
}

/* Where block `block` of `count` things begins. */
static int part_of(const picture_args *args, int count, int block)
{
    return (int)((int64_t)count * block / args->blocks);
}

static void range_run(const tm_step *step, const tm_run_state *run, int unit)
{
    const picture_args *args = step->args;
    const tm_tensor *x = &args->x;
    int n = unit / args->blocks, block = unit % args->blocks;
    int first = part_of(args, x->h, block), last = part_of(args, x->h, block + 1);
    size_t pixels = (size_t)(last - first) * (size_t)x->w, c = (size_t)x->c;
    const float *at = tm_tensor_at(run, x, n, first, 0);
    tm_i8_range range = {0};
    if (x->ld == c) {
        args->kernels->range(pixels * c, at, &range);
    } else {
        for (size_t i = 0; i < pixels; i++)
            args->kernels->range(c, at + i * x->ld, &range);
    }
    *range_at(args, run, n, block) = range;
}

static tm_i8_scale whole_scale(const picture_args *args, const tm_run_state *run, int n)
{
    tm_i8_range all = {0};
    for (int i = 0; i < args->blocks; i++) {
        const tm_i8_range *range = range_at(args, run, n, i);
        all.lo = range->lo < all.lo ? range->lo : all.lo;
        all.hi = range->hi > all.hi ? range->hi : all.hi;
        all.odd += range->odd;
    }
    return tm_i8_scale_of(&all);
}

/* ---- the bytes ---- */

static void convert_pixels(const picture_args *args, const float *x, const tm_i8_scale *scale,
                           uint8_t *to)
{
    size_t w = (size_t)args->x.w, c = (size_t)args->x.c, step = args->bytes.ld;
    if (args->x.ld == c && step == c) {
        args->kernels->bytes(w * c, x, scale, to);
        return;
    }
    for (size_t i = 0; i < w; i++, to += step) {
        args->kernels->bytes(c, x + i * args->x.ld, scale, to);
        memset(to + c, 0, step - c);
    }
}

/* A line with its padding; y: its line of x, which may be none. */
static void convert_line(const picture_args *args, const tm_run_state *run, int n, int y,
                         const tm_i8_scale *scale, uint8_t *to)
{
    size_t ld = args->bytes.ld, before = (size_t)args->left * ld, width = (size_t)args->x.w * ld;
    size_t all = (size_t)args->bytes.w * ld;
    if (y < 0 || y >= args->x.h) {
        memset(to, scale->zero, all);
        return;
    }
    memset(to, scale->zero, before);
    convert_pixels(args, tm_tensor_at(run, &args->x, n, y, 0), scale, to + before);
    memset(to + before + width, scale->zero, all - before - width);
}

static void bytes_run(const tm_step *step, const tm_run_state *run, int unit)
{
    const picture_args *args = step->args;
    int n = unit / args->blocks, block = unit % args->blocks;
    tm_i8_scale scale = whole_scale(args, run, n);
    if (block == 0)
        *scale_at(&args->between, run, n) = scale;
    int last = part_of(args, args->bytes.h, block + 1);
    for (int y = part_of(args, args->bytes.h, block); y < last; y++)
        convert_line(args, run, n, y - args->top, &scale, tm_tensor_at(run, &args->bytes, n, y, 0));
}

/* ---- lowering ---- */

/* Lines or columns under the taps of `outputs` output pixels, and no fewer than before and x. */
static int padded(int x, int before, int outputs, int kernel, const tm_conv_attrs *conv)
{
    int under = (outputs - 1) * conv->stride + (kernel - 1) * conv->dilation + 1;
    return before + x > under ? before + x : under;
}

static picture_args measure(const tm_product *p)
{
    const tm_conv_attrs *conv = &p->window.conv;
    picture_args args = {.x = p->window.x,
                         .bytes = {.type = TM_DTYPE_U8, .space = TM_SPACE_ARENA},
                         .top = conv->pad_top,
                         .left = conv->pad_left,
                         .kernels = p->i8};
    args.blocks = tm_least(BLOCKS, args.x.h);
    args.bytes.c = args.x.c;
    args.bytes.ld = p->bytes.lines ? (size_t)args.x.c : p->bytes.kc * (size_t)conv->groups;
    args.bytes.h = padded(args.x.h, conv->pad_top, p->y.h, conv->kernel_h, conv);
    args.bytes.w = padded(args.x.w, conv->pad_left, p->y.w, conv->kernel_w, conv);
    return args;
}

void tm_i8_lower_picture(tm_lowering *lowering, const tm_node *node, tm_product *p)
{
    picture_args args = measure(p);
    size_t head = (1 + BLOCKS) * TM_LINE;
    size_t size = (size_t)args.bytes.h * (size_t)args.bytes.w * args.bytes.ld + TM_I8_QUAD;
    int lines = (int)(tm_whole_lines(head + size) / TM_LINE);
    args.between = tm_lower_between(lowering, lines, TM_LINE_FLOATS);
    args.bytes.offset = args.between.offset + head;
    args.bytes.stride = args.between.stride * sizeof(float);
    tm_lower_before(lowering, node, range_run, picture_units, &args, sizeof args);
    tm_lower_before(lowering, node, bytes_run, picture_units, &args, sizeof args);
    tm_conv_attrs inside = p->window.conv;
    inside.pad_top = inside.pad_left = 0;
    if (p->bytes.lines)
        inside.kernel_w = 1;
    p->window = tm_window_of(&args.bytes, &p->y, &inside);
    p->bytes.scales = args.between;
}
