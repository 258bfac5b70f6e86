/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Products in float32. Rows are pointers to input pixels, one per tap (im2col without the copy), so
 * that nothing is brought anywhere; a panel is [taps * kc][16].
 */
#include <math.h>
#include <string.h>

#include "products/results.h"

enum {
    PART_ROWS = 1024,          /* of panels, which should stay in L2 with the next ones */
    BLOCK_BYTES = 1024 * 1024, /* inputs of a unit, which should stay in L2 */
    PART_BYTES = 640 * 1024,   /* inputs of a part of the sums of all panels, and these sums */
    CHUNK_BYTES = 384 * 1024,  /* weights of a unit, which should too */
    PACK_BLOCK = 64,           /* inputs packed at a time */
    NARROW = 8                 /* fewer input channels than this: a row of taps counts as one */
};

static bool f32_pays(const tm_lowering *lowering, const tm_node *node)
{
    (void)lowering, (void)node;
    return true;
}

/* ---- sizes ---- */

/* Into how many parts, of whole taps if there are several, a sum is cut. */
static int sum_parts(const tm_product *p)
{
    int taps = p->whole.tap_rows ? p->window.conv.kernel_h : p->taps;
    int pieces = taps > 1 ? taps : p->kc;
    int parts = tm_ceil_div(p->taps * p->kc, PART_ROWS);
    return tm_ceil_div(pieces, tm_ceil_div(pieces, parts));
}

/* Whether all panels go through a part of the sum before the next one: so the inputs of a part stay
 * in L2, where those of all parts do not. Otherwise each panel goes through all parts: so its sums
 * stay in L1. */
static bool goes_by_parts(const tm_product *p)
{
    size_t inputs = (size_t)p->division.rows * (size_t)p->kc * sizeof(float);
    return p->whole.parts > 1 && p->taps == 1 && inputs > PART_BYTES;
}

/* Floats from row to row of the sums that are not whole: an odd number of lines. */
static size_t sums_ld(const tm_product *p)
{
    return (size_t)((p->whole.by_parts ? p->division.chunk : TM_MAX_PANELS) | 1) * TM_PANEL;
}

static tm_unit_bytes unit_bytes(const tm_product *p)
{
    tm_unit_bytes bytes = {(size_t)p->kc * sizeof(float), BLOCK_BYTES, p->panel_bytes, CHUNK_BYTES,
                           0};
    if (p->whole.by_parts) {
        int inputs = tm_ceil_div(p->kc, p->whole.parts);
        bytes.row = (size_t)(inputs + p->panels * TM_PANEL) * sizeof(float);
        bytes.rows_most = PART_BYTES;
    }
    return bytes;
}

static size_t f32_plan(tm_lowering *lowering, const tm_node *node, tm_product *p)
{
    (void)node;
    const tm_conv_attrs *conv = &p->window.conv;
    p->whole.tap_rows = p->taps > 1 && p->division.groups == 1 && p->kc < NARROW;
    p->whole.parts = sum_parts(p);
    p->whole.by_parts = goes_by_parts(p);
    p->panel_bytes = (size_t)p->taps * (size_t)p->kc * TM_PANEL * sizeof(float);
    int wide;
    p->division.grain = tm_gemm_next(p->f32, p->outputs, &wide)->rows;
    const tm_unit_bytes bytes = unit_bytes(p);
    tm_division_fit(&p->division, &bytes, tm_lower_threads(lowering));
    size_t taps = (size_t)(p->whole.tap_rows ? conv->kernel_h : p->taps);
    size_t scratch = taps * ((size_t)p->division.block + TM_MAX_ROWS) * sizeof(float *);
    if (p->whole.tap_rows)
        scratch += (size_t)p->division.block * (size_t)p->taps * (size_t)p->kc * sizeof(float);
    p->whole.sums = tm_whole_lines(scratch);
    if (p->whole.parts > 1)
        scratch = p->whole.sums + (size_t)p->division.block * sums_ld(p) * sizeof(float);
    return scratch;
}

