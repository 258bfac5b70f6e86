/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolution as a product of bfloat16 parts (kernels/split.h). A unit brings its output pixels'
 * inputs into row tiles, all taps of a pixel in one row, and multiplies them with a chunk of
 * panels. Where there are several taps, the rows of the picture that they lie in are split once,
 * between zeros where the picture is padded, and then copied tap by tap.
 */
#include <math.h>

#include "ops/conv2d.h"
#include "ops/panels.h"

enum {
    ROWS_BYTES = 512 << 10,  /* row tiles under work, which should stay in L2 */
    PAIR = 2 * TM_SPLIT_ROWS, /* rows that are multiplied at once */
    MAX_PAIRS = 8,           /* of a unit */
    MIN_PAIRS = 2,           /* fewer only when there are not more */
    MIN_PANELS = 16,         /* of a chunk */
    MAX_PANELS = 32,         /* of a chunk whose sums are kept between blocks of inputs */
    MIN_STEPS = 8,           /* of a block of inputs */
    UNITS_PER_THREAD = 2
};

typedef struct split_args {
    tm_tensor x, y, residual; /* residual.data NULL: none */
    tm_conv_attrs conv;
    int parts, taps, kc, outputs, panels; /* kc, outputs, panels: of a group */
    size_t steps, depth;                  /* of taps * kc inputs; of a block of them */
    bool pointwise; /* 1x1, stride 1, no padding: pixel i of the output is pixel i of the input */
    bool run;       /* the pictures of a batch form one run of rows */
    bool by_rows;   /* units of the same rows follow one another, not those of the same panels */
    size_t line;    /* elements of a split row of the picture, with its padding */
    int region;     /* such rows under a unit, at most */
    int pairs, chunk, chunks; /* of a unit, at most */
    size_t sums; /* floats of a thread's sums */
    const tm_bf16 *weights; /* [group][panel][step][part][16 pairs][16][2], or NULL, and then: */
    const float *whole;     /* [group][panel][step][32][16], split when they are used */
    const float *bias;      /* [group][panel * 16] */
    tm_store store;
    const tm_split_kernels *kernels;
} split_args;

/* A unit's share: output pixels [first, first + count) of picture n (of the whole batch in a run),
 * panels [panel, panel + panels) of a group. */
typedef struct split_unit {
    int n, first, count, group, panel, panels;
} split_unit;

/* ---- whether it pays ---- */

static double tiles_in(double count, double side)
{
    return ceil(count / side);
}

/* Nanoseconds that a layer took on Sapphire Rapids, by parts: a product of tiles with its loads; a
 * row and step of the inputs to be split, or to be copied from the split picture too; a tile of
 * results; two panels' step to be split; and multiply-adds in a nanosecond of the float32 GEMM. */
bool tm_conv2d_split_pays(const tm_node *node, int parts)
{
    static const double product[] = {0, 12, 23, 43}, row[] = {0, 2, 3, 4};
    enum { COPY = 2, RESULT = 50, PANELS = 64, MULTIPLY_ADDS = 105 };
    const tm_conv_attrs *conv = node->attrs;
    double pixels = (double)node->shape.h * node->shape.w, groups = conv->groups;
    double taps = (double)conv->kernel_h * conv->kernel_w;
    double inputs = taps * node->inputs[0]->shape.c / groups, outputs = node->shape.c / groups;
    double rows = tiles_in(pixels, TM_SPLIT_ROWS), steps = tiles_in(inputs, TM_SPLIT_K);
    double panels = tiles_in(outputs, TM_PANEL), pairs = tiles_in(outputs, 2 * TM_PANEL);
    if (groups > 1 && fmod(outputs, TM_PANEL) != 0 && outputs < TM_PANEL)
        return false;
    double split = rows * steps * panels * product[parts] +
                   rows * TM_SPLIT_ROWS * steps * (row[parts] + (taps > 1 ? COPY : 0)) +
                   rows * panels * RESULT +
                   (parts == TM_SPLIT_PARTS ? steps * pairs * PANELS : 0);
    return split < pixels * inputs * panels * TM_PANEL / MULTIPLY_ADDS;
}

/* ---- units ---- */

static int divided(int total, int share)
{
    return (total + share - 1) / share;
}

