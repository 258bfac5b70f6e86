/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolution as GEMM: the rows of A are pointers to input pixels, one per tap (im2col without the
 * copy); B is the weights in panels of 16 outputs, packed once. A unit is a block of output pixels
 * times a chunk of panels.
 */
#include <math.h>
#include <string.h>

#include "ops/conv2d.h"
#include "ops/finish.h"
#include "ops/panels.h"
#include "ops/window.h"

enum {
    PART_ROWS = 1024, /* of panels, which should stay in L2 with the next ones */
    BLOCK_MIN = 24,   /* rows of a unit */
    BLOCK_MAX = 200,
    BLOCK_BYTES = 1024 * 1024, /* inputs of a unit, which should stay in L2 */
    CHUNK_BYTES = 384 * 1024,  /* weights of a unit, which should too */
    UNITS_PER_THREAD = 4,      /* so that an uneven machine stays busy */
    PACK_BLOCK = 64,           /* inputs packed at a time */
    NARROW = 8                 /* fewer input channels than this: a row of taps counts as one */
};

typedef struct gemm_args {
    tm_tensor x, y, residual; /* residual may be none */
    tm_conv_attrs conv;       /* groups: after merging */
    int taps, kc;             /* kc: input channels of a group */
    int outputs, panels;      /* of a group */
    const float *weights;     /* [group][panel][taps * kc][16] */
    const float *bias;        /* [group][panel * 16] */
    const float *zeros;
    bool pointwise; /* 1x1, stride 1, no padding: pixel i of the output is pixel i of the input */
    bool tap_rows;
    bool run;     /* the pictures of a batch form one run of rows */
    bool by_rows; /* units of the same rows follow one another, not those of the same panels */
    int block, chunk, chunks, group_step; /* of a unit; chunks of all panels */
    int parts;                            /* of a sum */
    tm_store store;
    const tm_kernels *kernels;
} gemm_args;

/* ---- running ---- */

/* A unit's share: rows [first, first + count) of picture n (of the whole batch in a run), panels
 * [panel, panel + panels) of groups [group, last_group). */
typedef struct gemm_unit {
    const tm_run_state *run;
    int n, first, count, group, last_group, panel, panels;
} gemm_unit;

static int row_blocks(const gemm_args *args, int batch)
{
    int rows = args->y.h * args->y.w;
    return args->run ? (batch * rows + args->block - 1) / args->block
                     : batch * ((rows + args->block - 1) / args->block);
}

static int gemm_units(const tm_step *step, int batch)
{
    const gemm_args *args = step->args;
    return row_blocks(args, batch) * args->chunks *
           tm_ceil_div(args->conv.groups, args->group_step);
}

static gemm_unit locate(const gemm_args *args, const tm_run_state *run, int unit)
{
    int batch = run->batch;
    int blocks = row_blocks(args, batch), rows = args->y.h * args->y.w;
    int rests = args->chunks * tm_ceil_div(args->conv.groups, args->group_step);
    int block = args->by_rows ? unit / rests : unit % blocks;
    int rest = args->by_rows ? unit % rests : unit / blocks, n = 0;
    if (args->run) {
        rows *= batch;
    } else {
        int per_picture = (rows + args->block - 1) / args->block;
        n = block / per_picture;
        block %= per_picture;
    }
    int first = block * args->block, panel = rest % args->chunks * args->chunk;
    int group = rest / args->chunks * args->group_step, groups = args->conv.groups - group;
    return (gemm_unit){
        .run = run,
        .n = n,
        .first = first,
        .count = rows - first < args->block ? rows - first : args->block,
        .group = group,
        .last_group = group + (groups < args->group_step ? groups : args->group_step),
        .panel = panel,
        .panels = args->panels - panel < args->chunk ? args->panels - panel : args->chunk};
}

static float *row_at(const tm_tensor *t, const gemm_unit *unit)
{
    return tm_tensor_at(unit->run, t, unit->n, 0, unit->first);
}

