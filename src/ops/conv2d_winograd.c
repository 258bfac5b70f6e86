/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 3x3 convolution of stride 1 by Winograd's minimal filtering, F(4x4, 3x3): 36 products for 16
 * outputs of 9 taps each, a quarter of the multiplications (Lavin and Gray, 2016). A unit takes
 * some tiles of a picture and some panels of outputs through all three parts: the transform of its
 * input, one GEMM for each of the 36 positions, the transform back. Weights are transformed in
 * double and packed once.
 */
#include <math.h>

#include "base/loops.h"
#include "ops/conv2d.h"
#include "products/division.h"
#include "products/finish.h"
#include "products/panels.h"
#include "products/window.h"

enum {
    POSITIONS = TM_WINOGRAD_POSITIONS,
    SIDE = TM_WINOGRAD_IN,
    STEP = TM_WINOGRAD_OUT,
    OUTPUTS = STEP * STEP,
    TAPS = 9,
    BLOCK_MAX = 48,           /* tiles of a unit */
    TILE_BYTES = 1024 * 1024, /* transformed input of a unit, which should stay in L2 */
    UNITS_PER_THREAD = 2,     /* at least, so that an uneven machine stays busy */
    SMALL_MACS = 4 << 20,     /* of a layer that needs no more than one */
    COLUMNS = TM_MAX_PANELS * TM_PANEL,
    INPUTS_AT_ONCE = 16, /* of a panel, while packing */
    /* transformed weights: more would have to come from memory every time, or, where bfloat16 parts
     * multiply faster, from L3 */
    WEIGHT_BYTES_MAX = 12 << 20,
    L2_WEIGHT_BYTES_MAX = 5 << 19
};

typedef struct winograd_args {
    tm_tensor x, y, residual; /* residual may be none */
    int pad_top, pad_left, tiles_w;
    int kc, outputs, panels;
    tm_division division; /* rows: tiles */
    const float *weights; /* [36][panel][kc][16] */
    const float *bias;    /* [panel * 16] */
    const float *zeros;
    tm_store store;
    const tm_kernels *kernels;
} winograd_args;

/* ---- whether it pays ---- */

/* Counted in multiply-adds of a vector: the transforms cost about ten for each of 16 channels and
 * position. */
bool tm_conv2d_winograd_pays(const tm_node *node, bool beside_parts)
{
    int most = beside_parts ? L2_WEIGHT_BYTES_MAX : WEIGHT_BYTES_MAX;
    const tm_conv_attrs *conv = node->attrs;
    double k = node->inputs[0]->shape.c, n = node->shape.c;
    double pixels = (double)node->shape.h * node->shape.w;
    double tiles =
        (double)((node->shape.h + STEP - 1) / STEP) * ((node->shape.w + STEP - 1) / STEP);
    if (conv->kernel_h != 3 || conv->kernel_w != 3 || conv->stride != 1 || conv->dilation != 1 ||
        conv->groups != 1 || k < TM_PANEL || n < TM_PANEL ||
        POSITIONS * sizeof(float) * k * n > most)
        return false;
    double transforms = 10.0 * POSITIONS / TM_PANEL * (k + n);
    return tiles * (POSITIONS * k * n / TM_PANEL + transforms) <
           0.6 * pixels * TAPS * k * n / TM_PANEL;
}

/* ---- running ---- */

/* A thread's scratch. */
typedef struct winograd_scratch {
    const void **rows; /* [block + TM_MAX_ROWS] */
    float *input;      /* [36][block][kc] */
    float *product;    /* [36][block][COLUMNS] */
} winograd_scratch;

static size_t pointer_floats(int block)
{
    return tm_whole_lines(((size_t)block + TM_MAX_ROWS) * sizeof(float *)) / sizeof(float);
}

static size_t scratch_floats(int block, int kc)
{
    return pointer_floats(block) + (size_t)POSITIONS * (size_t)block * (size_t)(kc + COLUMNS);
}

static int winograd_units(const tm_step *step, int batch)
{
    return tm_division_units(&((const winograd_args *)step->args)->division, batch);
}

