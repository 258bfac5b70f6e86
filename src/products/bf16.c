/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Products in bfloat16 by vector instructions. A unit converts the pixels under its outputs to rows
 * of [terms][taps * kc] halves, whose products with the packed weights are added in float32. bf16x3
 * has rows [hi hi lo] and weights [hi lo hi] (kernels/bf16.h).
 */
#include <string.h>

#include "base/floats.h"
#include "base/loops.h"
#include "products/results.h"

enum {
    ROW_BLOCK = 48,           /* a multiple of most tile heights */
    CHUNK_BYTES = 384 * 1024, /* weights of a unit, which should stay in L2 */
    UNITS_PER_THREAD = 4,
    CHUNK_PANELS = 12, /* a multiple of 3 and 4, the widths that fill the registers best */
    THREE_TERMS = 3
};

/* ---- whether it pays ---- */

/* Beside tiles only for one pixel: a layer that reads its weights once, of which bfloat16 has half
 * the bytes. */
static bool bf16_pays(const tm_lowering *lowering, const tm_node *node)
{
    bool vector = node->shape.h * node->shape.w == 1;
    return ((const tm_conv_attrs *)node->attrs)->groups == 1 && tm_lower_bf16_kernels(lowering) &&
           (!tm_lower_split_kernels(lowering) ||
            (vector && tm_lower_precision(lowering) == TM_PRECISION_BF16));
}

/* ---- sizes ---- */

/* Chunks that fit L2, then smaller units until every thread has its share. A layer of one pixel has
 * a kernel of its own, so pictures are never one run. */
static void divide(tm_product *p, int threads)
{
    tm_division *d = &p->division;
    int fitting = (int)(CHUNK_BYTES / p->panel_bytes), block = ROW_BLOCK;
    d->chunk = fitting < CHUNK_PANELS ? CHUNK_PANELS : fitting / CHUNK_PANELS * CHUNK_PANELS;
    if (d->chunk > p->panels)
        d->chunk = p->panels;
    while (tm_ceil_div(d->rows, block) * tm_ceil_div(p->panels, d->chunk) <
           UNITS_PER_THREAD * threads) {
        if (block > ROW_BLOCK / 2)
            block /= 2;
        else if (d->chunk > TM_MAX_PANELS)
            d->chunk = tm_ceil_div(d->chunk, 2);
        else
            break;
    }
    d->grain = d->block = block;
    d->run = d->by_rows = false;
}

static size_t halves_bytes(const tm_product *p)
{
    return tm_whole_lines((size_t)p->division.block * p->pairs.row * sizeof(tm_bf16));
}

static size_t bf16_plan(tm_lowering *lowering, const tm_node *node, tm_product *p)
{
    (void)node;
    p->terms = tm_lower_precision(lowering) == TM_PRECISION_BF16X3 ? THREE_TERMS : 1;
    p->pairs.k = ((size_t)p->taps * (size_t)p->kc + 1) / 2 * 2;
    p->pairs.row = (size_t)p->terms * p->pairs.k;
    p->panel_bytes = p->pairs.row * TM_PANEL * sizeof(tm_bf16);
    divide(p, tm_lower_threads(lowering));
    return halves_bytes(p) + (size_t)p->taps * (size_t)p->division.block * sizeof(float *);
}

/* ---- packing ---- */

/* panel [rows][16] as the halves of one term, pairs of rows side by side. lo: what bf16 lacks. */
static void pack_term(const float *panel, size_t rows, bool lo, tm_bf16 *out)
{
    for (size_t i = 0; i < rows; i++)
        TM_VECTOR_LOOP for (size_t j = 0; j < TM_PANEL; j++)
        {
            float value = panel[i * TM_PANEL + j];
            tm_bf16 half = tm_bf16_of_f32(value);
            out[(i / 2 * TM_PANEL + j) * 2 + i % 2] =
                lo ? tm_bf16_of_f32(value - tm_f32_of_bf16(half)) : half;
        }
}

