/* SPDX-License-Identifier: Apache-2.0 */
/* Times the products of bytes, one row of tiles on shapes of real models, and what makes them. */
#ifndef TESTS_KERNELS_BENCH_I8_H
#define TESTS_KERNELS_BENCH_I8_H

#include "tests/kernels/bench.h"
#include "tests/kernels/cases_i8.h"

typedef struct i8_bench {
    const gemm_i8_entry *entry;
    tm_gemm_i8_tile tile; /* of the first panels */
    int n;
} i8_bench;

static void call_gemm_i8(void *args)
{
    const i8_bench *s = args;
    tm_gemm_i8_tile t = s->tile;
    for (int j = 0; j + t.n <= s->n;
         j += t.n, t.panel += t.panel_stride * (size_t)s->entry->panels) {
        t.c = s->tile.c + j;
        s->entry->run(&t);
    }
}

static void bench_gemm_i8(const bench *b, const gemm_i8_entry *entry)
{
    static const struct {
        const char *name;
        int kc, n;
    } shapes[] = {{"resnet50 layer1 1x1, 64 to 192", 64, 192},
                  {"vit_small fc1, 384 to 1536", 384, 1536},
                  {"resnet50 layer3 3x3, 256 to 192", 2304, 192}};
    static const tm_i8_scale scales[TM_I8_MAX_ROWS];
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        size_t kc = (size_t)shapes[i].kc, n = (size_t)shapes[i].n, rows = (size_t)entry->rows;
        size_t panel = TM_I8_HEAD + kc * TM_PANEL;
        float *a = bench_floats(b->c, rows * kc), *out = bench_floats(b->c, rows * n);
        float *panels = bench_floats(b->c, n / TM_PANEL * panel);
        float *bias = bench_floats(b->c, TM_PANEL * TM_MAX_PANELS);
        const void *pointers[TM_I8_MAX_ROWS];
        for (size_t row = 0; row < rows; row++)
            pointers[row] = (char *)a + row * kc;
        i8_bench s = {.entry = entry,
                      .n = shapes[i].n,
                      .tile = {.rows = pointers,
                               .taps = 1,
                               .kc = shapes[i].kc,
                               .scales = scales,
                               .panel = (const char *)panels,
                               .panel_stride = panel,
                               .bias = bias,
                               .hi = INFINITY,
                               .c = out,
                               .c_ld = n,
                               .m = entry->rows,
                               .n = TM_PANEL * entry->panels}};
        print_flops(b, entry->name, shapes[i].name, best_time(call_gemm_i8, &s),
                    2.0 * (double)(rows * n * kc));
        free(a), free(panels), free(bias), free(out);
    }
}

static void bench_gemms_i8(const bench *b)
{
    for (int e = 0; e < GEMM_I8_ENTRIES; e++)
        if (strcmp(gemm_i8_entries[e].target, b->c->target) == 0)
            bench_gemm_i8(b, &gemm_i8_entries[e]);
}

typedef struct i8_rows_bench {
    const tm_i8_kernels *kernels;
    const float *x;
    uint8_t *bytes;
    size_t count;
} i8_rows_bench;

static void call_i8_range(void *args)
{
    const i8_rows_bench *r = args;
    tm_i8_range range = {0, 0, 0};
    r->kernels->range(r->count, r->x, &range);
}

static void call_i8_bytes(void *args)
{
    const i8_rows_bench *r = args;
    tm_i8_scale scale = {.inverse = 100, .zero = 128};
    r->kernels->bytes(r->count, r->x, &scale, r->bytes);
}

static void bench_i8_row(const bench *b, const char *name, bench_call *call)
{
    i8_rows_bench r = {.kernels = b->c->i8, .count = 384};
    float *x = bench_floats(b->c, r.count), *room = bench_floats(b->c, r.count);
    r.x = x;
    r.bytes = (uint8_t *)room;
    print_bytes(b, name, "384 values", best_time(call, &r), 4 * (double)r.count);
    free(x), free(room);
}

static void bench_i8_range(const bench *b)
{
    bench_i8_row(b, "i8_range", call_i8_range);
}

static void bench_i8_bytes(const bench *b)
{
    bench_i8_row(b, "i8_bytes", call_i8_bytes);
}

enum { BENCH_ROWS = 32 };

static void call_i8_rows(void *args)
{
    const i8_rows_bench *r = args;
    const void *rows[BENCH_ROWS];
    tm_i8_scale scales[BENCH_ROWS];
    for (size_t i = 0; i < BENCH_ROWS; i++)
        rows[i] = r->x + i * r->count;
    r->kernels->rows(&(tm_i8_rows){.rows = rows,
                                   .taps = 1,
                                   .kc = r->count,
                                   .step = r->count,
                                   .m = BENCH_ROWS,
                                   .scales = scales,
                                   .to = r->bytes});
}

static void bench_i8_rows(const bench *b)
{
    static const size_t widths[] = {16, 64, 384};
    for (int i = 0; i < 3; i++) {
        i8_rows_bench r = {.kernels = b->c->i8, .count = widths[i]};
        float *x = bench_floats(b->c, r.count * BENCH_ROWS);
        float *room = bench_floats(b->c, r.count * BENCH_ROWS);
        char name[32];
        snprintf(name, sizeof name, "32 rows of %zu", r.count);
        r.x = x;
        r.bytes = (uint8_t *)room;
        print_bytes(b, "i8_rows", name, best_time(call_i8_rows, &r),
                    4 * (double)r.count * BENCH_ROWS);
        free(x), free(room);
    }
}

#endif