/* One transformed tile of the input; pixels outside of the picture are zeros. */
static void transform_input(const winograd_args *args, const tm_unit *unit, int tile, float *out)
{
    const float *px[POSITIONS], *picture = tm_tensor_picture(unit->run, &args->x, unit->n);
    int top = tile / args->tiles_w * STEP - args->pad_top;
    int left = tile % args->tiles_w * STEP - args->pad_left;
    for (int i = 0; i < POSITIONS; i++) {
        int y = top + i / SIDE, x = left + i % SIDE;
        bool inside = y >= 0 && y < args->x.h && x >= 0 && x < args->x.w;
        px[i] = inside ? picture + tm_tensor_pixel(&args->x, y, x) : args->zeros;
    }
    args->kernels->winograd_in_f32((size_t)args->kc, px, out,
                                   (size_t)args->division.block * (size_t)args->kc);
}

/* product[position][tile][columns] = input[position][tile][kc] * panels of `wide` */
static void multiply(const winograd_args *args, const tm_unit *unit, const winograd_scratch *s,
                     const tm_gemm_kernel *kernel, int panel, int wide, int columns)
{
    size_t kc = (size_t)args->kc, block = (size_t)args->division.block;
    tm_gemm_tile tile = {.taps = 1,
                         .kc = args->kc,
                         .panel_stride = kc * TM_PANEL,
                         .bias = args->zeros,
                         .lo = -INFINITY,
                         .hi = INFINITY,
                         .c_ld = COLUMNS,
                         .n = columns};
    size_t position = (size_t)args->panels * tile.panel_stride;
    for (size_t p = 0; p < POSITIONS; p++) {
        tm_point_rows(s->rows, s->input + p * block * kc, (size_t)unit->count, kc);
        tile.panel = args->weights + (p * (size_t)args->panels + (size_t)panel) * tile.panel_stride;
        const float *next = p + 1 < POSITIONS ? tile.panel + position : tile.panel;
        tm_fetch fetch = tm_fetch_from(next, tile.panel_stride, kc, wide,
                                       tm_ceil_div(unit->count, kernel->rows));
        tile.next_step = fetch.step;
        for (int i = 0; i < unit->count; i += kernel->rows) {
            tile.rows = s->rows + i;
            tile.m = unit->count - i < kernel->rows ? unit->count - i : kernel->rows;
            tile.c = s->product + (p * block + (size_t)i) * COLUMNS;
            tile.next = tm_fetch_next(&fetch);
            kernel->run(&tile);
        }
    }
}

/* Curves, over the pixels of a tile's row together. */
static void finish_curve(const winograd_args *args, const tm_winograd_tile *tile, int width)
{
    for (int y = 0; y < STEP; y++) {
        float *first = tile->out[y * STEP];
        if (first)
            tm_finish(&args->store, width, (int)tile->n, first, args->y.ld);
    }
}

/* One tile's pixels, columns [column, column + columns). */
static void transform_output(const winograd_args *args, const tm_unit *unit, int index,
                             const float *product, size_t column, int columns)
{
    const tm_tensor *y = &args->y, *r = &args->residual;
    bool added = !tm_tensor_is_none(r);
    float *out[OUTPUTS], *to = tm_tensor_channel(unit->run, y, unit->n, 0, 0, column);
    const float *residual[OUTPUTS] = {NULL};
    const float *addend = added ? tm_tensor_channel(unit->run, r, unit->n, 0, 0, column) : NULL;
    int top = (unit->first + index) / args->tiles_w * STEP;
    int left = (unit->first + index) % args->tiles_w * STEP;
    for (int i = 0; i < OUTPUTS; i++) {
        int row = top + i / STEP, x = left + i % STEP;
        bool inside = row < y->h && x < y->w;
        out[i] = inside ? to + tm_tensor_pixel(y, row, x) : NULL;
        if (inside && added)
            residual[i] = addend + tm_tensor_pixel(r, row, x);
    }
    tm_winograd_tile tile = {.n = (size_t)columns,
                             .m = product + (size_t)index * COLUMNS,
                             .step = (size_t)args->division.block * COLUMNS,
                             .bias = args->bias + column,
                             .residual = added ? residual : NULL,
                             .lo = args->store.lo,
                             .hi = args->store.hi,
                             .out = out};
    args->kernels->winograd_out_f32(&tile);
    if (args->store.curve)
        finish_curve(args, &tile, args->y.w - left < STEP ? args->y.w - left : STEP);
}

