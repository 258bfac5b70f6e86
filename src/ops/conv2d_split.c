/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolution as a product of bfloat16 parts (kernels/split.h). A unit brings its output pixels'
 * inputs into row tiles, all taps of a pixel in one row, and multiplies them with a chunk of
 * panels. Where there are several taps, the rows of the picture that they lie in are split once,
 * between zeros where the picture is padded, and then copied tap by tap.
 */
#include <math.h>

#include "ops/conv2d_split.h"

enum {
    ROWS_BYTES = 512 << 10,   /* row tiles under work, which should stay in L2 */
    PAIR = 2 * TM_SPLIT_ROWS, /* rows that are multiplied at once */
    MAX_PAIRS = 8,            /* of a unit */
    MIN_PAIRS = 2,            /* fewer only when there are not more */
    MIN_PANELS = 16,          /* of a chunk */
    MAX_PANELS = 32,          /* of a chunk whose sums are kept between blocks of inputs */
    MIN_STEPS = 8,            /* of a block of inputs */
    UNITS_PER_THREAD = 2
};

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
                   rows * panels * RESULT + (parts == TM_SPLIT_PARTS ? steps * pairs * PANELS : 0);
    return split < pixels * inputs * panels * TM_PANEL / MULTIPLY_ADDS;
}

/* ---- units ---- */

/* Rows are divided among blocks, of a picture or of all in a run, by whole pairs of tiles. */
static int blocks_of(const tm_split_args *args, int rows)
{
    return tm_ceil_div(tm_ceil_div(rows, PAIR), args->pairs);
}

static int row_blocks(const tm_split_args *args, int batch)
{
    int rows = args->y.h * args->y.w;
    return args->run ? blocks_of(args, batch * rows) : batch * blocks_of(args, rows);
}

static int split_units(const tm_step *step, int batch)
{
    const tm_split_args *args = step->args;
    return row_blocks(args, batch) * args->chunks * args->conv.groups;
}

static tm_split_unit locate(const tm_split_args *args, const tm_run_state *run, int unit)
{
    int batch = run->batch;
    int all = row_blocks(args, batch), rows = args->y.h * args->y.w * (args->run ? batch : 1);
    int rests = args->chunks * args->conv.groups, blocks = blocks_of(args, rows);
    int block = args->by_rows ? unit / rests : unit % all;
    int rest = args->by_rows ? unit % rests : unit / all;
    int pairs = tm_ceil_div(rows, PAIR), n = block / blocks;
    int first = block % blocks * pairs / blocks * PAIR;
    int end = (block % blocks + 1) * pairs / blocks * PAIR;
    int panel = rest % args->chunks * args->chunk;
    return (tm_split_unit){.run = run,
                           .n = n,
                           .first = first,
                           .count = (end < rows ? end : rows) - first,
                           .group = rest / args->chunks,
                           .panel = panel,
                           .panels = args->panels - panel < args->chunk ? args->panels - panel
                                                                        : args->chunk};
}

/* ---- running ---- */

/* A thread's scratch. */
typedef struct split_scratch {
    float *sums; /* of every pair of panels of the chunk; none when one block has all inputs */
    tm_bf16 *panels[2]; /* two panels of a block of inputs each: under work, and the next */
    tm_bf16 *tiles;     /* the row tiles of one block of inputs */
    tm_bf16 *region;    /* the split rows of the picture */
} split_scratch;

/* floats of the sums of all rows and two panels */
static size_t pair_sums(const tm_split_args *args)
{
    return (size_t)args->pairs * PAIR * TM_SPLIT_PANELS * TM_PANEL;
}

/* elements of the panels' buffer; none when weights are split already */
static size_t panel_buffer(const tm_split_args *args)
{
    return args->parts == TM_SPLIT_PARTS ? TM_SPLIT_PANELS * tm_split_elements(args, args->depth)
                                         : 0;
}

static size_t tile_buffer(const tm_split_args *args)
{
    return 2 * (size_t)args->pairs * tm_split_elements(args, args->depth);
}

