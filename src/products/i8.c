/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Products of bytes (kernels/i8.h), with a scale for each output's weights and one for each row:
 * of its own where windows do not overlap, so that a unit converts its rows; else that of the
 * picture, whose bytes are made once, by steps before, and pointed at as float32 products point at
 * pixels. Either depends on the picture alone, never on how work is divided.
 */
#include <math.h>
#include <string.h>

#include "base/floats.h"
#include "base/loops.h"
#include "products/i8_picture.h"
#include "products/results.h"

enum {
    LEAST_INPUTS = 16, /* of a tap, where taps do not lie together */
    LEAST_OUTPUTS = 16,
    LEAST_MACS = 1 << 18,     /* fewer are gates of pooled channels, quick and delicate */
    LEAST_ROW = 2048,         /* products of a row: fewer take less time than its conversion */
    BLOCK_BYTES = 256 * 1024, /* of a unit's rows, which should stay in L2 */
    CHUNK_BYTES = 512 * 1024, /* weights of a unit, which should too */
    CONVERSION = 8            /* of a number: takes as long as so many bytes of weights are read */
};

/* ---- whether it pays ---- */

/* Every input is read about once or less: rows cost no more conversions than the picture. */
static bool windows_are_apart(const tm_conv_attrs *conv)
{
    return conv->kernel_h * conv->kernel_w <= conv->stride * conv->stride;
}

static bool i8_pays(const tm_lowering *lowering, const tm_node *node)
{
    const tm_conv_attrs *conv = node->attrs;
    double pixels = (double)node->shape.h * node->shape.w;
    double inputs = node->inputs[0]->shape.c / conv->groups, outputs = node->shape.c / conv->groups;
    double terms = inputs * conv->kernel_h * conv->kernel_w;
    bool whole = conv->groups == 1 || fmod(inputs, TM_I8_QUAD) == 0;
    bool lines = conv->groups == 1 && !windows_are_apart(conv);
    return tm_lower_precision(lowering) == TM_PRECISION_INT8 && whole &&
           (lines || inputs >= LEAST_INPUTS) && outputs >= LEAST_OUTPUTS &&
           terms * outputs >= LEAST_ROW && pixels * terms * node->shape.c >= LEAST_MACS &&
           terms + 3.0 * conv->kernel_h * conv->kernel_w <= TM_I8_INPUTS_MAX;
}

/* ---- sizes ---- */

/* pointers from tap to tap */
static size_t pointer_stride(const tm_product *p)
{
    return (size_t)p->division.block + TM_I8_MAX_ROWS;
}

/* A thread's scratch. */
typedef struct i8_scratch {
    const void **pointers; /* [taps][pointer_stride], to pixels of x */
    const void **rows;     /* [pointer_stride], to converted rows */
    tm_i8_scale *scales;   /* [pointer_stride] */
    uint8_t *bytes;        /* [block][bytes.row] */
} i8_scratch;

/* bytes of the pointers, and of them and the scales */
static size_t pointer_bytes(const tm_product *p)
{
    return tm_whole_lines(pointer_stride(p) * (size_t)(p->bytes.taps + 1) * sizeof(void *));
}

static size_t head_bytes(const tm_product *p)
{
    return pointer_bytes(p) + tm_whole_lines(pointer_stride(p) * sizeof(tm_i8_scale));
}

static i8_scratch scratch_of(const tm_product *p, void *scratch)
{
    const void **pointers = scratch;
    return (i8_scratch){.pointers = pointers,
                        .rows = pointers + pointer_stride(p) * (size_t)p->bytes.taps,
                        .scales = (tm_i8_scale *)(void *)((char *)scratch + pointer_bytes(p)),
                        .bytes = (uint8_t *)scratch + head_bytes(p)};
}

/* What lies together in a padded picture is one tap. */
static void choose_taps(tm_product *p)
{
    const tm_conv_attrs *conv = &p->window.conv;
    p->bytes.picture = !windows_are_apart(conv);
    p->bytes.lines = p->bytes.picture && conv->groups == 1 && conv->dilation == 1;
    p->bytes.taps = p->bytes.lines ? conv->kernel_h : p->taps;
    p->bytes.kc = tm_i8_quads((size_t)(p->taps / p->bytes.taps * p->kc));
    p->bytes.row = (size_t)p->bytes.taps * p->bytes.kc;
}

