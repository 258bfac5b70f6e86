/* SPDX-License-Identifier: Apache-2.0 */
/* Times the products of bfloat16, one row of tiles on shapes of real models, and the conversion. */
#ifndef TESTS_KERNELS_BENCH_BF16_H
#define TESTS_KERNELS_BENCH_BF16_H

#include "tests/kernels/bench.h"
#include "tests/kernels/cases_bf16.h"

typedef struct bf16_bench {
    const gemm_bf16_entry *entry;
    tm_gemm_bf16_tile tile; /* of the first panels */
    int n;
    const float *x;
    tm_bf16 *halves;
} bf16_bench;

static void call_gemm_bf16(void *args)
{
    const bf16_bench *s = args;
    tm_gemm_bf16_tile t = s->tile;
    for (int j = 0; j < s->n; j += t.n) {
        t.panel = s->tile.panel + (size_t)j * t.kc;
        t.c = s->tile.c + j;
        s->entry->run(&t);
    }
}

static tm_bf16 *bench_halves(size_t count)
{
    tm_bf16 *halves = aligned_alloc(64, (count * sizeof *halves + 63) / 64 * 64);
    if (!halves)
        abort();
    for (size_t i = 0; i < count; i++)
        halves[i] = (tm_bf16)(0x3F80 + i % 64);
    return halves;
}

static void bench_gemm_bf16(const bench *b, const gemm_bf16_entry *entry)
{
    static const struct {
        const char *name;
        int kc, n;
    } shapes[] = {{"vit_small fc1, 384 to 1536", 384, 1536},
                  {"resnet50 layer3 3x3, 256 to 192", 2304, 192}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        size_t kc = (size_t)shapes[i].kc, n = (size_t)shapes[i].n, rows = (size_t)entry->rows;
        tm_bf16 *a = bench_halves(rows * kc), *panels = bench_halves(n * kc);
        float *bias = bench_floats(b->c, TM_PANEL * TM_MAX_PANELS);
        float *out = bench_floats(b->c, rows * n);
        bf16_bench s = {.entry = entry,
                        .n = shapes[i].n,
                        .tile = {.a = a,
                                 .a_ld = kc,
                                 .kc = kc,
                                 .panel = panels,
                                 .panel_stride = kc * TM_PANEL,
                                 .bias = bias,
                                 .hi = INFINITY,
                                 .c = out,
                                 .c_ld = n,
                                 .m = entry->rows,
                                 .n = TM_PANEL * entry->panels}};
        print_flops(b, entry->name, shapes[i].name, best_time(call_gemm_bf16, &s),
                    2.0 * (double)(rows * n * kc));
        free(a), free(panels), free(bias), free(out);
    }
}

static void bench_gemms_bf16(const bench *b)
{
    for (int e = 0; e < GEMM_BF16_ENTRIES; e++)
        if (strcmp(gemm_bf16_entries[e].target, b->c->target) == 0)
            bench_gemm_bf16(b, &gemm_bf16_entries[e]);
}

typedef struct to_bf16_bench {
    const tm_bf16_kernels *kernels;
    const float *x;
    tm_bf16 *halves;
    size_t count;
} to_bf16_bench;

static void call_to_bf16(void *args)
{
    const to_bf16_bench *t = args;
    t->kernels->to_bf16(t->count, t->x, t->halves, t->halves + t->count);
}

/* no row asks for it where the compiler makes code for another processor */
__attribute__((unused)) static void bench_to_bf16(const bench *b)
{
    to_bf16_bench t = {.kernels = b->c->bf16, .count = 4096};
    float *x = bench_floats(b->c, t.count);
    t.x = x;
    t.halves = bench_halves(2 * t.count);
    print_bytes(b, "to_bf16", "4096 values, hi and lo", best_time(call_to_bf16, &t),
                8 * (double)t.count);
    free(x), free(t.halves);
}

#endif