/* ---- packing ---- */

/* Inputs [begin, end) of one panel. */
static void pack_block(const tm_product *p, const float *values, int first, size_t begin,
                       size_t end, float *out)
{
    size_t taps = (size_t)p->taps, inputs = (size_t)(p->kc / p->merged);
    int sub_outputs = p->outputs / p->merged;
    for (int j = 0; j < TM_PANEL && first + j < p->outputs; j++) {
        size_t sub = (size_t)((first + j) / sub_outputs) * inputs;
        const float *from = values + (size_t)j * inputs * taps;
        for (size_t t = 0; t < taps; t++)
            for (size_t i = begin; i < end; i++)
                out[(t * (size_t)p->kc + sub + i) * TM_PANEL + (size_t)j] = from[i * taps + t];
    }
}

/* Block by block where groups are merged: what is written stays in the cache until every output
 * was there. */
static void f32_pack(const tm_product *p, const float *values, int first, int rows, float *room,
                     char *to)
{
    (void)room;
    float *out = (float *)(void *)to;
    size_t inputs = (size_t)(p->kc / p->merged);
    if (p->merged == 1) {
        tm_pack_taps(p->f32, values, (size_t)rows, (size_t)p->kc, (size_t)p->taps, out);
        return;
    }
    memset(out, 0, p->panel_bytes);
    for (size_t i = 0; i < inputs; i += PACK_BLOCK)
        pack_block(p, values, first, i, inputs - i < PACK_BLOCK ? inputs : i + PACK_BLOCK, out);
}

/* ---- running ---- */

/* Rows [first, first + count) of the panels, and the taps and channels they belong to. */
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

/* Panels of a group from `panel` on, `wide` of them, which a part of the sum goes through. */
typedef struct stretch {
    int group, panel, wide, part;
    const tm_gemm_kernel *kernel;
} stretch;

/* Where a part's sums go: the last one's to y, the others' to the scratch, whence they go on. */
static tm_results results_of(const tm_product *p, const tm_unit *unit, const stretch *at,
                             float *sums)
{
    if (at->part + 1 == p->whole.parts)
        return tm_results_of(p, unit, at->group, at->panel, at->wide, 0, unit->count);
    return (tm_results){.c = sums,
                        .c_ld = sums_ld(p),
                        .n = tm_least(p->outputs - at->panel * TM_PANEL, at->wide * TM_PANEL)};
}

/* The tiles of a block for a part of the sum. tile: the first one's columns, of the whole sum;
 * next: the rows of `ahead` panels that the next tiles will want. */
static void run_part(const tm_product *p, int count, const tm_gemm_kernel *kernel,
                     const tm_results *results, tm_gemm_tile tile, k_part part, const float *next,
                     int ahead)
{
    const void *const *rows = tile.rows + (size_t)part.tap * tile.tap_stride;
    const float *sums = tile.sum;
    tm_fetch fetch =
        tm_fetch_from(next, tile.panel_stride, part.count, ahead, tm_ceil_div(count, kernel->rows));
    bool last = part.first + part.count == tile.panel_stride / TM_PANEL;
    if (part.first > 0)
        tile.bias = NULL;
    tile.panel += part.first * TM_PANEL;
    tile.next_step = fetch.step;
    tile.taps = part.taps;
    tile.kc = part.kc;
    tile.offset += part.channel;
    tile.lo = last ? p->store.lo : -INFINITY;
    tile.hi = last ? p->store.hi : INFINITY;
    for (int i = 0; i < count; i += kernel->rows) {
        tile.rows = rows + i;
        tile.m = count - i < kernel->rows ? count - i : kernel->rows;
        tile.next = tm_fetch_next(&fetch);
        tile.sum = sums + (size_t)i * tile.sum_ld;
        tile.c = results->c + (size_t)i * tile.c_ld;
        if (results->residual)
            tile.residual = results->residual + (size_t)i * tile.residual_ld;
        kernel->run(&tile);
        if (last)
            tm_results_finish(p, results, i, tile.m);
    }
}