/* Rows are divided among blocks, of a picture or of all in a run, by whole pairs of tiles. */
static int blocks_of(const split_args *args, int rows)
{
    return divided(divided(rows, PAIR), args->pairs);
}

static int row_blocks(const split_args *args, int batch)
{
    int rows = args->y.h * args->y.w;
    return args->run ? blocks_of(args, batch * rows) : batch * blocks_of(args, rows);
}

static int split_units(const tm_step *step, int batch)
{
    const split_args *args = step->args;
    return row_blocks(args, batch) * args->chunks * args->conv.groups;
}

static split_unit locate(const split_args *args, int batch, int unit)
{
    int all = row_blocks(args, batch), rows = args->y.h * args->y.w * (args->run ? batch : 1);
    int rests = args->chunks * args->conv.groups, blocks = blocks_of(args, rows);
    int block = args->by_rows ? unit / rests : unit % all;
    int rest = args->by_rows ? unit % rests : unit / all;
    int pairs = divided(rows, PAIR), n = block / blocks;
    int first = block % blocks * pairs / blocks * PAIR;
    int end = (block % blocks + 1) * pairs / blocks * PAIR;
    int panel = rest % args->chunks * args->chunk;
    return (split_unit){.n = n,
                        .first = first,
                        .count = (end < rows ? end : rows) - first,
                        .group = rest / args->chunks,
                        .panel = panel,
                        .panels = args->panels - panel < args->chunk ? args->panels - panel
                                                                     : args->chunk};
}

/* ---- rows ---- */

/* Inputs [begin, end) of taps * kc: a block of whole steps, but for the last one. */
typedef struct input_block {
    size_t begin, end, steps;
} input_block;

static input_block block_at(const split_args *args, size_t step)
{
    size_t all = (size_t)args->taps * (size_t)args->kc, left = args->steps - step;
    input_block block = {step * TM_SPLIT_K, all, left < args->depth ? left : args->depth};
    if (block.steps < left)
        block.end = block.begin + block.steps * TM_SPLIT_K;
    return block;
}

/* elements of `steps` steps of a row tile, or of a panel */
static size_t elements(const split_args *args, size_t steps)
{
    return steps * (size_t)args->parts * TM_SPLIT_TILE;
}

/* pixels in their own order */
static void split_pixels(const split_args *args, const split_unit *unit, input_block block,
                         tm_bf16 *tiles)
{
    const float *rows[TM_SPLIT_ROWS];
    size_t offset = (size_t)unit->group * (size_t)args->kc + block.begin;
    int pixels = args->y.h * args->y.w, n = unit->n + unit->first / pixels;
    int pixel = unit->first % pixels;
    for (int i = 0; i < unit->count; i += TM_SPLIT_ROWS, tiles += elements(args, block.steps)) {
        int m = unit->count - i < TM_SPLIT_ROWS ? unit->count - i : TM_SPLIT_ROWS;
        for (int j = 0; j < m; j++) {
            rows[j] = tm_tensor_at(&args->x, n, 0, pixel) + offset;
            if (++pixel == pixels) {
                pixel = 0;
                n++;
            }
        }
        args->kernels->rows(args->parts, m, block.end - block.begin, rows, tiles);
    }
}

/* Row y of picture n between its padding; zeros outside of the picture. */
static void split_line(const split_args *args, int n, int y, size_t offset, tm_bf16 *out)
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
    const float *x = tm_tensor_at(&args->x, n, y, 0) + offset;
    out += left;
    if (args->x.ld == kc) {
        args->kernels->f32(args->parts, width, x, out, args->line);
        return;
    }
    for (int i = 0; i < args->x.w; i++, x += args->x.ld, out += kc)
        args->kernels->f32(args->parts, kc, x, out, args->line);
}

/* Part of a run of n inputs from `begin` on, as far as it lies in the block. */
static void copy_run(const split_args *args, const tm_bf16 *line, size_t begin, size_t n,
                     input_block block, int row, tm_bf16 *tile)
{
    size_t first = begin > block.begin ? begin : block.begin;
    size_t end = begin + n < block.end ? begin + n : block.end;
    if (first < end)
        args->kernels->copy(args->parts, end - first, line + (first - begin), args->line,
                            first - block.begin, row, tile);
}

/* The taps of output pixel (oy, ox) into one row of a tile; region: from row `top` of the picture
 * on. */
