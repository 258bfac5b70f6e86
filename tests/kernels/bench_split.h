/* SPDX-License-Identifier: Apache-2.0 */
/* Times the products of bfloat16 parts on shapes of real models, on one thread: from split rows and
 * packed panels, and the splitting of the rows. GFLOP/s are those of the float32 product. */
#ifndef TESTS_KERNELS_BENCH_SPLIT_H
#define TESTS_KERNELS_BENCH_SPLIT_H

#include "tests/kernels/bench.h"
#include "tests/kernels/cases_split.h"

typedef struct split_bench {
    const tm_split_kernels *kernels;
    tm_split_tile tile; /* of the first two panels */
    int panels;
    const float *x;
    tm_bf16 *rows;
} split_bench;

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
    size_t k = s->tile.steps * TM_SPLIT_K;
    const float *rows[TM_SPLIT_ROWS];
    for (int i = 0; i < s->tile.m; i += TM_SPLIT_ROWS) {
        for (int j = 0; j < TM_SPLIT_ROWS; j++)
            rows[j] = s->x + (size_t)(i + j) * k;
        s->kernels->rows(s->tile.parts, TM_SPLIT_ROWS, k, rows,
                         s->rows + (size_t)i * k * (size_t)s->tile.parts);
    }
}

typedef struct split_shape {
    const char *name;
    int m, n;
    size_t steps;
} split_shape;

static void bench_split_shape(const bench *b, const split_shape *shape, int parts)
{
    size_t k = shape->steps * TM_SPLIT_K, m = (size_t)shape->m, n = (size_t)shape->n;
    split_bench s = {.kernels = tm_split_kernels_for(b->c->isa), .panels = shape->n / TM_PANEL};
    float *x = bench_floats(b->c, m * k), *bias = bench_floats(b->c, 32);
    float *out = bench_floats(b->c, m * n);
    tm_bf16 *rows = calloc(m * k * (size_t)parts + 64, sizeof *rows);
    tm_bf16 *panels = aligned_alloc(64, n * k * (size_t)parts * sizeof *panels);
    if (!rows || !panels)
        abort();
    memset(panels, 0, n * k * (size_t)parts * sizeof *panels);
    s.x = x;
    s.rows = rows + (64 - (uintptr_t)rows % 64) % 64 / sizeof *rows;
    s.tile = (tm_split_tile){.parts = parts,
                             .steps = shape->steps,
                             .a = s.rows,
                             .b = panels,
                             .b_stride = k * (size_t)parts * TM_PANEL,
                             .begins = true,
                             .ends = true,
                             .bias = bias,
                             .hi = INFINITY,
                             .c = out,
                             .c_ld = n,
                             .m = shape->m,
                             .n = 32};
    char name[32];
    snprintf(name, sizeof name, "split %d part%s", parts, parts > 1 ? "s" : "");
    print_bytes(b, "split_rows", shape->name, best_time(call_split_rows, &s),
                (double)(m * k) * (1 + 0.5 * parts));
    print_flops(b, name, shape->name, best_time(call_split_multiply, &s),
                2.0 * (double)(m * n * k));
    free(x), free(bias), free(out), free(rows), free(panels);
}

/* The products' peak on this core is not known here: shares are of AVX-512's. */
static void bench_split(check *c)
{
    bench b = {.c = c, .peak = peak_of(TM_ISA_AVX512)};
    static const split_shape shapes[] = {
        {"vit_base proj, 208 x 768 x 768", 208, 768, 24},
        {"vit_small fc1, 208 x 1536 x 384", 208, 1536, 12},
        {"resnet50 layer1 conv3, 256 x 256 x 64", 256, 256, 2},
        {"resnet50 layer2 conv2, 112 x 128 x 1152", 112, 128, 36},
        {"efficientnet_b0 expand, 256 x 96 x 32", 256, 96, 1},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int parts = 1; parts <= TM_SPLIT_PARTS; parts++)
            bench_split_shape(&b, &shapes[i], parts);
}

#endif