/* Outputs [column, column + count) of a row of picture n, `at` pixels behind the unit's first. */
typedef struct pixel_run {
    const tm_run_state *run;
    int n, row, column, count;
} pixel_run;

static pixel_run run_at(const gemm_args *args, const gemm_unit *unit, int at)
{
    int pixels = args->y.h * args->y.w, pixel = (unit->first + at) % pixels;
    int column = pixel % args->y.w, width = args->y.w - column, left = unit->count - at;
    return (pixel_run){.run = unit->run,
                       .n = unit->n + (unit->first + at) / pixels,
                       .row = pixel / args->y.w,
                       .column = column,
                       .count = width < left ? width : left};
}

static void repeat_last(const float **rows, int count, size_t stride)
{
    for (size_t i = (size_t)count; i < stride; i++)
        rows[i] = rows[count - 1];
}

/* The input pixels under tap (ky, kx) of a run; zeros outside. */
static void point_run(const gemm_args *args, pixel_run run, int ky, int kx, const float **out)
{
    const tm_conv_attrs *conv = &args->conv;
    int y = run.row * conv->stride - conv->pad_top + ky * conv->dilation;
    int x = run.column * conv->stride - conv->pad_left + kx * conv->dilation;
    bool inside = y >= 0 && y < args->x.h;
    const float *line = inside ? tm_tensor_at(run.run, &args->x, run.n, y, 0) : NULL;
    for (int i = 0; i < run.count; i++, x += conv->stride)
        out[i] = inside && x >= 0 && x < args->x.w ? line + (size_t)x * args->x.ld : args->zeros;
}

/* rows[t * stride + i] for the unit's pixels; the pointers behind the last pixel repeat it */
static void point_rows(const gemm_args *args, const gemm_unit *unit, const float **rows,
                       size_t stride)
{
    for (int ky = 0; ky < args->conv.kernel_h; ky++)
        for (int kx = 0; kx < args->conv.kernel_w; kx++, rows += stride) {
            for (int i = 0; i < unit->count;) {
                pixel_run run = run_at(args, unit, i);
                point_run(args, run, ky, kx, rows + i);
                i += run.count;
            }
            repeat_last(rows, unit->count, stride);
        }
}

/* The same for a pointwise convolution: pixels in their own order. */
static void point_pixels(const gemm_args *args, const gemm_unit *unit, const float **rows,
                         size_t stride)
{
    int pixels = args->y.h * args->y.w;
    int n = unit->n + unit->first / pixels, pixel = unit->first % pixels;
    for (int i = 0; i < unit->count; i++) {
        rows[i] = tm_tensor_at(unit->run, &args->x, n, 0, pixel);
        if (++pixel == pixels) {
            pixel = 0;
            n++;
        }
    }
    repeat_last(rows, unit->count, stride);
}

/* A row of taps of one pixel, as far as it lies in the line of the picture; the rest is zero. */
static void copy_tap_row(const gemm_args *args, const float *line, int left, float *out)
{
    int c = args->x.c, dilation = args->conv.dilation;
    for (int kx = 0; kx < args->conv.kernel_w; kx++, out += c) {
        int x = left + kx * dilation;
        if (x < 0 || x >= args->x.w) {
            for (int k = 0; k < c; k++)
                out[k] = 0.0f;
        } else {
            const float *from = line + (size_t)x * args->x.ld;
            for (int k = 0; k < c; k++)
                out[k] = from[k];
        }
    }
}

/* The input lines under tap row ky of a run: a line's pixels lie together, so only what the edges
 * cut must be copied. Returns where the next copy goes. */