static void copy_taps(const split_args *args, const tm_bf16 *region, int top, int oy, int ox,
                      input_block block, int row, tm_bf16 *tile)
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
static void clear_tail(const split_args *args, input_block block, tm_bf16 *tile)
{
    size_t last = elements(args, 1);
    if ((block.end - block.begin) % TM_SPLIT_K)
        memset(tile + elements(args, block.steps) - last, 0, last * sizeof *tile);
}

/* Output pixels of one picture, which are rows `at` on of a unit. */
typedef struct pixel_range {
    int n, first, last, at;
    int top, lines; /* the rows of the picture that they see */
} pixel_range;

/* The unit's next pixels of one picture, the first `at` of it being done. */
static pixel_range picture_at(const split_args *args, const split_unit *unit, int at)
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
static void split_lines(const split_args *args, const split_unit *unit, tm_bf16 *region)
{
    size_t offset = (size_t)unit->group * (size_t)args->kc;
    for (int at = 0; at < unit->count;) {
        pixel_range range = picture_at(args, unit, at);
        for (int i = 0; i < range.lines; i++, region += (size_t)args->parts * args->line)
            split_line(args, range.n, range.top + i, offset, region);
        at += range.last - range.first;
    }
}

static void copy_pixels(const split_args *args, const split_unit *unit, const tm_bf16 *region,
                        input_block block, tm_bf16 *tiles)
{
    for (int at = 0; at < unit->count;) {
        pixel_range range = picture_at(args, unit, at);
        for (int pixel = range.first; pixel < range.last; pixel++, at++) {
            int row = at % TM_SPLIT_ROWS;
            tm_bf16 *tile = tiles + (size_t)(at / TM_SPLIT_ROWS) * elements(args, block.steps);
            if (row == 0)
                clear_tail(args, block, tile);
            copy_taps(args, region, range.top, pixel / args->y.w, pixel % args->y.w, block, row,
                      tile);
        }
        region += (size_t)range.lines * (size_t)args->parts * args->line;
    }
}

/* ---- running ---- */

/* A thread's scratch. */
typedef struct split_scratch {
    float *sums;     /* of every pair of panels of the chunk; none when one block has all inputs */
    tm_bf16 *panels[2]; /* two panels of a block of inputs each: under work, and the next */
    tm_bf16 *tiles;  /* the row tiles of one block of inputs */
    tm_bf16 *region; /* the split rows of the picture */
} split_scratch;

/* floats of the sums of all rows and two panels */
static size_t pair_sums(const split_args *args)
{
    return (size_t)args->pairs * PAIR * TM_SPLIT_PANELS * TM_PANEL;
}

/* elements of the panels' buffer; none when weights are split already */
static size_t panel_buffer(const split_args *args)
{
    return args->parts == TM_SPLIT_PARTS ? TM_SPLIT_PANELS * elements(args, args->depth) : 0;
}

static size_t tile_buffer(const split_args *args)
{
    return 2 * (size_t)args->pairs * elements(args, args->depth);
}

static split_scratch scratch_of(const split_args *args, void *scratch)
{
    split_scratch s = {.sums = scratch};
    s.panels[0] = (tm_bf16 *)(void *)(s.sums + args->sums);
    s.panels[1] = s.panels[0] + panel_buffer(args);
    s.tiles = s.panels[1] + panel_buffer(args);
    s.region = s.tiles + tile_buffer(args);
    return s;
}

static size_t scratch_bytes(const split_args *args)
{
    size_t region = args->pointwise ? 0
                                    : (size_t)args->region * (size_t)args->parts * args->line;
    size_t halves = 2 * panel_buffer(args) + tile_buffer(args) + region;
    return args->sums * sizeof(float) + halves * sizeof(tm_bf16);
}

static float *row_at(const tm_tensor *t, const split_unit *unit, int outputs)
{
    return t->data + (size_t)unit->n * t->stride + (size_t)unit->first * t->ld +
           (size_t)unit->group * (size_t)outputs;
}

/* A call of the kernel: two panels, over one block of inputs. */
typedef struct split_call {
    size_t step; /* the block's first */
    int panel;
} split_call;

/* The call after this one; false: there is none. */
static bool following(const split_args *args, const split_unit *unit, split_call *call)
{
    call->panel += TM_SPLIT_PANELS;
    if (call->panel < unit->panel + unit->panels)
        return true;
    call->panel = unit->panel;
    call->step += args->depth;
    return call->step < args->steps;
}

