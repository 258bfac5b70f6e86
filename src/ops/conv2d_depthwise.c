/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "base/prefetch.h"
#include "ops/conv2d.h"
#include "products/finish.h"

/*
 * A unit is a block of output rows of some of the channels. It walks down strips of STRIP pixels,
 * so that an input pixel is in the L1 cache when the next output rows need it again. Pixels whose
 * distance lets them share too few sets of that cache are copied first, side by side. Where the
 * caches hardly hold the map, it goes line by line instead, in the order of memory.
 */
enum {
    STRIP = 8,
    STRIP_BYTES = 32 * 1024,   /* the input under a strip's row, and its weights */
    UNITS = 16,                /* of a picture, at least, */
    UNIT_MACS = 256 * 1024,    /* none of more than this, */
    COPIED_MACS = 1024 * 1024, /* with a copy, of whose rows neighbours share many, this */
    COLD_BYTES = 3 << 20       /* what is larger is hardly in the caches */
};

/* What a copy pays for: taps, and CROWD times the lines that an L1 cache has room for. */
enum { COPIED_TAPS = 25, CROWD = 4, SETS = 64, WAYS = 8 };

typedef struct dw_args {
    tm_tensor x, y;
    tm_conv_attrs conv;
    const float *weights, *bias; /* weights: [taps][channels]; NULL: the picture's own are */
    tm_tensor filters;
    int rows, channels; /* of a unit */
    bool cold;          /* x or y is hardly in the caches */
    bool copied;        /* the input of a unit is */
    tm_store store;
    tm_dwconv_fn *kernel;
} dw_args;

/* The rows of the input from `first` on. */
typedef struct dw_rows {
    const void *x;
    int first;
} dw_rows;

static int dw_units(const tm_step *step, int batch)
{
    const dw_args *args = step->args;
    return batch * tm_ceil_div(args->y.h, args->rows) * tm_ceil_div(args->y.c, args->channels);
}

/* Asks for what later strips need: the rows of x under the same pixels of the next output row, and
 * the output pixels behind these. */
static void fetch_next(const dw_args *args, const tm_dwconv_tile *tile, const void *x, int oy,
                       int ox)
{
    const tm_conv_attrs *conv = &args->conv;
    size_t of_x = tm_dtype_size(args->x.type), of_y = tm_dtype_size(args->y.type);
    size_t channels = (size_t)tile->channels, next = STRIP * args->y.ld * of_y;
    int row = oy * conv->stride - conv->pad_top + (conv->kernel_h - 1) * conv->dilation + 1;
    for (int end = tm_least(row + conv->stride, args->x.h); row < end; row++)
        tm_prefetch_l2(
            tm_numbers_behind(x, args->x.type, tm_tensor_pixel(&args->x, row, ox * conv->stride)),
            STRIP * conv->stride, args->x.ld * of_x, channels * of_x);
    tm_prefetch_l2((const char *)tile->out + next, STRIP, args->y.ld * of_y, channels * of_y);
}

/* Up to STRIP output pixels from (oy, ox) on, the tile's channels, which begin at y in the picture
 * and have these weights. */
static void run_strip(const dw_args *args, tm_dwconv_tile *tile, const float *weights, dw_rows from,
                      void *y, int oy, int ox)
{
    const tm_conv_attrs *conv = &args->conv;
    int top = oy * conv->stride - conv->pad_top, step = conv->dilation;
    size_t row = (size_t)args->x.w * tile->x_ld;
    int first = top < 0 ? tm_ceil_div(-top, step) : 0;
    int last = tm_least(conv->kernel_h, args->x.h > top ? tm_ceil_div(args->x.h - top, step) : 0);
    tile->rows = last > first ? last - first : 0;
    if (tile->rows) {
        tile->x = tm_numbers_behind(from.x, args->x.type,
                                    (size_t)(top + first * step - from.first) * row);
        tile->w = weights + (size_t)(first * conv->kernel_w) * tile->w_ld;
    }
    tile->left = ox * conv->stride - conv->pad_left;
    tile->pixels = tm_least(STRIP, args->y.w - ox);
    tile->out = tm_numbers_behind(y, args->y.type, tm_tensor_pixel(&args->y, oy, ox));
    if (args->cold)
        fetch_next(args, tile, from.x, oy, ox);
    args->kernel(tile);
    tm_finish(&args->store, tile->pixels, tile->channels, tile->out, args->y.ld);
}