static size_t i8_plan(tm_lowering *lowering, const tm_node *node, tm_product *p)
{
    choose_taps(p);
    p->panel_bytes = TM_I8_HEAD + p->bytes.row * TM_PANEL;
    p->division.grain = p->i8->gemm[tm_gemm_i8_width(p->i8, p->panels)].rows;
    /* neighbours under a window share what they read */
    size_t row = p->bytes.picture ? (size_t)p->kc : p->bytes.row;
    size_t conversion = p->bytes.picture ? 0 : p->bytes.row * CONVERSION;
    const tm_unit_bytes bytes = {row, BLOCK_BYTES, p->panel_bytes, CHUNK_BYTES, conversion};
    tm_division_fit(&p->division, &bytes, tm_lower_threads(lowering));
    if (p->bytes.picture)
        tm_i8_lower_picture(lowering, node, p);
    return head_bytes(p) + (p->bytes.picture ? 0 : (size_t)p->division.block * p->bytes.row);
}

/* ---- packing ---- */

/* Of 16 outputs' weights [k][16]: the scales, and what to multiply by. A scale is NaN where a
 * weight is infinite or NaN. */
static void measure_weights(const float *values, size_t k, float *scale, float inverse[TM_PANEL])
{
    float most[TM_PANEL] = {0}, odd[TM_PANEL] = {0};
    for (size_t i = 0; i < k; i++)
        TM_VECTOR_LOOP for (size_t j = 0; j < TM_PANEL; j++)
        {
            float size = fabsf(values[i * TM_PANEL + j]);
            most[j] = size > most[j] ? size : most[j];
            odd[j] += size * 0.0f;
        }
    for (size_t j = 0; j < TM_PANEL; j++) {
        tm_i8_range range = {.hi = 255.0f / 127 * most[j], .odd = odd[j]};
        tm_i8_scale s = tm_i8_scale_of(&range);
        scale[j] = s.scale;
        inverse[j] = s.inverse;
    }
}

/* To the nearest integer of -127 to 127; the low bits of a number near 2^23 hold it. */
static int8_t weight_of(float steps)
{
    return (int8_t)((int32_t)tm_f32_bits(steps + 0x1.8p23f) - (int32_t)tm_f32_bits(0x1.8p23f));
}

/* A tap's inputs as quads. */
static void pack_tap(const float *values, size_t kc, const float inverse[TM_PANEL], float *sums,
                     int8_t *to)
{
    for (size_t i = 0; i < kc; i++)
        for (size_t j = 0; j < TM_PANEL; j++) {
            int8_t w = weight_of(values[i * TM_PANEL + j] * inverse[j]);
            to[(i / TM_I8_QUAD * TM_PANEL + j) * TM_I8_QUAD + i % TM_I8_QUAD] = w;
            sums[j] += w;
        }
}

static void i8_pack(const tm_product *p, const float *values, int first, int rows, float *room,
                    char *to)
{
    (void)first;
    size_t taps = (size_t)p->bytes.taps, inputs = (size_t)p->taps * (size_t)p->kc;
    size_t kc = inputs / taps;
    float inverse[TM_PANEL], *scale = (float *)(void *)to, *sums = scale + TM_PANEL;
    int8_t *quads = (int8_t *)to + TM_I8_HEAD;
    memset(to, 0, p->panel_bytes);
    tm_pack_taps(p->f32, values, (size_t)rows, (size_t)p->kc, (size_t)p->taps, room);
    measure_weights(room, inputs, scale, inverse);
    for (size_t t = 0; t < taps; t++)
        pack_tap(room + t * kc * TM_PANEL, kc, inverse, sums, quads + t * p->bytes.kc * TM_PANEL);
}

/* ---- running ---- */