static float *point_lines(const gemm_args *args, pixel_run run, int ky, const float **out,
                          float *copy)
{
    const tm_conv_attrs *conv = &args->conv;
    bool dense = conv->dilation == 1 && args->x.ld == (size_t)args->x.c;
    int y = run.row * conv->stride - conv->pad_top + ky * conv->dilation;
    int x = run.column * conv->stride - conv->pad_left;
    bool inside = y >= 0 && y < args->x.h;
    const float *line = inside ? tm_tensor_at(run.run, &args->x, run.n, y, 0) : NULL;
    for (int i = 0; i < run.count; i++, x += conv->stride) {
        if (!inside) {
            out[i] = args->zeros;
        } else if (dense && x >= 0 && x + conv->kernel_w <= args->x.w) {
            out[i] = line + (size_t)x * args->x.ld;
        } else {
            copy_tap_row(args, line, x, copy);
            out[i] = copy;
            copy += conv->kernel_w * args->x.c;
        }
    }
    return copy;
}

/* Few channels: a row of taps counts as one, rows[ky * stride + i]. */
static void point_tap_rows(const gemm_args *args, const gemm_unit *unit, const float **rows,
                           size_t stride, float *copy)
{
    for (int ky = 0; ky < args->conv.kernel_h; ky++, rows += stride) {
        for (int i = 0; i < unit->count;) {
            pixel_run run = run_at(args, unit, i);
            copy = point_lines(args, run, ky, rows + i, copy);
            i += run.count;
        }
        repeat_last(rows, unit->count, stride);
    }
}

/* Rows [first, first + count) of the panels, and the taps and channels they belong to. A part's
 * panels stay in L2 while the tiles of a block use them; sums go on from what y holds. */
typedef struct k_part {
    size_t first, count;
    int tap, taps;
    size_t channel;
    int kc;
} k_part;

static k_part part_at(const tm_gemm_tile *whole, int parts, int index)
{
    k_part part = {.taps = whole->taps, .kc = whole->kc};
    if (whole->taps > 1) {
        int step = tm_ceil_div(whole->taps, parts), left = whole->taps - index * step;
        part.tap = index * step;
        part.taps = left < step ? left : step;
    } else {
        int step = tm_ceil_div(whole->kc, parts), left = whole->kc - index * step;
        part.channel = (size_t)(index * step);
        part.kc = left < step ? left : step;
    }
    part.first = (size_t)part.tap * (size_t)whole->kc + part.channel;
    part.count = (size_t)part.taps * (size_t)part.kc;
    return part;
}

/* The tiles of a block for a part of the sum. tile: the first one's columns, of the whole sum;
 * next: the rows of `ahead` panels that the next tiles will want. */
static void run_part(const gemm_args *args, int count, const tm_gemm_kernel *kernel,
                     tm_gemm_tile tile, k_part part, const float *next, int ahead)
{
    const float *const *rows = tile.rows + (size_t)part.tap * tile.tap_stride;
    const float *residual = tile.residual;
    float *c = tile.c;
    bool last = part.first + part.count == tile.panel_stride / TM_PANEL;
    if (part.first > 0)
        tile.bias = NULL;
    tile.panel += part.first * TM_PANEL;
    tile.taps = part.taps;
    tile.kc = part.kc;
    tile.offset += part.channel;
    tile.residual = NULL;
    tile.lo = last ? args->store.lo : -INFINITY;
    tile.hi = last ? args->store.hi : INFINITY;
    for (int i = 0; i < count; i += kernel->rows) {
        tile.rows = rows + i;
        tile.m = count - i < kernel->rows ? count - i : kernel->rows;
        tile.next = tm_rows_to_fetch(next, tile.panel_stride, part.count, ahead, i / kernel->rows);
        tile.c = c + (size_t)i * tile.c_ld;
        if (residual && last)
            tile.residual = residual + (size_t)i * tile.residual_ld;
        kernel->run(&tile);
        if (last)
            tm_finish(&args->store, tile.m, tile.n, tile.c, tile.c_ld);
    }
}