/* Those of the channels from c on, of picture n; row: from tap to tap. */
static const float *weights_at(const dw_args *args, const tm_run_state *run, int n, size_t c,
                               size_t *row)
{
    *row = args->weights ? (size_t)args->y.c : args->filters.ld;
    return args->weights ? args->weights + c : tm_tensor_channel(run, &args->filters, n, 0, 0, c);
}

/* The input of output rows from `oy` to `end`, and of the tile's channels, side by side. */
static dw_rows copy_rows(const dw_args *args, const tm_run_state *run, tm_dwconv_tile *tile,
                         const void *x, int oy, int end)
{
    const tm_conv_attrs *conv = &args->conv;
    size_t element = tm_dtype_size(args->x.type), ld = (size_t)args->channels;
    size_t bytes = (size_t)tile->channels * element;
    int first = oy * conv->stride - conv->pad_top;
    int behind = (end - 1) * conv->stride - conv->pad_top + (conv->kernel_h - 1) * conv->dilation;
    first = tm_least(first > 0 ? first : 0, args->x.h);
    behind = tm_least(args->x.h, behind + 1);
    const char *pixel = tm_numbers_behind(x, args->x.type, tm_tensor_pixel(&args->x, first, 0));
    char *copy = run->scratch;
    for (int i = 0; i < (behind - first) * args->x.w; i++) {
        memcpy(copy, pixel, bytes);
        pixel += args->x.ld * element;
        copy += ld * element;
    }
    tile->x_ld = ld;
    tile->x_row = (size_t)(conv->dilation * args->x.w) * ld;
    return (dw_rows){run->scratch, first};
}

/* Rows [first, end) of picture n, a unit's channels from c on. */
static void run_rows(const dw_args *args, const tm_run_state *run, int n, size_t c, int first,
                     int end)
{
    tm_dwconv_tile tile = {.x_row = (size_t)(args->conv.dilation * args->x.w) * args->x.ld,
                           .x_ld = args->x.ld,
                           .width = args->x.w,
                           .kernel_w = args->conv.kernel_w,
                           .stride = args->conv.stride,
                           .dilation = args->conv.dilation,
                           .channels = tm_least(args->channels, args->y.c - (int)c),
                           .bias = args->bias + c,
                           .lo = args->store.lo,
                           .hi = args->store.hi,
                           .out_ld = args->y.ld};
    const float *weights = weights_at(args, run, n, c, &tile.w_ld);
    const void *x = tm_tensor_channel(run, &args->x, n, 0, 0, c);
    void *y = tm_tensor_channel(run, &args->y, n, 0, 0, c);
    dw_rows from = {.x = x};
    if (args->copied)
        from = copy_rows(args, run, &tile, x, first, end);
    int wide = args->cold ? args->y.w : STRIP;
    for (int left = 0; left < args->y.w; left += wide)
        for (int oy = first; oy < end; oy++)
            for (int ox = left; ox < tm_least(left + wide, args->y.w); ox += STRIP)
                run_strip(args, &tile, weights, from, y, oy, ox);
}

static void dw_run(const tm_step *step, const tm_run_state *run, int unit)
{
    const dw_args *args = step->args;
    int blocks = tm_ceil_div(args->y.h, args->rows),
        chunks = tm_ceil_div(args->y.c, args->channels);
    int first = unit / chunks % blocks * args->rows;
    run_rows(args, run, unit / (blocks * chunks), (size_t)(unit % chunks * args->channels), first,
             tm_least(args->y.h, first + args->rows));
}

static void dw_pixels(const tm_step *step, const tm_run_state *run, int n, int first, int count)
{
    const dw_args *args = step->args;
    int begin = first / args->y.w, end = begin + count / args->y.w;
    int rows = args->copied ? args->rows : end - begin; /* what there is room to copy for */
    for (int c = 0; c < args->y.c; c += args->channels)
        for (int y = begin; y < end; y += rows)
            run_rows(args, run, n, (size_t)c, y, tm_least(end, y + rows));
}

/* Whether the pixels under a strip are so far from one another that they push each other out of
 * the L1 cache. */
static bool is_crowded(const tm_tensor *x, const tm_conv_attrs *conv)
{
    size_t bytes = x->ld * tm_dtype_size(x->type), lines = bytes / TM_LINE;
    int under = conv->kernel_h * tm_least(x->w, (STRIP - 1) * conv->stride + conv->kernel_w);
    int sets = SETS;
    if (bytes % TM_LINE)
        return false;
    for (; sets > 1 && lines % 2 == 0; lines /= 2)
        sets /= 2;
    return under > CROWD * WAYS * sets;
}