static void winograd_run(const tm_step *step, const tm_run_state *run, int index)
{
    const winograd_args *args = step->args;
    tm_unit unit = tm_unit_at(&args->division, run, index);
    float *floats = (float *)run->scratch + pointer_floats(args->division.block);
    winograd_scratch s = {.rows = run->scratch,
                          .input = floats,
                          .product = floats + (size_t)POSITIONS * (size_t)args->division.block *
                                                  (size_t)args->kc};
    for (int i = 0; i < unit.count; i++)
        transform_input(args, &unit, unit.first + i, s.input + (size_t)i * (size_t)args->kc);
    int last = unit.panel + unit.panels, end = tm_least(last * TM_PANEL, args->outputs);
    for (int p = unit.panel, wide; p < last; p += wide) {
        const tm_gemm_kernel *kernel = tm_gemm_next(args->kernels, end - p * TM_PANEL, &wide);
        int columns = tm_least(end - p * TM_PANEL, wide * TM_PANEL);
        multiply(args, &unit, &s, kernel, p, wide, columns);
        for (int i = 0; i < unit.count; i++)
            transform_output(args, &unit, i, s.product, (size_t)p * TM_PANEL, columns);
    }
}

/* ---- weights ---- */

/* G g for 16 outputs: three taps `in_step` apart, six results `out_step` apart. */
static void transform_taps(const double *g, size_t in_step, double *restrict out, size_t out_step)
{
    const double half_root = 0.70710678118654752440, root = 1.41421356237309504880;
    const double near_scale = -2.0 / 3.0, far_scale = 1.0 / 6.0;
    const double *g1 = g + in_step, *g2 = g + 2 * in_step;
    TM_VECTOR_LOOP for (size_t j = 0; j < TM_PANEL; j++)
    {
        double near = g[j] + 0.5 * g2[j], near_odd = half_root * g1[j];
        double far = g[j] + 2.0 * g2[j], far_odd = root * g1[j];
        out[j] = g[j];
        out[out_step + j] = (near + near_odd) * near_scale;
        out[2 * out_step + j] = (near - near_odd) * near_scale;
        out[3 * out_step + j] = (far + far_odd) * far_scale;
        out[4 * out_step + j] = (far - far_odd) * far_scale;
        out[5 * out_step + j] = g2[j];
    }
}

/* taps [9][16] of one input to [36][16], rows `step` floats apart */
static void transform_filter(const float *taps, float *out, size_t step)
{
    double g[TAPS * TM_PANEL], t[SIDE * 3 * TM_PANEL], u[POSITIONS * TM_PANEL];
    for (int i = 0; i < TAPS * TM_PANEL; i++)
        g[i] = taps[i];
    for (size_t x = 0; x < 3; x++)
        transform_taps(g + x * TM_PANEL, (size_t)3 * TM_PANEL, t + x * TM_PANEL,
                       (size_t)3 * TM_PANEL);
    for (size_t y = 0; y < SIDE; y++)
        transform_taps(t + y * 3 * TM_PANEL, TM_PANEL, u + y * SIDE * TM_PANEL, TM_PANEL);
    for (size_t p = 0; p < POSITIONS; p++)
        TM_VECTOR_LOOP for (size_t j = 0; j < TM_PANEL; j++) out[p * step + j] =
            (float)u[p * TM_PANEL + j];
}

typedef struct pack_args {
    const tm_node *weight, *bias; /* bias NULL: none */
    int kc, outputs, panels;
    float *weights, *biases;
    const tm_kernels *kernels;
} pack_args;

/* values [rows][kc][9], the outputs of one panel */
static void pack_panel(const void *context, const float *values, int group, int first, int rows,
                       float *room)
{
    (void)group, (void)room;
    const pack_args *args = context;
    float block[INPUTS_AT_ONCE * TAPS * TM_PANEL];
    size_t kc = (size_t)args->kc, step = (size_t)args->panels * kc * TM_PANEL;
    float *out = args->weights + (size_t)(first / TM_PANEL) * kc * TM_PANEL;
    for (size_t begin = 0; begin < kc; begin += INPUTS_AT_ONCE) {
        size_t count = kc - begin < INPUTS_AT_ONCE ? kc - begin : INPUTS_AT_ONCE;
        args->kernels->pack_f32((size_t)rows, count * TAPS, values + begin * TAPS, kc * TAPS,
                                block);
        for (size_t i = 0; i < count; i++)
            transform_filter(block + i * TAPS * TM_PANEL, out + (begin + i) * TM_PANEL, step);
    }
}

static void pack(tm_lowering *worker, const void *context)
{
    const pack_args *args = context;
    tm_pack_panels(worker, args->weight, 1, args->outputs, 1, pack_panel, args);
    tm_pack_bias(worker, args->bias, 1, args->outputs, (size_t)args->panels * TM_PANEL,
                 args->biases);
}