static void run_group(const gemm_args *args, const gemm_unit *unit, int group, tm_gemm_tile tile)
{
    size_t output = (size_t)group * (size_t)args->outputs;
    float *y = row_at(&args->y, unit) + output;
    const float *residual =
        tm_tensor_is_none(&args->residual) ? NULL : row_at(&args->residual, unit) + output;
    tile.offset = (size_t)group * (size_t)args->kc;
    int last = unit->panel + unit->panels;
    for (int p = unit->panel, wide; p < last; p += wide) {
        wide = tm_gemm_width(args->kernels, last - p);
        size_t column = (size_t)p * TM_PANEL, panel = (size_t)(group * args->panels + p);
        int left = args->outputs - p * TM_PANEL, behind = args->panels - p - wide;
        tile.n = left < wide * TM_PANEL ? left : wide * TM_PANEL;
        tile.panel = args->weights + panel * tile.panel_stride;
        tile.bias = args->bias + panel * TM_PANEL;
        tile.c = y + column;
        tile.residual = residual ? residual + column : NULL;
        for (int i = 0; i < args->parts; i++) {
            k_part part = part_at(&tile, args->parts, i);
            bool more = i + 1 < args->parts;
            const float *next = more ? tile.panel + (part.first + part.count) * TM_PANEL
                                     : tile.panel + (size_t)wide * tile.panel_stride;
            run_part(args, unit->count, &args->kernels->gemm[wide], tile, part, next,
                     more || behind > wide ? wide : behind);
        }
    }
}

/* scratch: the pointers, then the copies of tap rows */
static void gemm_run(const tm_step *step, const tm_run_state *run, int index)
{
    const gemm_args *args = step->args;
    gemm_unit unit = locate(args, run, index);
    const float **rows = run->scratch;
    size_t stride = (size_t)args->block + TM_MAX_ROWS, k = (size_t)args->taps * (size_t)args->kc;
    tm_gemm_tile tile = {.rows = rows,
                         .tap_stride = stride,
                         .taps = args->taps,
                         .kc = args->kc,
                         .panel_stride = k * TM_PANEL,
                         .residual_ld = args->residual.ld,
                         .c_ld = args->y.ld};
    if (args->tap_rows) {
        tile.taps = args->conv.kernel_h;
        tile.kc = args->conv.kernel_w * args->kc;
        point_tap_rows(args, &unit, rows, stride, (float *)(rows + (size_t)tile.taps * stride));
    } else if (args->pointwise) {
        point_pixels(args, &unit, rows, stride);
    } else {
        point_rows(args, &unit, rows, stride);
    }
    for (int group = unit.group; group < unit.last_group; group++)
        run_group(args, &unit, group, tile);
}

/* ---- packing ---- */

/* Groups too narrow to fill a panel are computed together, with zeros between them. */
static int merged_groups(int groups, int outputs)
{
    if (groups == 1 || outputs % TM_PANEL == 0)
        return 1;
    for (int merge = 2; merge < groups && merge * outputs <= 2 * TM_PANEL; merge++)
        if (groups % merge == 0 && merge * outputs % TM_PANEL == 0)
            return merge;
    for (int merge = 1; merge < groups; merge++)
        if (groups % merge == 0 && merge * outputs >= TM_PANEL)
            return merge;
    return groups;
}

typedef struct pack_args {
    const tm_node *weight, *bias; /* bias NULL: none */
    int groups, merge, outputs, panels, taps, kc;
    float *weights, *biases;
    const tm_kernels *kernels;
} pack_args;

/* Inputs [begin, end) of one panel. values: the panel's outputs, from output `first` of the group
 * on. */
static void pack_block(const pack_args *args, const float *values, int first, size_t begin,
                       size_t end, float *out)
{
    size_t taps = (size_t)args->taps, inputs = (size_t)(args->kc / args->merge);
    int sub_outputs = args->outputs / args->merge;
    for (int j = 0; j < TM_PANEL && first + j < args->outputs; j++) {
        size_t sub = (size_t)((first + j) / sub_outputs) * inputs;
        const float *from = values + (size_t)j * inputs * taps;
        for (size_t t = 0; t < taps; t++)
            for (size_t i = begin; i < end; i++)
                out[(t * (size_t)args->kc + sub + i) * TM_PANEL + (size_t)j] = from[i * taps + t];
    }
}

