/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolution as GEMM in bfloat16. A unit converts the pixels under its outputs to rows of
 * [taps * kc] halves, whose products with the packed weights are added in float32. bf16x3 has rows
 * [hi hi lo] and weights [hi lo hi] (kernels/bf16.h).
 */
#include <string.h>

#include "base/floats.h"
#include "base/loops.h"
#include "ops/conv2d.h"
#include "ops/finish.h"
#include "ops/panels.h"

enum {
    ROW_BLOCK = 48,           /* a multiple of most tile heights */
    CHUNK_BYTES = 384 * 1024, /* weights of a unit, which should stay in L2 */
    UNITS_PER_THREAD = 4,
    CHUNK_PANELS = 12 /* a multiple of 3 and 4, the widths that fill the registers best */
};

typedef struct bf16_args {
    tm_tensor x, y, residual; /* residual may be none */
    tm_conv_attrs conv;
    int taps, kc, outputs, panels;
    size_t k, row; /* elements of a row's part, padded to pairs; of a row, with all its parts */
    int parts;     /* 1, or 3 for bf16x3 */
    int block, chunk, chunks;
    const tm_bf16 *weights; /* [panel][row / 2][16][2] */
    const float *bias;      /* [panel * 16] */
    const float *zeros;
    tm_store store;
    const tm_bf16_kernels *kernels;
    const tm_kernels *f32;
} bf16_args;

/* ---- running ---- */

static int blocks_of(const bf16_args *args)
{
    return (args->y.h * args->y.w + args->block - 1) / args->block;
}

static int bf16_units(const tm_step *step, int batch)
{
    const bf16_args *args = step->args;
    return batch * blocks_of(args) * args->chunks;
}

/* One pixel's taps, as halves; tap by tap, zeros outside of the picture. */
static void convert_pixel(const bf16_args *args, const tm_run_state *run, int n, int pixel,
                          tm_bf16 *row)
{
    const tm_conv_attrs *conv = &args->conv;
    int top = pixel / args->y.w * conv->stride - conv->pad_top;
    int left = pixel % args->y.w * conv->stride - conv->pad_left;
    tm_bf16 *lo = args->parts == 3 ? row + 2 * args->k : NULL;
    size_t used = (size_t)args->taps * (size_t)args->kc;
    for (int tap = 0; tap < args->taps; tap++) {
        int y = top + tap / conv->kernel_w * conv->dilation;
        int x = left + tap % conv->kernel_w * conv->dilation;
        bool inside = y >= 0 && y < args->x.h && x >= 0 && x < args->x.w;
        const float *from = inside ? tm_tensor_at(run, &args->x, n, y, x) : args->zeros;
        size_t at = (size_t)tap * (size_t)args->kc;
        args->kernels->to_bf16((size_t)args->kc, from, row + at, lo ? lo + at : NULL);
    }
    if (used < args->k)
        row[used] = 0;
    if (!lo)
        return;
    if (used < args->k)
        lo[used] = 0;
    memcpy(row + args->k, row, args->k * sizeof *row);
}

static void multiply(const bf16_args *args, const tm_run_state *run, int n, int first, int count,
                     int panel, int panels, const tm_bf16 *rows)
{
    const tm_tensor *y = &args->y, *r = &args->residual;
    tm_gemm_bf16_tile tile = {.a_ld = args->row,
                              .kc = args->row,
                              .panel_stride = args->row * TM_PANEL,
                              .residual_ld = r->ld,
                              .lo = args->store.lo,
                              .hi = args->store.hi,
                              .c_ld = y->ld};
    for (int p = panel, wide; p < panel + panels; p += wide) {
        wide = tm_gemm_width(args->f32, panel + panels - p);
        const tm_gemm_bf16_kernel *kernel =
            count == 1 ? &args->kernels->gemm_row[wide] : &args->kernels->gemm[wide];
        int height = kernel->rows, left = args->outputs - p * TM_PANEL;
        size_t column = (size_t)p * TM_PANEL;
        tile.n = left < wide * TM_PANEL ? left : wide * TM_PANEL;
        tile.panel = args->weights + (size_t)p * tile.panel_stride;
        tile.bias = args->bias + column;
        for (int i = 0; i < count; i += height) {
            tile.a = rows + (size_t)i * args->row;
            tile.m = count - i < height ? count - i : height;
            tile.c = tm_tensor_at(run, y, n, 0, first + i) + column;
            if (!tm_tensor_is_none(r))
                tile.residual = tm_tensor_at(run, r, n, 0, first + i) + column;
            kernel->run(&tile);
            tm_finish(&args->store, tile.m, tile.n, tile.c, tile.c_ld);
        }
    }
}

/* Units of one block of pixels follow one another with the chunks of panels outside. */
static void bf16_run(const tm_step *step, const tm_run_state *run, int index)
{
    const bf16_args *args = step->args;
    int blocks = blocks_of(args), all = run->batch * blocks;
    int block = index % all, n = block / blocks, panel = index / all * args->chunk,
        first = block % blocks * args->block;
    int left = args->y.h * args->y.w - first, count = left < args->block ? left : args->block;
    int panels = args->panels - panel < args->chunk ? args->panels - panel : args->chunk;
    tm_bf16 *rows = run->scratch;
    for (int i = 0; i < count; i++)
        convert_pixel(args, run, n, first + i, rows + (size_t)i * args->row);
    multiply(args, run, n, first, count, panel, panels, rows);
}

/* ---- weights ---- */

typedef struct pack_args {
    const tm_node *weight, *bias; /* bias NULL: none */
    int taps, kc, outputs, panels, parts;
    size_t k;
    tm_bf16 *weights;
    float *biases;
    const tm_kernels *kernels;
} pack_args;