/* Rows of tiles that kernels compute for a unit's. */
static int rows_computed(const winograd_args *args, const tm_division *d)
{
    int wide, left = tm_least(d->chunk * TM_PANEL, args->outputs);
    int rows = tm_gemm_next(args->kernels, left, &wide)->rows, few = rows * 2 / 3;
    int rest = d->block % rows;
    return d->block - rest + (rest == 0 ? 0 : rest <= few ? few : rows);
}

/* What the busiest thread does, counted as in tm_conv2d_winograd_pays for a position: every unit
 * transforms its input, of all channels. */
static double cost_of(const winograd_args *args, const tm_division *d, int threads)
{
    double products = (double)args->kc * d->chunk * rows_computed(args, d);
    double transforms = 10.0 * (d->chunk + (double)args->kc / TM_PANEL) * d->block;
    return tm_ceil_div(tm_division_units(d, 1), threads) * (products + transforms);
}

/* Blocks of as many tiles as stay in L2, because every block reads all weights, or of fewer while
 * the weights stay there, too; and chunks of panels. */
static void divide(winograd_args *args, int tiles, int threads)
{
    size_t tile_bytes = POSITIONS * sizeof(float) * (size_t)args->kc;
    bool weights_stay = tile_bytes * (size_t)args->outputs <= TILE_BYTES;
    double macs = (double)POSITIONS * tiles * args->kc * args->outputs;
    int wanted = threads > 1 && macs >= SMALL_MACS ? UNITS_PER_THREAD * threads : threads;
    int most = (int)(TILE_BYTES / tile_bytes);
    most = most < 8 ? 8 : most > BLOCK_MAX ? BLOCK_MAX : most;
    int fewest = tm_ceil_div(tiles, most), blocks = weights_stay ? fewest + wanted : fewest;
    tm_division d = {.rows = tiles, .grain = 1, .panels = args->panels};
    d.groups = d.group_step = d.chunk = 1;
    d.block = tm_ceil_div(tiles, blocks);
    args->division = d; /* the finest: there may be no `wanted` units */
    double best_cost = INFINITY;
    for (; blocks >= fewest; blocks--) {
        d.block = tm_ceil_div(tiles, blocks);
        for (d.chunk = args->panels; d.chunk > 0; d.chunk--) {
            double cost = cost_of(args, &d, threads);
            if (tm_division_units(&d, 1) < wanted || cost >= best_cost)
                continue;
            args->division = d;
            best_cost = cost;
        }
    }
}

void tm_conv2d_lower_winograd(tm_lowering *lowering, const tm_node *node)
{
    const tm_conv_attrs *conv = node->attrs;
    winograd_args args = {.x = tm_lower_input(lowering, node, 0),
                          .y = tm_lower_output(lowering, node),
                          .pad_top = conv->pad_top,
                          .pad_left = conv->pad_left,
                          .store = tm_store_of(lowering, &conv->epilogue, TM_DTYPE_F32),
                          .kernels = tm_lower_kernels(lowering)};
    if (conv->epilogue.residual)
        args.residual = tm_lower_input(lowering, node, node->input_count - 1);
    args.kc = args.x.c;
    args.outputs = args.y.c;
    args.panels = (args.outputs + TM_PANEL - 1) / TM_PANEL;
    args.tiles_w = (args.y.w + STEP - 1) / STEP;
    divide(&args, args.tiles_w * ((args.y.h + STEP - 1) / STEP), tm_lower_threads(lowering));
    size_t row = (size_t)args.panels * TM_PANEL, kc = (size_t)args.kc;
    pack_args packing = {.weight = node->inputs[1],
                         .bias = conv->bias ? node->inputs[2] : NULL,
                         .kc = args.kc,
                         .outputs = args.outputs,
                         .panels = args.panels,
                         .kernels = args.kernels,
                         .weights = tm_lower_memory(lowering, POSITIONS * row * kc)};
    args.weights = packing.weights;
    args.zeros = tm_lower_zeros(lowering, kc > COLUMNS ? kc : COLUMNS);
    args.bias = packing.bias ? (packing.biases = tm_lower_memory(lowering, row))
                             : tm_lower_zeros(lowering, row);
    tm_lower_defer(lowering, pack, &packing, sizeof packing);
    tm_lower_step(lowering, node, winograd_run, winograd_units, &args, sizeof args,
                  scratch_floats(args.division.block, args.kc) * sizeof(float));
}
