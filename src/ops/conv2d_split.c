/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolution as a product of bfloat16 parts (kernels/split.h). A unit brings its output pixels'
 * inputs into row tiles, all taps of a pixel in one row, and multiplies them with a chunk of
 * panels. Where there are several taps, the rows of the picture that they lie in are split once,
 * between zeros where the picture is padded, and then copied tap by tap.
 */
#include "ops/conv2d.h"
#include "ops/panels.h"

enum {
    ROWS_BYTES = 512 << 10,  /* row tiles under work, which should stay in L2 */
    CHUNK_BYTES = 768 << 10, /* of panels, likewise */
    MAX_TILES = 16,          /* row tiles of a unit */
    MIN_TILES = 4,           /* fewer only when there are not more */
    MIN_PANELS = 8,          /* of a chunk: the same rows are split again for every chunk */
    MAX_PANELS = 32,         /* of a chunk whose sums are kept between blocks of inputs */
    MIN_STEPS = 8,           /* of a block of inputs */
    UNITS_PER_THREAD = 4,
    LEAST_ROWS = 8 /* output pixels: fewer leave too much of a tile empty */
};

typedef struct split_args {
    tm_tensor x, y, residual; /* residual.data NULL: none */
    tm_conv_attrs conv;
    int parts, taps, kc, outputs, panels; /* kc, outputs, panels: of a group */
    size_t steps, depth;                  /* of taps * kc inputs; of a block of them */
    bool pointwise; /* 1x1, stride 1, no padding: pixel i of the output is pixel i of the input */
    bool run;       /* the pictures of a batch form one run of rows */
    size_t line;    /* elements of a split row of the picture, with its padding */
    int region;     /* such rows under a unit, at most */
    int block, chunk, chunks;
    size_t sums; /* floats of a thread's sums */
    const tm_bf16 *weights; /* [group][panel][step][part][16 pairs][16][2] */
    const float *bias;      /* [group][panel * 16] */
    tm_store store;
    const tm_split_kernels *kernels;
} split_args;

/* A unit's share: output pixels [first, first + count) of picture n (of the whole batch in a run),
 * panels [panel, panel + panels) of a group. */
typedef struct split_unit {
    int n, first, count, group, panel, panels;
} split_unit;

bool tm_conv2d_split_pays(const tm_node *node)
{
    const tm_conv_attrs *conv = node->attrs;
    return node->shape.h * node->shape.w >= LEAST_ROWS &&
           node->shape.c / conv->groups >= TM_PANEL &&
           (conv->groups == 1 || node->inputs[0]->shape.c / conv->groups >= TM_PANEL);
}

/* ---- units ---- */

static int row_blocks(const split_args *args, int batch)
{
    int rows = args->y.h * args->y.w;
    return args->run ? (batch * rows + args->block - 1) / args->block
                     : batch * ((rows + args->block - 1) / args->block);
}

static int split_units(const tm_step *step, int batch)
{
    const split_args *args = step->args;
    return row_blocks(args, batch) * args->chunks * args->conv.groups;
}