/* panel [k][16] as the halves of one part: pairs of k side by side. lo: what bf16 lacks. */
static void pack_part(const float *panel, size_t k, bool lo, tm_bf16 *out)
{
    for (size_t i = 0; i < k; i++)
        TM_VECTOR_LOOP for (size_t j = 0; j < TM_PANEL; j++)
        {
            float value = panel[i * TM_PANEL + j];
            tm_bf16 half = tm_bf16_of_f32(value);
            out[(i / 2 * TM_PANEL + j) * 2 + i % 2] =
                lo ? tm_bf16_of_f32(value - tm_f32_of_bf16(half)) : half;
        }
}

static void pack_panel(const pack_args *args, const float *values, size_t rows, float *panel,
                       tm_bf16 *out)
{
    size_t k = (size_t)args->taps * (size_t)args->kc, part = args->k * TM_PANEL;
    tm_pack_taps(args->kernels, values, rows, (size_t)args->kc, (size_t)args->taps, panel);
    memset(panel + k * TM_PANEL, 0, (args->k - k) * TM_PANEL * sizeof *panel);
    for (int p = 0; p < args->parts; p++)
        pack_part(panel, args->k, p == 1, out + (size_t)p * part);
}

static void pack_weights(tm_lowering *worker, const pack_args *args, float *panel)
{
    size_t row = (size_t)args->taps * (size_t)args->kc;
    int64_t part = tm_lower_rows_at_once(args->weight, TM_PANEL);
    tm_bf16 *out = args->weights;
    for (int64_t o = 0; o < args->outputs; o += part) {
        int64_t count = args->outputs - o < part ? args->outputs - o : part;
        const float *values = tm_lower_constant_rows(worker, args->weight, o, count);
        for (int64_t i = 0; values && i < count; i += TM_PANEL) {
            int64_t rows = count - i < TM_PANEL ? count - i : TM_PANEL;
            pack_panel(args, values + (size_t)i * row, (size_t)rows, panel, out);
            out += (size_t)args->parts * args->k * TM_PANEL;
        }
        tm_lower_release(worker, values);
    }
    tm_lower_done(worker, args->weight);
}

static void pack(tm_lowering *worker, const void *context)
{
    const pack_args *args = context;
    float *panel = tm_lower_temporary(worker, args->k * TM_PANEL);
    if (panel)
        pack_weights(worker, args, panel);
    tm_lower_release(worker, panel);
    tm_pack_bias(worker, args->bias, 1, args->outputs, (size_t)args->panels * TM_PANEL,
                 args->biases);
}

/* Chunks that fit L2, then smaller units until every thread has its share. */
static void split_work(bf16_args *args, int threads)
{
    int fitting = (int)(CHUNK_BYTES / (args->row * TM_PANEL * sizeof(tm_bf16)));
    args->block = ROW_BLOCK;
    args->chunk = fitting < CHUNK_PANELS ? CHUNK_PANELS : fitting / CHUNK_PANELS * CHUNK_PANELS;
    if (args->chunk > args->panels)
        args->chunk = args->panels;
    for (;;) {
        args->chunks = (args->panels + args->chunk - 1) / args->chunk;
        if (blocks_of(args) * args->chunks >= UNITS_PER_THREAD * threads)
            return;
        if (args->block > ROW_BLOCK / 2)
            args->block /= 2;
        else if (args->chunk > 4)
            args->chunk = (args->chunk + 1) / 2;
        else
            return;
    }
}

void tm_conv2d_lower_bf16(tm_lowering *lowering, const tm_node *node)
{
    const tm_conv_attrs *attrs = node->attrs;
    bf16_args args = {.x = tm_lower_input(lowering, node, 0),
                      .y = tm_lower_output(lowering, node),
                      .conv = *attrs,
                      .taps = attrs->kernel_h * attrs->kernel_w,
                      .parts = tm_lower_precision(lowering) == TM_PRECISION_BF16X3 ? 3 : 1,
                      .store = tm_store_of(lowering, &attrs->epilogue),
                      .kernels = tm_lower_bf16_kernels(lowering),
                      .f32 = tm_lower_kernels(lowering)};
    if (attrs->epilogue.residual)
        args.residual = tm_lower_input(lowering, node, node->input_count - 1);
    args.kc = args.x.c;
    args.outputs = args.y.c;
    args.panels = (args.outputs + TM_PANEL - 1) / TM_PANEL;
    args.k = ((size_t)args.taps * (size_t)args.kc + 1) / 2 * 2;
    args.row = (size_t)args.parts * args.k;
    split_work(&args, tm_lower_threads(lowering));
    size_t outputs = (size_t)args.panels * TM_PANEL;
    pack_args packing = {.weight = node->inputs[1],
                         .bias = attrs->bias ? node->inputs[2] : NULL,
                         .taps = args.taps,
                         .kc = args.kc,
                         .outputs = args.outputs,
                         .panels = args.panels,
                         .parts = args.parts,
                         .k = args.k,
                         .kernels = args.f32,
                         .weights =
                             (tm_bf16 *)(void *)tm_lower_memory(lowering, outputs * args.row / 2)};
    args.weights = packing.weights;
    args.zeros = tm_lower_zeros(lowering, (size_t)args.kc);
    args.bias = packing.bias ? (packing.biases = tm_lower_memory(lowering, outputs))
                             : tm_lower_zeros(lowering, outputs);
    tm_lower_defer(lowering, pack, &packing, sizeof packing);
    tm_lower_step(lowering, node, bf16_run, bf16_units, &args, sizeof args,
                  (size_t)args.block * args.row * sizeof(tm_bf16));
}