static void bf16_pack(const tm_product *p, const float *values, int first, int rows, float *room,
                      char *to)
{
    (void)first;
    size_t k = (size_t)p->taps * (size_t)p->kc, term = p->pairs.k * TM_PANEL;
    tm_bf16 *out = (tm_bf16 *)(void *)to;
    tm_pack_taps(p->f32, values, (size_t)rows, (size_t)p->kc, (size_t)p->taps, room);
    for (int t = 0; t < p->terms; t++) {
        if (k < p->pairs.k)
            memset(out + (size_t)(t + 1) * term - 2 * TM_PANEL, 0, 2 * TM_PANEL * sizeof *out);
        pack_term(room, k, t == 1, out + (size_t)t * term);
    }
}

/* ---- running ---- */

/* The taps of one pixel as halves; pixels: its tap 0, the next tap's `stride` pointers behind. */
static void convert_pixel(const tm_product *p, const void *const *pixels, size_t stride,
                          size_t offset, tm_bf16 *row)
{
    size_t kc = (size_t)p->kc, used = (size_t)p->taps * kc, k = p->pairs.k;
    tm_bf16 *lo = p->terms == THREE_TERMS ? row + 2 * k : NULL;
    for (size_t tap = 0; tap < (size_t)p->taps; tap++) {
        const void *from = tm_numbers_behind(pixels[tap * stride], p->window.x.type, offset);
        if (p->window.x.type == TM_DTYPE_BF16)
            memcpy(row + tap * kc, from, kc * sizeof *row);
        else
            p->bf16->to_bf16(kc, from, row + tap * kc, lo ? lo + tap * kc : NULL);
    }
    if (used < k)
        row[used] = 0;
    if (!lo)
        return;
    if (used < k)
        lo[used] = 0;
    memcpy(row + k, row, k * sizeof *row);
}

/* The unit's rows times `wide` panels of a group from `panel` on. */
static void run_panels(const tm_product *p, const tm_unit *unit, int group, int panel, int wide,
                       const tm_bf16 *rows)
{
    const tm_gemm_bf16_kernel *kernel =
        unit->count == 1 ? &p->bf16->gemm_row[wide] : &p->bf16->gemm[wide];
    tm_gemm_bf16_tile tile = {.a_ld = p->pairs.row,
                              .kc = p->pairs.row,
                              .panel = tm_product_panel(p, group, panel),
                              .panel_stride = p->panel_bytes / sizeof(tm_bf16),
                              .bias = tm_product_bias(p, group, panel),
                              .lo = p->store.lo,
                              .hi = p->store.hi};
    for (int i = 0; i < unit->count; i += kernel->rows) {
        tile.a = rows + (size_t)i * p->pairs.row;
        tile.m = unit->count - i < kernel->rows ? unit->count - i : kernel->rows;
        tm_results results = tm_results_of(p, unit, group, panel, wide, i, tile.m);
        tile.c = results.c;
        tile.c_ld = results.c_ld;
        tile.residual = results.residual;
        tile.residual_ld = results.residual_ld;
        tile.n = results.n;
        kernel->run(&tile);
        tm_results_finish(p, &results, 0, tile.m);
    }
}

/* scratch: the halves, then the pointers */
static void bf16_run(const tm_product *p, const tm_unit *unit)
{
    tm_bf16 *rows = unit->run->scratch;
    const void **pixels = (const void **)(void *)((char *)unit->run->scratch + halves_bytes(p));
    size_t stride = (size_t)unit->count;
    tm_window_point(&p->window, unit, pixels, stride);
    for (int group = unit->group; group < unit->last_group; group++) {
        for (size_t i = 0; i < stride; i++)
            convert_pixel(p, pixels + i, stride, (size_t)group * (size_t)p->kc,
                          rows + i * p->pairs.row);
        int last = unit->panel + unit->panels;
        for (int panel = unit->panel, wide; panel < last; panel += wide) {
            wide = tm_gemm_width(p->f32, last - panel);
            run_panels(p, unit, group, panel, wide, rows);
        }
    }
}

const tm_product_kind tm_product_bf16 = {.name = "bf16",
                                         .types = TM_TYPES_ANY,
                                         .pays = bf16_pays,
                                         .plan = bf16_plan,
                                         .pack = bf16_pack,
                                         .run = bf16_run};