static bool is_cold(const tm_tensor *t)
{
    return t->stride * tm_dtype_size(t->type) > COLD_BYTES;
}

/* Channels in equal parts, whole cache lines, then rows. */
static void choose_units(dw_args *args)
{
    const tm_conv_attrs *conv = &args->conv;
    int taps = conv->kernel_h * conv->kernel_w;
    int under = conv->kernel_h * ((STRIP - 1) * conv->stride + conv->kernel_w);
    int most = STRIP_BYTES / (int)sizeof(float) / (under + taps) / TM_LINE_FLOATS * TM_LINE_FLOATS;
    int chunks = tm_ceil_div(args->y.c, most > TM_LINE_FLOATS ? most : TM_LINE_FLOATS);
    args->channels = tm_ceil_div(tm_ceil_div(args->y.c, chunks), TM_LINE_FLOATS) * TM_LINE_FLOATS;
    args->copied = taps >= COPIED_TAPS && is_crowded(&args->x, conv);
    args->cold = !args->copied && (is_cold(&args->x) || is_cold(&args->y));
    double row_macs = (double)args->y.w * args->channels * taps;
    int rows = (int)fmin(args->y.h, (args->copied ? COPIED_MACS : UNIT_MACS) / row_macs);
    rows = tm_least(rows, args->y.h * tm_ceil_div(args->y.c, args->channels) / UNITS);
    args->rows = rows > 1 ? rows : 1;
}

typedef struct pack_args {
    const tm_node *weight;
    size_t channels, taps;
    float *packed;
} pack_args;

/* [c][1][kh][kw] becomes [taps][c] */
static void pack(tm_lowering *worker, const void *context)
{
    const pack_args *args = context;
    const float *values = tm_lower_constant(worker, args->weight);
    for (size_t t = 0; values && t < args->taps; t++)
        for (size_t c = 0; c < args->channels; c++)
            args->packed[t * args->channels + c] = values[c * args->taps + t];
    tm_lower_release(worker, values);
}

/* of the input of a unit; 0 where it stays in its place */
static size_t copied_bytes(const dw_args *args)
{
    const tm_conv_attrs *conv = &args->conv;
    int rows = (args->rows - 1) * conv->stride + (conv->kernel_h - 1) * conv->dilation + 1;
    size_t pixels = (size_t)tm_least(rows, args->x.h) * (size_t)args->x.w;
    return args->copied ? pixels * (size_t)args->channels * tm_dtype_size(args->x.type) : 0;
}

/* What both kinds of filters share; the caller sets these. */
static dw_args args_of(tm_lowering *lowering, const tm_node *node)
{
    const tm_conv_attrs *attrs = node->attrs;
    dw_args args = {.x = tm_lower_input(lowering, node, 0),
                    .y = tm_lower_output(lowering, node),
                    .conv = *attrs,
                    .bias = attrs->bias ? tm_lower_keep(lowering, node->inputs[2])
                                        : tm_lower_zeros(lowering, (size_t)node->shape.c),
                    .store = tm_store_of(lowering, &attrs->epilogue, node->type),
                    .kernel = TM_LOWER_KERNEL(lowering, dwconv, node->type)};
    choose_units(&args);
    return args;
}

void tm_conv2d_lower_depthwise(tm_lowering *lowering, const tm_node *node)
{
    const tm_conv_attrs *attrs = node->attrs;
    size_t channels = (size_t)node->shape.c;
    size_t taps = (size_t)attrs->kernel_h * (size_t)attrs->kernel_w;
    pack_args packing = {.weight = node->inputs[1],
                         .channels = channels,
                         .taps = taps,
                         .packed = tm_lower_memory(lowering, channels * taps)};
    tm_lower_defer(lowering, pack, &packing, sizeof packing);
    dw_args args = args_of(lowering, node);
    args.weights = packing.packed;
    tm_lower_step(lowering, node, dw_run, dw_units, &args, sizeof args, copied_bytes(&args));
    tm_lower_pixels(lowering, dw_pixels);
}

void tm_conv2d_lower_filtered(tm_lowering *lowering, const tm_node *node)
{
    dw_args args = args_of(lowering, node);
    args.filters = tm_lower_input(lowering, node, 1);
    tm_lower_step(lowering, node, dw_run, dw_units, &args, sizeof args, copied_bytes(&args));
}