/* The weights of a call, which become panels at `to`. */
static tm_split_source source_of(const split_args *args, const split_unit *unit, split_call call,
                                 tm_bf16 *to)
{
    size_t size = args->steps * TM_SPLIT_K * TM_PANEL;
    int left = unit->panel + unit->panels - call.panel;
    return (tm_split_source){
        .from = args->whole + (size_t)(unit->group * args->panels + call.panel) * size +
                call.step * TM_SPLIT_K * TM_PANEL,
        .from_stride = size,
        .steps = block_at(args, call.step).steps,
        .to = to,
        .panels = left < TM_SPLIT_PANELS ? left : TM_SPLIT_PANELS};
}

/* The first call's panels, for which no call before it can care. */
static void split_first(const split_args *args, const split_unit *unit, tm_bf16 *to)
{
    tm_split_source source =
        source_of(args, unit, (split_call){.step = 0, .panel = unit->panel}, to);
    for (int p = 0; p < source.panels; p++)
        args->kernels->panel(args->parts, source.steps * TM_SPLIT_K, TM_PANEL,
                             source.from + (size_t)p * source.from_stride, TM_PANEL,
                             to + (size_t)p * elements(args, source.steps));
}

/* Where the call finds its panels; what it splits on its way goes to the other buffer. */
static void point_at_panels(const split_args *args, const split_unit *unit, split_call call,
                            split_scratch *s, tm_split_tile *tile)
{
    if (args->weights) {
        size_t size = elements(args, args->steps);
        tile->b = args->weights + (size_t)(unit->group * args->panels + call.panel) * size +
                  elements(args, call.step);
        tile->b_stride = size;
        return;
    }
    tile->b = s->panels[0];
    tile->b_stride = elements(args, tile->steps);
    tile->next = following(args, unit, &call) ? source_of(args, unit, call, s->panels[1])
                                              : (tm_split_source){0};
    s->panels[1] = s->panels[0];
    s->panels[0] = tile->next.to;
}

static void multiply(const split_args *args, const split_unit *unit, split_call call,
                     split_scratch *s)
{
    size_t column = (size_t)call.panel * TM_PANEL;
    size_t pair = (size_t)((call.panel - unit->panel) / TM_SPLIT_PANELS);
    int left = args->outputs - call.panel * TM_PANEL;
    tm_split_tile tile = {.parts = args->parts,
                          .steps = block_at(args, call.step).steps,
                          .a = s->tiles,
                          .begins = call.step == 0,
                          .ends = call.step + args->depth >= args->steps,
                          .sums = s->sums + pair * pair_sums(args),
                          .bias = args->bias + unit->group * args->panels * TM_PANEL + column,
                          .residual_ld = args->residual.ld,
                          .lo = args->store.lo,
                          .hi = args->store.hi,
                          .c = row_at(&args->y, unit, args->outputs) + column,
                          .c_ld = args->y.ld,
                          .m = unit->count,
                          .n = left < TM_SPLIT_PANELS * TM_PANEL ? left
                                                                 : TM_SPLIT_PANELS * TM_PANEL};
    if (args->residual.data)
        tile.residual = row_at(&args->residual, unit, args->outputs) + column;
    point_at_panels(args, unit, call, s, &tile);
    args->kernels->multiply(&tile);
    if (tile.ends && args->store.curve)
        args->store.kernel(args->store.act.kind, args->store.act.param, (size_t)tile.m,
                           (size_t)tile.n, tile.c, tile.c_ld, tile.c, tile.c_ld);
}

static void split_run(const tm_step *step, int batch, int index, void *scratch)
{
    const split_args *args = step->args;
    split_unit unit = locate(args, batch, index);
    split_scratch s = scratch_of(args, scratch);
    split_call call = {.step = 0, .panel = unit.panel};
    if (!args->pointwise)
        split_lines(args, &unit, s.region);
    if (args->whole)
        split_first(args, &unit, s.panels[0]);
    do {
        if (call.panel == unit.panel && args->pointwise)
            split_pixels(args, &unit, block_at(args, call.step), s.tiles);
        else if (call.panel == unit.panel)
            copy_pixels(args, &unit, s.region, block_at(args, call.step), s.tiles);
        multiply(args, &unit, call, &s);
    } while (following(args, &unit, &call));
}

