/* SPDX-License-Identifier: Apache-2.0 */
/* Times the products of bfloat16 parts on shapes of real models, on one thread: from split rows and
 * packed panels, and the splitting and packing. GFLOP/s are those of the float32 product. */
#ifndef TESTS_KERNELS_BENCH_SPLIT_H
#define TESTS_KERNELS_BENCH_SPLIT_H

#include "tests/kernels/bench_bf16.h"
#include "tests/kernels/cases_split.h"

typedef struct split_bench {
    const tm_split_kernels *kernels;
    tm_split_tile tile; /* of the first two panels */
    int panels;
    size_t k;
    const float *x, *y; /* [m][k], [k][n] or [n][k] */
    tm_bf16 *rows, *packed;
} split_bench;

typedef struct split_shape {
    const char *name;
    int m, n;
    size_t steps;
} split_shape;

static const split_shape split_shapes[] = {
    {"vit_base proj, 208 x 768 x 768", 208, 768, 24},
    {"vit_small fc1, 208 x 1536 x 384", 208, 1536, 12},
    {"resnet50 layer1 conv3, 256 x 256 x 64", 256, 256, 2},
    {"resnet50 layer2 conv2, 112 x 128 x 1152", 112, 128, 36},
    {"efficientnet_b0 expand, 256 x 96 x 32", 256, 96, 1},
};

static void call_split_multiply(void *args)
{
    const split_bench *s = args;
    tm_split_tile t = s->tile;
    for (int p = 0; p < s->panels; p += TM_SPLIT_PANELS) {
        t.b = s->tile.b + (size_t)p * t.b_stride;
        t.c = s->tile.c + p * TM_PANEL;
        s->kernels->multiply(&t);
    }
}

static void call_split_rows(void *args)
{
    const split_bench *s = args;
    const void *rows[TM_SPLIT_ROWS];
    for (int i = 0; i < s->tile.m; i += TM_SPLIT_ROWS) {
        for (int j = 0; j < TM_SPLIT_ROWS; j++)
            rows[j] = s->x + (size_t)(i + j) * s->k;
        s->kernels->rows(s->tile.parts, TM_SPLIT_ROWS, s->k, rows,
                         s->rows + (size_t)i * s->k * (size_t)s->tile.parts);
    }
}

static void call_split_f32(void *args)
{
    const split_bench *s = args;
    size_t count = (size_t)s->tile.m * s->k;
    s->kernels->f32(s->tile.parts, count, s->x, s->rows, count);
}

static void call_split_copy(void *args)
{
    const split_bench *s = args;
    size_t row_tile = TM_SPLIT_ROWS * s->k * (size_t)s->tile.parts;
    for (int i = 0; i < s->tile.m; i++)
        s->kernels->copy(s->tile.parts, s->k, s->packed, s->k, 0, i % TM_SPLIT_ROWS,
                         s->rows + (size_t)(i / TM_SPLIT_ROWS) * row_tile);
}

static void call_split_panel(void *args)
{
    const split_bench *s = args;
    for (int p = 0; p < s->panels; p++)
        s->kernels->panel(s->tile.parts, s->k, TM_PANEL, s->y + p * TM_PANEL,
                          (size_t)s->panels * TM_PANEL, s->packed + (size_t)p * s->tile.b_stride);
}

static void call_split_panel_t(void *args)
{
    const split_bench *s = args;
    for (int p = 0; p < s->panels; p++)
        s->kernels->panel_t(s->tile.parts, s->k, TM_PANEL, s->y + (size_t)p * TM_PANEL * s->k, s->k,
                            s->packed + (size_t)p * s->tile.b_stride);
}

/* The time of a call on one shape. */
static double time_split(const bench *b, const split_shape *shape, int parts, bench_call *call)
{
    size_t k = shape->steps * TM_SPLIT_K, m = (size_t)shape->m, n = (size_t)shape->n;
    split_bench s = {.kernels = b->c->split, .panels = shape->n / TM_PANEL, .k = k};
    float *x = bench_floats(b->c, m * k), *y = bench_floats(b->c, n * k);
    float *bias = bench_floats(b->c, 32), *out = bench_floats(b->c, m * n);
    s.x = x;
    s.y = y;
    s.rows = bench_halves(m * k * (size_t)parts);
    s.packed = bench_halves(n * k * (size_t)parts);
    s.tile = (tm_split_tile){.parts = parts,
                             .steps = shape->steps,
                             .a = s.rows,
                             .b = s.packed,
                             .b_stride = k * (size_t)parts * TM_PANEL,
                             .begins = true,
                             .ends = true,
                             .bias = bias,
                             .hi = INFINITY,
                             .c = out,
                             .c_ld = n,
                             .m = shape->m,
                             .n = 32};
    double seconds = best_time(call, &s);
    free(x), free(y), free(bias), free(out), free(s.rows), free(s.packed);
    return seconds;
}

static void bench_split_multiply(const bench *b)
{
    for (size_t i = 0; i < sizeof split_shapes / sizeof *split_shapes; i++)
        for (int parts = 1; parts <= TM_SPLIT_PARTS; parts++) {
            const split_shape *s = &split_shapes[i];
            char name[32];
            snprintf(name, sizeof name, "split %d part%s", parts, parts > 1 ? "s" : "");
            print_flops(b, name, s->name, time_split(b, s, parts, call_split_multiply),
                        2.0 * s->m * s->n * (double)(s->steps * TM_SPLIT_K));
        }
}

/* Splits all rows of a shape, or all of its panels. */
static void bench_splitting(const bench *b, const char *kernel, bench_call *call, bool rows)
{
    const split_shape *s = &split_shapes[1];
    for (int parts = 1; parts <= TM_SPLIT_PARTS; parts++) {
        double inputs = (double)(s->steps * TM_SPLIT_K) * (rows ? s->m : s->n);
        char name[32];
        snprintf(name, sizeof name, "%s %d", kernel, parts);
        print_bytes(b, name, s->name, time_split(b, s, parts, call), inputs * (4 + 2 * parts));
    }
}

static void bench_split_rows(const bench *b)
{
    bench_splitting(b, "split_rows", call_split_rows, true);
}

static void bench_split_f32(const bench *b)
{
    bench_splitting(b, "split_f32", call_split_f32, true);
}

static void bench_split_copy(const bench *b)
{
    bench_splitting(b, "split_copy", call_split_copy, true);
}

static void bench_split_panel(const bench *b)
{
    bench_splitting(b, "split_panel", call_split_panel, false);
}

static void bench_split_panel_t(const bench *b)
{
    bench_splitting(b, "split_panel_t", call_split_panel_t, false);
}

#endif