/* One panel, block by block: what is written stays in the cache until every output was there. */
static void pack_panel(const pack_args *args, const float *values, int first, float *out)
{
    size_t inputs = (size_t)(args->kc / args->merge);
    size_t panel_floats = (size_t)args->taps * (size_t)args->kc * TM_PANEL;
    int rows = args->outputs - first < TM_PANEL ? args->outputs - first : TM_PANEL;
    if (args->merge == 1) {
        tm_pack_taps(args->kernels, values, (size_t)rows, (size_t)args->kc, (size_t)args->taps,
                     out);
        return;
    }
    memset(out, 0, panel_floats * sizeof *out);
    for (size_t i = 0; i < inputs; i += PACK_BLOCK)
        pack_block(args, values, first, i, inputs - i < PACK_BLOCK ? inputs : i + PACK_BLOCK, out);
}

/* weight [O][I / original groups][taps] into [group][panel][taps * kc][16], some rows at a time */
static void pack_weights(tm_lowering *worker, const pack_args *args)
{
    size_t row = (size_t)(args->kc / args->merge) * (size_t)args->taps;
    size_t panel_floats = (size_t)args->taps * (size_t)args->kc * TM_PANEL;
    int64_t part = tm_lower_rows_at_once(args->weight, TM_PANEL);
    float *out = args->weights;
    for (int g = 0; g < args->groups; g++) {
        for (int64_t o = 0; o < args->outputs; o += part) {
            int64_t left = args->outputs - o, count = left < part ? left : part;
            const float *values =
                tm_lower_constant_rows(worker, args->weight, g * args->outputs + o, count);
            if (!values)
                return;
            for (int64_t i = 0; i < count; i += TM_PANEL, out += panel_floats)
                pack_panel(args, values + (size_t)i * row, (int)(o + i), out);
            tm_lower_release(worker, values);
        }
    }
    tm_lower_done(worker, args->weight);
}

static void pack(tm_lowering *worker, const void *context)
{
    const pack_args *args = context;
    pack_weights(worker, args);
    tm_pack_bias(worker, args->bias, args->groups, args->outputs, (size_t)args->panels * TM_PANEL,
                 args->biases);
}

/* Memory for the packed weights and bias, filled later. */
static void defer_packing(tm_lowering *lowering, const tm_node *node, int merge, gemm_args *args)
{
    size_t groups = (size_t)args->conv.groups, panels = (size_t)args->panels;
    size_t row = panels * TM_PANEL, k = (size_t)args->taps * (size_t)args->kc;
    pack_args packing = {.weight = node->inputs[1],
                         .bias = args->conv.bias ? node->inputs[2] : NULL,
                         .groups = args->conv.groups,
                         .merge = merge,
                         .outputs = args->outputs,
                         .panels = args->panels,
                         .taps = args->taps,
                         .kc = args->kc,
                         .kernels = tm_lower_kernels(lowering),
                         .weights = tm_lower_memory(lowering, groups * row * k)};
    args->weights = packing.weights;
    if (packing.bias)
        args->bias = packing.biases = tm_lower_memory(lowering, groups * row);
    else
        args->bias = tm_lower_zeros(lowering, groups * row);
    tm_lower_defer(lowering, pack, &packing, sizeof packing);
}

/* `count` rows in blocks of at most `most`, alike in size and made of whole tiles. */
static int even_block(int count, int most, int tile_rows)
{
    int block = tm_ceil_div(count, tm_ceil_div(count, most));
    return tm_ceil_div(block, tile_rows) * tile_rows;
}

/* Blocks whose inputs stay in L2 and, if there are several of them, chunks whose weights do; then
 * smaller units until every thread has its share. */