/* ---- weights ---- */

typedef struct pack_args {
    const tm_node *weight, *bias; /* bias NULL: none */
    int parts, groups, outputs, panels, taps, kc;
    size_t steps;
    tm_bf16 *weights; /* one of these, as in split_args */
    float *whole;
    float *biases;
    const tm_kernels *f32;
    const tm_split_kernels *kernels;
} pack_args;

/* Panel p of all groups; panel: room for one in float32. */
static void pack_panel(const pack_args *args, const float *values, size_t rows, size_t p,
                       float *panel)
{
    size_t taps = (size_t)args->taps, kc = (size_t)args->kc, k = taps * kc;
    size_t padded = args->steps * TM_SPLIT_K;
    tm_bf16 *out = args->weights + p * padded * (size_t)args->parts * TM_PANEL;
    if (args->whole) {
        panel = args->whole + p * padded * TM_PANEL;
        memset(panel + k * TM_PANEL, 0, (padded - k) * TM_PANEL * sizeof *panel);
    } else if (taps == 1) {
        args->kernels->panel_t(args->parts, kc, (int)rows, values, kc, out);
        return;
    }
    tm_pack_taps(args->f32, values, rows, kc, taps, panel);
    if (!args->whole)
        args->kernels->panel(args->parts, k, TM_PANEL, panel, TM_PANEL, out);
}

/* weight [O][I / groups][taps], some rows at a time */
static void pack_weights(tm_lowering *worker, const pack_args *args, float *panel)
{
    size_t row = (size_t)args->taps * (size_t)args->kc, p = 0;
    int64_t part = tm_lower_rows_at_once(args->weight, TM_PANEL), outputs = args->outputs;
    for (int64_t first = 0, count; first < args->groups * outputs; first += count) {
        int64_t left = outputs - first % outputs;
        count = left < part ? left : part;
        const float *values = tm_lower_constant_rows(worker, args->weight, first, count);
        if (!values)
            return;
        for (int64_t i = 0; i < count; i += TM_PANEL) {
            int64_t rows = count - i < TM_PANEL ? count - i : TM_PANEL;
            pack_panel(args, values + (size_t)i * row, (size_t)rows, p++, panel);
        }
        tm_lower_release(worker, values);
    }
    tm_lower_done(worker, args->weight);
}

static void pack(tm_lowering *worker, const void *context)
{
    const pack_args *args = context;
    float *panel =
        tm_lower_temporary(worker, (size_t)args->taps * (size_t)args->kc * TM_PANEL);
    if (panel)
        pack_weights(worker, args, panel);
    tm_lower_release(worker, panel);
    tm_conv2d_pack_bias(worker, args->bias, args->groups, args->outputs,
                        (size_t)args->panels * TM_PANEL, args->biases);
}

static void defer_packing(tm_lowering *lowering, const tm_node *node, split_args *args)
{
    size_t panels = (size_t)args->conv.groups * (size_t)args->panels;
    size_t inputs = panels * args->steps * TM_SPLIT_K * TM_PANEL;
    pack_args packing = {.weight = node->inputs[1],
                         .bias = args->conv.bias ? node->inputs[2] : NULL,
                         .parts = args->parts,
                         .groups = args->conv.groups,
                         .outputs = args->outputs,
                         .panels = args->panels,
                         .taps = args->taps,
                         .kc = args->kc,
                         .steps = args->steps,
                         .f32 = tm_lower_kernels(lowering),
                         .kernels = args->kernels};
    if (args->parts == TM_SPLIT_PARTS)
        packing.whole = tm_lower_memory(lowering, inputs);
    else
        packing.weights =
            (tm_bf16 *)(void *)tm_lower_memory(lowering, inputs * (size_t)args->parts / 2);
    args->weights = packing.weights;
    args->whole = packing.whole;
    args->bias = packing.bias
                     ? (packing.biases = tm_lower_memory(lowering, panels * TM_PANEL))
                     : tm_lower_zeros(lowering, panels * TM_PANEL);
    tm_lower_defer(lowering, pack, &packing, sizeof packing);
}

/* ---- lowering ---- */