/* What comes after it: rows of `ahead` panels, from there on. */
static const float *behind(const tm_product *p, const tm_unit *unit, const stretch *at,
                           const k_part *part, int *ahead)
{
    int first = at->panel + at->wide, more = tm_product_panels_from(p, at->group, first);
    bool last = at->part + 1 == p->whole.parts;
    size_t row = p->whole.by_parts ? part->first : 0;
    if (!last && (!p->whole.by_parts || first == unit->panel + unit->panels)) {
        first = p->whole.by_parts ? unit->panel : at->panel;
        row = part->first + part->count;
        more = at->wide;
    }
    *ahead = tm_least(more, at->wide);
    return (const float *)tm_product_panel(p, at->group, first) + row * TM_PANEL;
}

static void run_stretch(const tm_product *p, const tm_unit *unit, stretch at, tm_gemm_tile tile)
{
    k_part part = part_at(&tile, p->whole.parts, at.part);
    int column = p->whole.by_parts ? at.panel - unit->panel : 0, ahead;
    float *sums = (float *)(void *)((char *)unit->run->scratch + p->whole.sums) + column * TM_PANEL;
    tm_results results = results_of(p, unit, &at, sums);
    tile.n = results.n;
    tile.c_ld = results.c_ld;
    tile.residual_ld = results.residual_ld;
    tile.sum = sums;
    tile.sum_ld = sums_ld(p);
    tile.panel = tm_product_panel(p, at.group, at.panel);
    tile.bias = tm_product_bias(p, at.group, at.panel);
    const float *next = behind(p, unit, &at, &part, &ahead);
    run_part(p, unit->count, at.kernel, &results, tile, part, next, ahead);
}

static void run_panels(const tm_product *p, const tm_unit *unit, int group, int part, int parts,
                       tm_gemm_tile tile)
{
    stretch at = {.group = group};
    int last = unit->panel + unit->panels, columns = tm_least(last * TM_PANEL, p->outputs);
    for (at.panel = unit->panel; at.panel < last; at.panel += at.wide) {
        at.kernel = tm_gemm_next(p->f32, columns - at.panel * TM_PANEL, &at.wide);
        for (at.part = part; at.part < part + parts; at.part++)
            run_stretch(p, unit, at, tile);
    }
}

static void run_group(const tm_product *p, const tm_unit *unit, int group, tm_gemm_tile tile)
{
    if (!p->whole.by_parts)
        run_panels(p, unit, group, 0, p->whole.parts, tile);
    for (int part = 0; p->whole.by_parts && part < p->whole.parts; part++)
        run_panels(p, unit, group, part, 1, tile);
}

/* scratch: the pointers, the copies of tap rows, the sums that are not whole */
static void f32_run(const tm_product *p, const tm_unit *unit)
{
    const void **rows = unit->run->scratch;
    size_t stride = (size_t)p->division.block + TM_MAX_ROWS;
    tm_gemm_tile tile = {.rows = rows,
                         .tap_stride = stride,
                         .taps = p->taps,
                         .kc = p->kc,
                         .panel_stride = p->panel_bytes / sizeof(float)};
    if (p->whole.tap_rows) {
        tile.taps = p->window.conv.kernel_h;
        tile.kc = p->window.conv.kernel_w * p->kc;
        tm_window_point_tap_rows(&p->window, unit, rows, stride,
                                 (float *)(rows + (size_t)tile.taps * stride));
    } else {
        tm_window_point(&p->window, unit, rows, stride);
    }
    for (int group = unit->group; group < unit->last_group; group++) {
        tile.offset = (size_t)group * (size_t)p->kc;
        run_group(p, unit, group, tile);
    }
}

const tm_product_kind tm_product_f32 = {.name = "f32",
                                        .types = TM_TYPES_WRITES,
                                        .merges = true,
                                        .pixels = true,
                                        .pays = f32_pays,
                                        .plan = f32_plan,
                                        .pack = f32_pack,
                                        .run = f32_run};