static void split_work(gemm_args *args, int threads)
{
    size_t panel_bytes = (size_t)args->taps * (size_t)args->kc * TM_PANEL * sizeof(float);
    size_t row_bytes = (size_t)args->kc * sizeof(float);
    int rows = args->y.h * args->y.w, wanted = threads > 1 ? UNITS_PER_THREAD * threads : 1;
    int tile_rows = args->kernels->gemm[tm_gemm_width(args->kernels, args->panels)].rows;
    int fitting = (int)(BLOCK_BYTES / row_bytes), blocks;
    fitting = fitting < BLOCK_MIN ? BLOCK_MIN : fitting > BLOCK_MAX ? BLOCK_MAX : fitting;
    args->block = even_block(rows, fitting, tile_rows);
    args->chunk = args->panels;
    if (args->block < rows && args->chunk * panel_bytes > CHUNK_BYTES)
        args->chunk = (int)(CHUNK_BYTES / panel_bytes) / 12 * 12;
    if (args->chunk == 0)
        args->chunk = 12;
    for (;;) {
        args->chunks = tm_ceil_div(args->panels, args->chunk);
        blocks = tm_ceil_div(rows, args->block) * args->conv.groups;
        args->group_step = args->chunks * blocks / wanted;
        if (args->group_step > args->conv.groups)
            args->group_step = args->conv.groups;
        if (args->group_step > 0)
            return;
        args->group_step = 1;
        if (args->chunk > 4 && !(args->by_rows && args->block > BLOCK_MIN))
            args->chunk = tm_ceil_div(args->chunk, 2);
        else if (args->block > BLOCK_MIN)
            args->block = even_block(rows, args->block / 2, tile_rows);
        else
            return;
    }
}

/* Into how many parts, of whole taps if there are several, a sum is cut. */
static int sum_parts(const gemm_args *args)
{
    int taps = args->tap_rows ? args->conv.kernel_h : args->taps;
    int pieces = taps > 1 ? taps : args->kc;
    int parts = tm_ceil_div(args->taps * args->kc, PART_ROWS);
    if (tm_tensor_same_place(&args->residual,
                             &args->y)) /* y would lose the residual to the first part */
        parts = 1;
    return tm_ceil_div(pieces, tm_ceil_div(pieces, parts));
}

void tm_conv2d_lower_gemm(tm_lowering *lowering, const tm_node *node)
{
    const tm_conv_attrs *attrs = node->attrs;
    gemm_args args = {.x = tm_lower_input(lowering, node, 0),
                      .y = tm_lower_output(lowering, node),
                      .conv = *attrs,
                      .taps = attrs->kernel_h * attrs->kernel_w,
                      .store = tm_store_of(lowering, &attrs->epilogue),
                      .kernels = tm_lower_kernels(lowering)};
    int merge = merged_groups(attrs->groups, args.y.c / attrs->groups);
    args.conv.groups = attrs->groups / merge;
    args.kc = args.x.c / args.conv.groups;
    args.outputs = args.y.c / args.conv.groups;
    args.panels = (args.outputs + TM_PANEL - 1) / TM_PANEL;
    args.pointwise = tm_conv2d_is_pointwise(node);
    args.tap_rows = args.taps > 1 && args.conv.groups == 1 && args.kc < NARROW;
    if (attrs->epilogue.residual)
        args.residual = tm_lower_input(lowering, node, node->input_count - 1);
    args.run = tm_conv2d_is_run(&args.y, &args.residual);
    args.parts = sum_parts(&args);
    args.by_rows = tm_lower_threads(lowering) > 1 && tm_conv2d_shares_rows(node);
    split_work(&args, tm_lower_threads(lowering));
    defer_packing(lowering, node, merge, &args);
    size_t pointers = (size_t)args.block + TM_MAX_ROWS, tap_floats = (size_t)args.x.c;
    size_t taps = args.tap_rows ? (size_t)attrs->kernel_h : (size_t)args.taps;
    if (args.tap_rows)
        tap_floats *= (size_t)attrs->kernel_w;
    args.zeros = tm_lower_zeros(lowering, tap_floats);
    size_t scratch = taps * pointers * sizeof(float *);
    if (args.tap_rows)
        scratch += (size_t)args.block * (size_t)args.taps * (size_t)args.kc * sizeof(float);
    tm_lower_step(lowering, node, gemm_run, gemm_units, &args, sizeof args, scratch);
}