/* Inputs whose row tiles fit L2, in steps. */
static size_t choose_depth(const split_args *args)
{
    size_t step_bytes = 2 * (size_t)args->pairs * elements(args, 1) * sizeof(tm_bf16);
    int depth = (int)(ROWS_BYTES / step_bytes), steps = (int)args->steps;
    depth = depth < MIN_STEPS ? MIN_STEPS : depth;
    return (size_t)divided(steps, divided(steps, depth));
}

/* What a unit works on at a time stays in L2: its row tiles by blocks of inputs, two panels, and
 * the sums if there is more than one block. Units for every thread come from fewer rows or from
 * fewer panels, for each of which the same rows are split again. */
static void split_work(split_args *args, int threads)
{
    int rows = args->y.h * args->y.w, all = divided(rows, PAIR);
    int wanted = threads > 1 ? UNITS_PER_THREAD * threads : 1;
    args->pairs = divided(all, divided(all, MAX_PAIRS));
    while (args->by_rows && args->pairs > MIN_PAIRS &&
           blocks_of(args, rows) * args->conv.groups < wanted)
        args->pairs = (args->pairs + 1) / 2;
    int most = choose_depth(args) == args->steps ? args->panels : MAX_PANELS;
    int chunks = divided(args->panels, most);
    int units = blocks_of(args, rows) * args->conv.groups;
    while (units * chunks < wanted && divided(args->panels, chunks + 1) >=
                                          (units * chunks < threads ? TM_SPLIT_PANELS : MIN_PANELS))
        chunks++;
    if (units == 1 && chunks > threads) /* the same number for every thread */
        chunks = chunks / threads * threads;
    args->chunk = divided(divided(args->panels, chunks), TM_SPLIT_PANELS) * TM_SPLIT_PANELS;
    args->chunks = divided(args->panels, args->chunk);
    args->depth = choose_depth(args);
    args->sums = args->depth < args->steps
                     ? pair_sums(args) * (size_t)divided(args->chunk, TM_SPLIT_PANELS)
                     : 0;
}

/* The split rows of the picture that a unit needs. */
static void measure_region(split_args *args)
{
    const tm_conv_attrs *conv = &args->conv;
    int reach = (conv->kernel_w - 1) * conv->dilation;
    int width = (args->y.w - 1) * conv->stride + reach + 1;
    int covered = args->x.w + conv->pad_left;
    int most = args->pairs * PAIR, rows = divided(most - 1, args->y.w) + 1;
    int pictures = args->run ? divided(most - 1, args->y.h * args->y.w) + 1 : 1;
    args->line = (size_t)(width > covered ? width : covered) * (size_t)args->kc;
    args->region = rows * conv->stride + pictures * (conv->kernel_h - 1) * conv->dilation + 1;
}

void tm_conv2d_lower_split(tm_lowering *lowering, const tm_node *node)
{
    const tm_conv_attrs *attrs = node->attrs;
    split_args args = {.x = tm_lower_input(lowering, node, 0),
                       .y = tm_lower_output(lowering, node),
                       .conv = *attrs,
                       .parts = tm_split_parts(tm_lower_precision(lowering)),
                       .taps = attrs->kernel_h * attrs->kernel_w,
                       .store = tm_store_of(lowering, &attrs->epilogue),
                       .kernels = tm_lower_split_kernels(lowering)};
    if (attrs->epilogue.residual)
        args.residual = tm_lower_input(lowering, node, node->input_count - 1);
    args.kc = args.x.c / attrs->groups;
    args.outputs = args.y.c / attrs->groups;
    args.panels = divided(args.outputs, TM_PANEL);
    args.steps = ((size_t)args.taps * (size_t)args.kc + TM_SPLIT_K - 1) / TM_SPLIT_K;
    args.pointwise = args.taps == 1 && attrs->stride == 1 && attrs->pad_top == 0 &&
                     attrs->pad_left == 0 && args.x.h == args.y.h && args.x.w == args.y.w;
    args.run =
        tm_tensor_is_run(&args.y) && (!args.residual.data || tm_tensor_is_run(&args.residual));
    args.by_rows = tm_lower_threads(lowering) > 1 && tm_conv2d_shares_rows(node);
    split_work(&args, tm_lower_threads(lowering));
    defer_packing(lowering, node, &args);
    if (!args.pointwise)
        measure_region(&args);
    tm_lower_step(lowering, node, split_run, split_units, &args, sizeof args,
                  scratch_bytes(&args));
}