/* The taps of a pixel, of a group, with a scale of their own. */
static void convert_rows(const tm_product *p, const tm_unit *unit, const i8_scratch *s, int group)
{
    p->i8->rows(&(tm_i8_rows){.rows = s->pointers,
                              .tap_stride = pointer_stride(p),
                              .offset = (size_t)group * (size_t)p->kc,
                              .taps = p->taps,
                              .kc = (size_t)p->kc,
                              .step = p->bytes.kc,
                              .m = unit->count,
                              .scales = s->scales,
                              .to = s->bytes});
}

static void point_at_rows(const tm_product *p, const tm_unit *unit, const i8_scratch *s)
{
    size_t last = (size_t)unit->count - 1;
    for (size_t i = 0; i < pointer_stride(p); i++)
        s->rows[i] = s->bytes + (i < last ? i : last) * p->bytes.row;
}

static void copy_picture_scales(const tm_product *p, const tm_unit *unit, const i8_scratch *s)
{
    int pixels = p->division.rows;
    for (int i = 0; i < unit->count; i++)
        s->scales[i] = *tm_i8_picture_scale(p, unit->run, unit->n + (unit->first + i) / pixels);
}

/* `wide` panels from `panel` on, times the unit's rows; tile: of the group. */
static void run_panels(const tm_product *p, const tm_unit *unit, const i8_scratch *s, int group,
                       int panel, int wide, tm_gemm_i8_tile tile)
{
    const tm_gemm_i8_kernel *kernel = &p->i8->gemm[wide];
    const void *const *rows = tile.rows;
    int behind = tm_product_panels_from(p, group, panel + wide);
    tile.panel = tm_product_panel(p, group, panel);
    tile.bias = tm_product_bias(p, group, panel);
    const float *next = (const float *)(const void *)(tile.panel + (size_t)wide * p->panel_bytes);
    tm_results results = tm_results_of(p, unit, group, panel, wide, 0, unit->count);
    tile.n = results.n;
    tile.c_ld = results.c_ld;
    tile.residual_ld = results.residual_ld;
    tm_fetch fetch = tm_fetch_from(next, p->panel_bytes / sizeof(float), p->bytes.row / TM_I8_QUAD,
                                   tm_least(wide, behind), tm_ceil_div(unit->count, kernel->rows));
    tile.next_step = fetch.step;
    for (int i = 0; i < unit->count; i += kernel->rows) {
        tile.rows = rows + i;
        tile.scales = s->scales + i;
        tile.m = unit->count - i < kernel->rows ? unit->count - i : kernel->rows;
        tile.next = tm_fetch_next(&fetch);
        tile.c = results.c + (size_t)i * tile.c_ld;
        if (results.residual)
            tile.residual = results.residual + (size_t)i * tile.residual_ld;
        kernel->run(&tile);
        tm_results_finish(p, &results, i, tile.m);
    }
}

static void i8_run(const tm_product *p, const tm_unit *unit)
{
    i8_scratch s = scratch_of(p, unit->run->scratch);
    bool picture = p->bytes.picture;
    tm_gemm_i8_tile tile = {.rows = picture ? s.pointers : s.rows,
                            .tap_stride = pointer_stride(p),
                            .taps = picture ? p->bytes.taps : 1,
                            .kc = (int)(picture ? p->bytes.kc : p->bytes.row),
                            .panel_stride = p->panel_bytes,
                            .lo = p->store.lo,
                            .hi = p->store.hi};
    tm_window_point(&p->window, unit, s.pointers, pointer_stride(p));
    if (picture)
        copy_picture_scales(p, unit, &s);
    else
        point_at_rows(p, unit, &s);
    for (int group = unit->group; group < unit->last_group; group++) {
        if (picture)
            tile.offset = (size_t)group * p->bytes.kc;
        else
            convert_rows(p, unit, &s, group);
        int last = unit->panel + unit->panels;
        for (int panel = unit->panel, wide; panel < last; panel += wide) {
            wide = tm_gemm_i8_width(p->i8, last - panel);
            run_panels(p, unit, &s, group, panel, wide, tile);
        }
    }
}

const tm_product_kind tm_product_i8 = {.name = "i8",
                                       .types = TM_TYPES_WRITES,
                                       .pays = i8_pays,
                                       .plan = i8_plan,
                                       .pack = i8_pack,
                                       .run = i8_run};
