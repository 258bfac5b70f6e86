/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Products in bfloat16 parts, by tiles (kernels/split.h). A unit brings its output pixels' inputs
 * into row tiles, all taps of a pixel in one row, and multiplies them with a chunk of panels. Where
 * there are several taps, the lines of the picture that they lie in are split once, between zeros
 * where the picture is padded, and then copied tap by tap. A panel is [step][part][16
 * pairs][16][2], or of float32, [step][32][16], where there are three parts, which are split when
 * they are used.
 */
#include "products/split.h"

#include <math.h>
#include <string.h>

#include "products/results.h"

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
static bool split_pays(const tm_lowering *lowering, const tm_node *node)
{
    if (!tm_lower_split_kernels(lowering))
        return false;
    static const double product[] = {0, 12, 23, 43}, row[] = {0, 2, 3, 4};
    int parts = tm_split_parts(tm_lower_precision(lowering));
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

static bool is_whole(const tm_product *p)
{
    return p->terms == TM_SPLIT_PARTS;
}

static tm_input_block block_at(const tm_product *p, size_t step)
{
    size_t all = (size_t)p->taps * (size_t)p->kc, left = p->tiles.steps - step;
    tm_input_block block = {step * TM_SPLIT_K, all, left < p->tiles.depth ? left : p->tiles.depth};
    if (block.steps < left)
        block.end = block.begin + block.steps * TM_SPLIT_K;
    return block;
}

/* ---- sizes ---- */

/* Inputs whose row tiles fit L2, in steps. */
static size_t choose_depth(const tm_product *p, int pairs)
{
    size_t step_bytes = 2 * (size_t)pairs * tm_split_elements(p->terms, 1) * sizeof(tm_bf16);
    int depth = (int)(ROWS_BYTES / step_bytes), steps = (int)p->tiles.steps;
    depth = depth < MIN_STEPS ? MIN_STEPS : depth;
    return (size_t)tm_ceil_div(steps, tm_ceil_div(steps, depth));
}

/* floats of the sums of all rows and two panels */
static size_t pair_sums(const tm_product *p)
{
    return (size_t)p->division.block * TM_SPLIT_PANELS * TM_PANEL;
}

/* What a unit works on at a time stays in L2: its row tiles by blocks of inputs, two panels, and
 * the sums if there is more than one block. Units for every thread come from fewer rows or from
 * fewer panels, for each of which the same rows are split again. */
static void divide(tm_product *p, int threads)
{
    tm_division *d = &p->division;
    int all = tm_ceil_div(d->rows, PAIR), pairs = tm_ceil_div(all, tm_ceil_div(all, MAX_PAIRS));
    int wanted = threads > 1 ? UNITS_PER_THREAD * threads : 1;
    while (d->by_rows && pairs > MIN_PAIRS && tm_ceil_div(all, pairs) * d->groups < wanted)
        pairs = (pairs + 1) / 2;
    int most = choose_depth(p, pairs) == p->tiles.steps ? p->panels : MAX_PANELS;
    int chunks = tm_ceil_div(p->panels, most), units = tm_ceil_div(all, pairs) * d->groups;
    while (units * chunks < wanted && tm_ceil_div(p->panels, chunks + 1) >=
                                          (units * chunks < threads ? TM_SPLIT_PANELS : MIN_PANELS))
        chunks++;
    if (units == 1 && chunks > threads) /* the same number for every thread */
        chunks = chunks / threads * threads;
    d->grain = PAIR;
    d->block = pairs * PAIR;
    d->chunk = tm_ceil_div(tm_ceil_div(p->panels, chunks), TM_SPLIT_PANELS) * TM_SPLIT_PANELS;
    p->tiles.depth = choose_depth(p, pairs);
    p->tiles.sums = p->tiles.depth < p->tiles.steps
                        ? pair_sums(p) * (size_t)tm_ceil_div(d->chunk, TM_SPLIT_PANELS)
                        : 0;
}

/* A thread's scratch. */
typedef struct split_scratch {
    float *sums; /* of every pair of panels of the chunk; none when one block has all inputs */
    tm_bf16 *panels[2]; /* two panels of a block of inputs each: under work, and the next */
    tm_bf16 *tiles;     /* the row tiles of one block of inputs */
    tm_bf16 *region;    /* the split lines of the picture */
} split_scratch;

/* elements of the panels' buffer; none when weights are split already */
static size_t panel_buffer(const tm_product *p)
{
    return is_whole(p) ? TM_SPLIT_PANELS * tm_split_elements(p->terms, p->tiles.depth) : 0;
}

static size_t tile_buffer(const tm_product *p)
{
    return (size_t)(p->division.block / TM_SPLIT_ROWS) *
           tm_split_elements(p->terms, p->tiles.depth);
}

static split_scratch scratch_of(const tm_product *p, void *scratch)
{
    split_scratch s = {.sums = scratch};
    s.panels[0] = (tm_bf16 *)(void *)(s.sums + p->tiles.sums);
    s.panels[1] = s.panels[0] + panel_buffer(p);
    s.tiles = s.panels[1] + panel_buffer(p);
    s.region = s.tiles + tile_buffer(p);
    return s;
}

static size_t split_plan(tm_lowering *lowering, const tm_node *node, tm_product *p)
{
    (void)node;
    p->terms = tm_split_parts(tm_lower_precision(lowering));
    p->tiles.steps = tm_split_steps((size_t)p->taps * (size_t)p->kc);
    p->panel_bytes = is_whole(p) ? p->tiles.steps * TM_SPLIT_K * TM_PANEL * sizeof(float)
                                 : tm_split_elements(p->terms, p->tiles.steps) * sizeof(tm_bf16);
    divide(p, tm_lower_threads(lowering));
    if (!p->window.pointwise)
        tm_split_measure_lines(p, p->division.block);
    size_t region = (size_t)p->tiles.region * (size_t)p->terms * p->tiles.line;
    return p->tiles.sums * sizeof(float) +
           (2 * panel_buffer(p) + tile_buffer(p) + region) * sizeof(tm_bf16);
}

/* ---- packing ---- */

static void split_pack(const tm_product *p, const float *values, int first, int rows, float *room,
                       char *to)
{
    (void)first;
    size_t taps = (size_t)p->taps, kc = (size_t)p->kc, k = taps * kc;
    if (is_whole(p)) {
        float *out = (float *)(void *)to;
        tm_pack_taps(p->f32, values, (size_t)rows, kc, taps, out);
        memset(out + k * TM_PANEL, 0, p->panel_bytes - k * TM_PANEL * sizeof *out);
    } else if (taps == 1) {
        p->split->panel_t(p->terms, kc, rows, values, kc, (tm_bf16 *)(void *)to);
    } else {
        tm_pack_taps(p->f32, values, (size_t)rows, kc, taps, room);
        p->split->panel(p->terms, k, TM_PANEL, room, TM_PANEL, (tm_bf16 *)(void *)to);
    }
}

/* ---- running ---- */

/* A call of the kernel: two panels, over one block of inputs. */
typedef struct split_call {
    size_t step; /* the block's first */
    int panel;
} split_call;

/* The call after this one; false: there is none. */
static bool following(const tm_product *p, const tm_unit *unit, split_call *call)
{
    call->panel += TM_SPLIT_PANELS;
    if (call->panel < unit->panel + unit->panels)
        return true;
    call->panel = unit->panel;
    call->step += p->tiles.depth;
    return call->step < p->tiles.steps;
}

/* The weights of a call, which become panels at `to`. */
static tm_split_source source_of(const tm_product *p, const tm_unit *unit, split_call call,
                                 tm_bf16 *to)
{
    const float *panel = tm_product_panel(p, unit->group, call.panel);
    int left = unit->panel + unit->panels - call.panel;
    return (tm_split_source){.from = panel + call.step * TM_SPLIT_K * TM_PANEL,
                             .from_stride = p->panel_bytes / sizeof *panel,
                             .steps = block_at(p, call.step).steps,
                             .to = to,
                             .panels = left < TM_SPLIT_PANELS ? left : TM_SPLIT_PANELS};
}

/* The first call's panels, which no call before it could split. */
static void split_first(const tm_product *p, const tm_unit *unit, tm_bf16 *to)
{
    tm_split_source source = source_of(p, unit, (split_call){.step = 0, .panel = unit->panel}, to);
    for (int i = 0; i < source.panels; i++)
        p->split->panel(p->terms, source.steps * TM_SPLIT_K, TM_PANEL,
                        source.from + (size_t)i * source.from_stride, TM_PANEL,
                        to + (size_t)i * tm_split_elements(p->terms, source.steps));
}

/* Where the call finds its panels; what it splits on its way goes to the other buffer. */
static void point_at_panels(const tm_product *p, const tm_unit *unit, split_call call,
                            split_scratch *s, tm_split_tile *tile)
{
    if (!is_whole(p)) {
        const tm_bf16 *panel = tm_product_panel(p, unit->group, call.panel);
        tile->b = panel + tm_split_elements(p->terms, call.step);
        tile->b_stride = p->panel_bytes / sizeof *panel;
        return;
    }
    tile->b = s->panels[0];
    tile->b_stride = tm_split_elements(p->terms, tile->steps);
    tile->next =
        following(p, unit, &call) ? source_of(p, unit, call, s->panels[1]) : (tm_split_source){0};
    s->panels[1] = s->panels[0];
    s->panels[0] = tile->next.to;
}

static void multiply(const tm_product *p, const tm_unit *unit, split_call call, split_scratch *s)
{
    size_t pair = (size_t)((call.panel - unit->panel) / TM_SPLIT_PANELS);
    tm_results results =
        tm_results_of(p, unit, unit->group, call.panel, TM_SPLIT_PANELS, 0, unit->count);
    tm_split_tile tile = {.parts = p->terms,
                          .steps = block_at(p, call.step).steps,
                          .a = s->tiles,
                          .begins = call.step == 0,
                          .ends = call.step + p->tiles.depth >= p->tiles.steps,
                          .sums = s->sums + pair * pair_sums(p),
                          .bias = tm_product_bias(p, unit->group, call.panel),
                          .residual = results.residual,
                          .residual_ld = results.residual_ld,
                          .lo = p->store.lo,
                          .hi = p->store.hi,
                          .c = results.c,
                          .c_ld = results.c_ld,
                          .m = unit->count,
                          .n = results.n};
    point_at_panels(p, unit, call, s, &tile);
    p->split->multiply(&tile);
    if (tile.ends)
        tm_results_finish(p, &results, 0, tile.m);
}

static void split_run(const tm_product *p, const tm_unit *unit)
{
    split_scratch s = scratch_of(p, unit->run->scratch);
    split_call call = {.step = 0, .panel = unit->panel};
    if (!p->window.pointwise)
        tm_split_lines(p, unit, s.region);
    if (is_whole(p))
        split_first(p, unit, s.panels[0]);
    do {
        if (call.panel == unit->panel && p->window.pointwise)
            tm_split_pixels(p, unit, block_at(p, call.step), s.tiles);
        else if (call.panel == unit->panel)
            tm_split_copy_pixels(p, unit, s.region, block_at(p, call.step), s.tiles);
        multiply(p, unit, call, &s);
    } while (following(p, unit, &call));
}

const tm_product_kind tm_product_split = {.name = "split",
                                          .types = TM_TYPES_ANY,
                                          .pays = split_pays,
                                          .plan = split_plan,
                                          .pack = split_pack,
                                          .run = split_run};