static split_scratch scratch_of(const tm_split_args *args, void *scratch)
{
    split_scratch s = {.sums = scratch};
    s.panels[0] = (tm_bf16 *)(void *)(s.sums + args->sums);
    s.panels[1] = s.panels[0] + panel_buffer(args);
    s.tiles = s.panels[1] + panel_buffer(args);
    s.region = s.tiles + tile_buffer(args);
    return s;
}

static size_t scratch_bytes(const tm_split_args *args)
{
    size_t region = args->pointwise ? 0 : (size_t)args->region * (size_t)args->parts * args->line;
    size_t halves = 2 * panel_buffer(args) + tile_buffer(args) + region;
    return args->sums * sizeof(float) + halves * sizeof(tm_bf16);
}

static float *row_at(const tm_tensor *t, const tm_split_unit *unit, int outputs)
{
    return tm_tensor_at(unit->run, t, unit->n, 0, unit->first) +
           (size_t)unit->group * (size_t)outputs;
}

/* A call of the kernel: two panels, over one block of inputs. */
typedef struct split_call {
    size_t step; /* the block's first */
    int panel;
} split_call;

/* The call after this one; false: there is none. */
static bool following(const tm_split_args *args, const tm_split_unit *unit, split_call *call)
{
    call->panel += TM_SPLIT_PANELS;
    if (call->panel < unit->panel + unit->panels)
        return true;
    call->panel = unit->panel;
    call->step += args->depth;
    return call->step < args->steps;
}

/* The weights of a call, which become panels at `to`. */
static tm_split_source source_of(const tm_split_args *args, const tm_split_unit *unit,
                                 split_call call, tm_bf16 *to)
{
    size_t size = args->steps * TM_SPLIT_K * TM_PANEL;
    int left = unit->panel + unit->panels - call.panel;
    return (tm_split_source){.from = args->whole +
                                     (size_t)(unit->group * args->panels + call.panel) * size +
                                     call.step * TM_SPLIT_K * TM_PANEL,
                             .from_stride = size,
                             .steps = tm_block_at(args, call.step).steps,
                             .to = to,
                             .panels = left < TM_SPLIT_PANELS ? left : TM_SPLIT_PANELS};
}

/* The first call's panels, which no call before it could split. */
static void split_first(const tm_split_args *args, const tm_split_unit *unit, tm_bf16 *to)
{
    tm_split_source source =
        source_of(args, unit, (split_call){.step = 0, .panel = unit->panel}, to);
    for (int p = 0; p < source.panels; p++)
        args->kernels->panel(args->parts, source.steps * TM_SPLIT_K, TM_PANEL,
                             source.from + (size_t)p * source.from_stride, TM_PANEL,
                             to + (size_t)p * tm_split_elements(args, source.steps));
}

/* Where the call finds its panels; what it splits on its way goes to the other buffer. */
static void point_at_panels(const tm_split_args *args, const tm_split_unit *unit, split_call call,
                            split_scratch *s, tm_split_tile *tile)
{
    if (args->weights) {
        size_t size = tm_split_elements(args, args->steps);
        tile->b = args->weights + (size_t)(unit->group * args->panels + call.panel) * size +
                  tm_split_elements(args, call.step);
        tile->b_stride = size;
        return;
    }
    tile->b = s->panels[0];
    tile->b_stride = tm_split_elements(args, tile->steps);
    tile->next = following(args, unit, &call) ? source_of(args, unit, call, s->panels[1])
                                              : (tm_split_source){0};
    s->panels[1] = s->panels[0];
    s->panels[0] = tile->next.to;
}