static split_unit locate(const split_args *args, int batch, int unit)
{
    int blocks = row_blocks(args, batch), rows = args->y.h * args->y.w;
    int block = unit % blocks, rest = unit / blocks, n = 0;
    if (args->run) {
        rows *= batch;
    } else {
        int per_picture = (rows + args->block - 1) / args->block;
        n = block / per_picture;
        block %= per_picture;
    }
    int first = block * args->block, panel = rest % args->chunks * args->chunk;
    return (split_unit){.n = n,
                        .first = first,
                        .count = rows - first < args->block ? rows - first : args->block,
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
    tm_bf16 *tiles;  /* the row tiles of one block of inputs */
    tm_bf16 *region; /* the split rows of the picture */
} split_scratch;

/* floats of the sums of `block` rows and two panels */
static size_t pair_sums(int block)
{
    int pairs = (block + 2 * TM_SPLIT_ROWS - 1) / (2 * TM_SPLIT_ROWS);
    return (size_t)pairs * 4 * TM_SPLIT_ROWS * TM_PANEL;
}

static float *row_at(const tm_tensor *t, const split_unit *unit, int outputs)
{
    return t->data + (size_t)unit->n * t->stride + (size_t)unit->first * t->ld +
           (size_t)unit->group * (size_t)outputs;
}

/* The unit's tiles times its panels, over one block of inputs. */
static void multiply(const split_args *args, const split_unit *unit, input_block block,
                     const tm_bf16 *tiles, float *sums)
{
    size_t panel_size = elements(args, args->steps);
    float *y = row_at(&args->y, unit, args->outputs);
    const float *residual =
        args->residual.data ? row_at(&args->residual, unit, args->outputs) : NULL;
    tm_split_tile tile = {.parts = args->parts,
                          .steps = block.steps,
                          .a = tiles,
                          .b_stride = panel_size,
                          .begins = block.begin == 0,
                          .ends = block.begin / TM_SPLIT_K + block.steps == args->steps,
                          .residual_ld = args->residual.ld,
                          .lo = args->store.lo,
                          .hi = args->store.hi,
                          .c_ld = args->y.ld,
                          .m = unit->count};
    const tm_bf16 *weights = args->weights + (size_t)(unit->group * args->panels) * panel_size +
                             elements(args, block.begin / TM_SPLIT_K);
    for (int p = unit->panel; p < unit->panel + unit->panels; p += TM_SPLIT_PANELS) {
        size_t column = (size_t)p * TM_PANEL;
        int left = args->outputs - p * TM_PANEL;
        bool more = p + 2 * TM_SPLIT_PANELS <= unit->panel + unit->panels;
        tile.n = left < TM_SPLIT_PANELS * TM_PANEL ? left : TM_SPLIT_PANELS * TM_PANEL;
        tile.b = weights + (size_t)p * panel_size;
        tile.next = more ? tile.b + TM_SPLIT_PANELS * panel_size : NULL;
        tile.sums = sums + (size_t)((p - unit->panel) / TM_SPLIT_PANELS) * pair_sums(args->block);
        tile.bias = args->bias + (size_t)unit->group * (size_t)args->panels * TM_PANEL + column;
        tile.c = y + column;
        tile.residual = residual ? residual + column : NULL;
        args->kernels->multiply(&tile);
        if (tile.ends && args->store.curve)
            args->store.kernel(args->store.act.kind, args->store.act.param, (size_t)tile.m,
                               (size_t)tile.n, tile.c, tile.c_ld, tile.c, tile.c_ld);
    }
}

static void split_run(const tm_step *step, int batch, int index, void *scratch)
{
    const split_args *args = step->args;
    split_unit unit = locate(args, batch, index);
    split_scratch s = {.sums = scratch};
    s.tiles = (tm_bf16 *)(void *)(s.sums + args->sums);
    s.region = s.tiles + (size_t)args->block / TM_SPLIT_ROWS * elements(args, args->depth);
    if (!args->pointwise)
        split_lines(args, &unit, s.region);
    for (size_t at = 0; at < args->steps; at += args->depth) {
        input_block block = block_at(args, at);
        if (args->pointwise)
            split_pixels(args, &unit, block, s.tiles);
        else
            copy_pixels(args, &unit, s.region, block, s.tiles);
        multiply(args, &unit, block, s.tiles, s.sums);
    }
}

/* ---- weights ---- */

typedef struct pack_args {
    const tm_node *weight, *bias; /* bias NULL: none */
    int parts, groups, outputs, panels, taps, kc;
    size_t steps;
    tm_bf16 *weights;
    float *biases;
    const tm_kernels *f32;
    const tm_split_kernels *kernels;
} pack_args;

static void pack_panel(const pack_args *args, const float *values, size_t rows, float *panel,
                       tm_bf16 *out)
{
    size_t taps = (size_t)args->taps, kc = (size_t)args->kc;
    if (taps == 1) {
        args->kernels->panel_t(args->parts, kc, (int)rows, values, kc, out);
        return;
    }
    tm_pack_taps(args->f32, values, rows, kc, taps, panel);
    args->kernels->panel(args->parts, taps * kc, TM_PANEL, panel, TM_PANEL, out);
}

/* weight [O][I / groups][taps], some rows at a time; panel: room for one in float32 */
static void pack_weights(tm_lowering *worker, const pack_args *args, float *panel)
{
    size_t taps = (size_t)args->taps, kc = (size_t)args->kc;
    size_t panel_size = args->steps * (size_t)args->parts * TM_SPLIT_TILE;
    int64_t part = tm_lower_rows_at_once(args->weight, TM_PANEL), outputs = args->outputs;
    tm_bf16 *out = args->weights;
    for (int64_t first = 0, count; first < args->groups * outputs; first += count) {
        int64_t left = outputs - first % outputs;
        count = left < part ? left : part;
        const float *values = tm_lower_constant_rows(worker, args->weight, first, count);
        if (!values)
            return;
        for (int64_t i = 0; i < count; i += TM_PANEL) {
            int64_t rows = count - i < TM_PANEL ? count - i : TM_PANEL;
            pack_panel(args, values + (size_t)i * taps * kc, (size_t)rows, panel, out);
            out += panel_size;
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
    size_t halves = panels * elements(args, args->steps);
    pack_args packing = {.weight = node->inputs[1],
                         .bias = args->conv.bias ? node->inputs[2] : NULL,
                         .parts = args->parts,
                         .groups = args->conv.groups,
                         .outputs = args->outputs,
                         .panels = args->panels,
                         .taps = args->taps,
                         .kc = args->kc,
                         .steps = args->steps,
                         .weights = (tm_bf16 *)(void *)tm_lower_memory(lowering, halves / 2),
                         .f32 = tm_lower_kernels(lowering),
                         .kernels = args->kernels};
    args->weights = packing.weights;
    args->bias = packing.bias
                     ? (packing.biases = tm_lower_memory(lowering, panels * TM_PANEL))
                     : tm_lower_zeros(lowering, panels * TM_PANEL);
    tm_lower_defer(lowering, pack, &packing, sizeof packing);
}

/* ---- lowering ---- */

static int divided(int total, int share)
{
    return (total + share - 1) / share;
}

/* Half as many row tiles a unit, or half as many panels; false: not without losing more. Few
 * weights are read again by every block, many are divided. */
static bool halve(split_args *args, int *tiles, bool few_weights)
{
    bool by_rows = *tiles > MIN_TILES, by_panels = args->chunk > MIN_PANELS;
    if (by_rows && (few_weights || !by_panels))
        *tiles = (*tiles + 1) / 2;
    else if (by_panels)
        args->chunk = (args->chunk / 2 + 1) / 2 * 2;
    else
        return false;
    return true;
}

/* What a unit works on at a time stays in L2: its row tiles by blocks of inputs, two panels, and
 * the sums. */
static void split_work(split_args *args, int threads)
{
    size_t step_bytes = elements(args, 1) * sizeof(tm_bf16);
    int all = divided(args->y.h * args->y.w, TM_SPLIT_ROWS);
    int tiles = divided(all, divided(all, MAX_TILES));
    int chunk = (int)(CHUNK_BYTES / (args->steps * step_bytes)) / 2 * 2;
    bool few_weights = chunk >= args->panels;
    args->chunk = few_weights || args->panels < MAX_PANELS ? args->panels : MAX_PANELS;
    for (;;) {
        args->chunks = divided(args->panels, args->chunk);
        int units = divided(all, tiles) * args->chunks * args->conv.groups;
        if (units >= UNITS_PER_THREAD * threads || !halve(args, &tiles, few_weights))
            break;
    }
    args->block = tiles * TM_SPLIT_ROWS;
    int depth = (int)(ROWS_BYTES / ((size_t)tiles * step_bytes)), steps = (int)args->steps;
    depth = depth < MIN_STEPS ? MIN_STEPS : depth;
    args->depth = (size_t)divided(steps, divided(steps, depth));
    args->sums = args->depth < args->steps
                     ? pair_sums(args->block) * (size_t)divided(args->chunk, TM_SPLIT_PANELS)
                     : 0;
}

/* The split rows of the picture that a unit needs. */
static void measure_region(split_args *args)
{
    const tm_conv_attrs *conv = &args->conv;
    int reach = (conv->kernel_w - 1) * conv->dilation;
    int width = (args->y.w - 1) * conv->stride + reach + 1;
    int covered = args->x.w + conv->pad_left;
    int rows = divided(args->block - 1, args->y.w) + 1;
    int pictures = args->run ? divided(args->block - 1, args->y.h * args->y.w) + 1 : 1;
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
    split_work(&args, tm_lower_threads(lowering));
    defer_packing(lowering, node, &args);
    size_t halves = (size_t)args.block / TM_SPLIT_ROWS * elements(&args, args.depth);
    if (!args.pointwise) {
        measure_region(&args);
        halves += (size_t)args.region * (size_t)args.parts * args.line;
    }
    tm_lower_step(lowering, node, split_run, split_units, &args, sizeof args,
                  args.sums * sizeof(float) + halves * sizeof(tm_bf16));
}