static void multiply(const tm_split_args *args, const tm_split_unit *unit, split_call call,
                     split_scratch *s)
{
    size_t column = (size_t)call.panel * TM_PANEL;
    size_t pair = (size_t)((call.panel - unit->panel) / TM_SPLIT_PANELS);
    int left = args->outputs - call.panel * TM_PANEL;
    tm_split_tile tile = {.parts = args->parts,
                          .steps = tm_block_at(args, call.step).steps,
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
    if (!tm_tensor_is_none(&args->residual))
        tile.residual = row_at(&args->residual, unit, args->outputs) + column;
    point_at_panels(args, unit, call, s, &tile);
    args->kernels->multiply(&tile);
    if (tile.ends)
        tm_finish(&args->store, tile.m, tile.n, tile.c, tile.c_ld);
}

static void split_run(const tm_step *step, const tm_run_state *run, int index)
{
    const tm_split_args *args = step->args;
    tm_split_unit unit = locate(args, run, index);
    split_scratch s = scratch_of(args, run->scratch);
    split_call call = {.step = 0, .panel = unit.panel};
    if (!args->pointwise)
        tm_split_lines(args, &unit, s.region);
    if (args->whole)
        split_first(args, &unit, s.panels[0]);
    do {
        if (call.panel == unit.panel && args->pointwise)
            tm_split_pixels(args, &unit, tm_block_at(args, call.step), s.tiles);
        else if (call.panel == unit.panel)
            tm_split_copy_pixels(args, &unit, s.region, tm_block_at(args, call.step), s.tiles);
        multiply(args, &unit, call, &s);
    } while (following(args, &unit, &call));
}

/* ---- lowering ---- */

/* Inputs whose row tiles fit L2, in steps. */
static size_t choose_depth(const tm_split_args *args)
{
    size_t step_bytes = 2 * (size_t)args->pairs * tm_split_elements(args, 1) * sizeof(tm_bf16);
    int depth = (int)(ROWS_BYTES / step_bytes), steps = (int)args->steps;
    depth = depth < MIN_STEPS ? MIN_STEPS : depth;
    return (size_t)tm_ceil_div(steps, tm_ceil_div(steps, depth));
}

/* What a unit works on at a time stays in L2: its row tiles by blocks of inputs, two panels, and
 * the sums if there is more than one block. Units for every thread come from fewer rows or from
 * fewer panels, for each of which the same rows are split again. */
static void split_work(tm_split_args *args, int threads)
{
    int rows = args->y.h * args->y.w, all = tm_ceil_div(rows, PAIR);
    int wanted = threads > 1 ? UNITS_PER_THREAD * threads : 1;
    args->pairs = tm_ceil_div(all, tm_ceil_div(all, MAX_PAIRS));
    while (args->by_rows && args->pairs > MIN_PAIRS &&
           blocks_of(args, rows) * args->conv.groups < wanted)
        args->pairs = (args->pairs + 1) / 2;
    int most = choose_depth(args) == args->steps ? args->panels : MAX_PANELS;
    int chunks = tm_ceil_div(args->panels, most);
    int units = blocks_of(args, rows) * args->conv.groups;
    while (units * chunks < wanted && tm_ceil_div(args->panels, chunks + 1) >=
                                          (units * chunks < threads ? TM_SPLIT_PANELS : MIN_PANELS))
        chunks++;
    if (units == 1 && chunks > threads) /* the same number for every thread */
        chunks = chunks / threads * threads;
    args->chunk = tm_ceil_div(tm_ceil_div(args->panels, chunks), TM_SPLIT_PANELS) * TM_SPLIT_PANELS;
    args->chunks = tm_ceil_div(args->panels, args->chunk);
    args->depth = choose_depth(args);
    args->sums = args->depth < args->steps
                     ? pair_sums(args) * (size_t)tm_ceil_div(args->chunk, TM_SPLIT_PANELS)
                     : 0;
}

void tm_conv2d_lower_split(tm_lowering *lowering, const tm_node *node)
{
    const tm_conv_attrs *attrs = node->attrs;
    tm_split_args args = {.x = tm_lower_input(lowering, node, 0),
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
    args.panels = tm_ceil_div(args.outputs, TM_PANEL);
    args.steps = ((size_t)args.taps * (size_t)args.kc + TM_SPLIT_K - 1) / TM_SPLIT_K;
    args.pointwise = tm_conv2d_is_pointwise(node);
    args.run = tm_conv2d_is_run(&args.y, &args.residual);
    args.by_rows = tm_lower_threads(lowering) > 1 && tm_conv2d_shares_rows(node);
    split_work(&args, tm_lower_threads(lowering));
    tm_split_defer_packing(lowering, node, &args);
    if (!args.pointwise)
        tm_split_measure_lines(&args, args.pairs * PAIR);
    tm_lower_step(lowering, node, split_run, split_units, &args, sizeof args, scratch_bytes(&args));
}
