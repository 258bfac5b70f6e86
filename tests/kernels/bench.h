/* SPDX-License-Identifier: Apache-2.0 */
/* Times every kernel on shapes of resnet50, efficientnet_b0 and vit_small, on one thread. */
#ifndef TESTS_KERNELS_BENCH_H
#define TESTS_KERNELS_BENCH_H

#include <time.h>

#include "tests/kernels/cases_rows.h"
#include "tests/kernels/cases_gemm.h"

/* ---- timing ---- */

static double bench_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef void bench_call(void *args);

/* the fastest of a few runs of about 10 ms each, in seconds a call */
static double best_time(bench_call *call, void *args)
{
    long calls = 1;
    double best = INFINITY;
    for (int run = 0; run < 6;) {
        double begin = bench_now();
        for (long i = 0; i < calls; i++)
            call(args);
        double took = bench_now() - begin;
        if (took < 0.01 && run == 0) {
            calls *= took < 0.001 ? 8 : 2;
            continue;
        }
        best = fmin(best, took / (double)calls);
        run++;
    }
    return best;
}

/* ---- the most that this core can do: multiply-adds on registers alone ---- */

enum { PEAK_ROUNDS = 100000 };

typedef struct peak_bench {
    tm_peak_f32_fn *kernel;
    double flops;
} peak_bench;

static void call_peak_f32(void *args)
{
    peak_bench *b = args;
    b->flops = b->kernel(PEAK_ROUNDS);
}

/* in GFLOP/s, a multiply-add being two */
static double peak_of(const tm_kernels *kernels)
{
    peak_bench b = {.kernel = kernels->peak_f32};
    double seconds = best_time(call_peak_f32, &b);
    return b.flops / seconds * 1e-9;
}

/* ---- memory ---- */

typedef struct bench {
    check *c;
    double peak;
} bench;

static float *bench_floats(check *c, size_t count)
{
    float *data = aligned_alloc(64, (count * sizeof *data + 63) / 64 * 64);
    if (!data)
        abort();
    for (size_t i = 0; i < count; i++)
        data[i] = uniform(c, -1, 1);
    return data;
}

static void print_flops(const bench *b, const char *kernel, const char *shape, double seconds,
                        double flops)
{
    double rate = flops / seconds * 1e-9;
    printf("%-10s %-18s %-44s %12.0f ns %8.2f GFLOP/s", b->c->target, kernel, shape, seconds * 1e9,
           rate);
    if (b->peak > 0)
        printf(" %5.1f %%", 100 * rate / b->peak);
    printf("\n");
}

static void print_bytes(const bench *b, const char *kernel, const char *shape, double seconds,
                        double bytes)
{
    printf("%-10s %-18s %-44s %12.0f ns %8.2f GB/s\n", b->c->target, kernel, shape, seconds * 1e9,
           bytes / seconds * 1e-9);
}

static const char *const elem_names[] = {"f32", "bf16"};

/* numbers of a type, in the memory of as many floats */
static void *bench_elems(check *c, elem type, size_t count)
{
    block b = {.type = type, .data = bench_floats(c, count)};
    for (size_t i = 0; i < count && type == BF16; i++)
        put(&b, (ptrdiff_t)i, uniform(c, -1, 1));
    return b.at;
}

/* ---- gemm: a block of output pixels times all panels ---- */

typedef struct gemm_bench {
    const gemm_entry *entry;
    gemm_problem problem;
} gemm_bench;

static void call_gemm(void *args)
{
    const gemm_bench *g = args;
    run_with(g->entry, &g->problem);
}

typedef struct gemm_shape {
    const char *name;
    int taps, kc, n;
} gemm_shape;

/* one row of tiles, as wide as the shape has whole tiles for */
static void bench_gemm(const bench *b, const gemm_entry *entry, const gemm_shape *shape)
{
    static gemm_bench g;
    check *c = b->c;
    bool whole = entry->columns % TM_PANEL == 0;
    int n = entry->columns;
    if (shape->n < n)
        n = shape->n;
    else if (whole)
        n = shape->n / n * n;
    size_t k = (size_t)shape->taps * (size_t)shape->kc, panels = (size_t)(n + 15) / 16;
    float *x = bench_floats(c, (size_t)(TM_MAX_ROWS + shape->taps) * (size_t)shape->kc);
    float *panel = bench_floats(c, panels * k * TM_PANEL), *bias = bench_floats(c, panels * 16);
    float *out = bench_floats(c, (size_t)entry->rows * (size_t)n);
    for (int t = 0; t < shape->taps; t++)
        for (int i = 0; i < TM_MAX_ROWS; i++)
            g.problem.rows[t * TM_MAX_ROWS + i] = x + (size_t)(t + i) * (size_t)shape->kc;
    g.entry = entry;
    g.problem.tile = (tm_gemm_tile){.rows = g.problem.rows,
                                    .tap_stride = TM_MAX_ROWS,
                                    .taps = shape->taps,
                                    .kc = shape->kc,
                                    .panel = panel,
                                    .panel_stride = k * TM_PANEL,
                                    .bias = bias,
                                    .lo = 0,
                                    .hi = INFINITY,
                                    .c = out,
                                    .c_ld = (size_t)n,
                                    .m = entry->rows,
                                    .n = n};
    double seconds = best_time(call_gemm, &g);
    print_flops(b, entry->name, shape->name, seconds, 2.0 * entry->rows * n * (double)k);
    free(x), free(panel), free(bias), free(out);
}

static void bench_gemms(const bench *b)
{
    static const gemm_shape shapes[] = {
        {"resnet50 conv1 7x7, 3 to 64", 1, 147, 64},
        {"resnet50 layer1 1x1, 64 to 256", 1, 64, 256},
        {"resnet50 layer1 3x3, 64 to 64", 9, 64, 64},
        {"resnet50 layer3 3x3, 256 to 256", 9, 256, 256},
        {"resnet50 layer4 1x1, 2048 to 512", 1, 2048, 512},
        {"regnety_032 3x3 of groups, 24 to 24", 9, 24, 24},
        {"efficientnet_b0 1x1, 24 to 144", 1, 24, 144},
        {"efficientnet_b0 1x1, 672 to 112", 1, 672, 112},
        {"vit_small qkv, 384 to 1152", 1, 384, 1152},
        {"vit_small fc2, 1536 to 384", 1, 1536, 384},
        {"vit_small q k^T, 64 to 197", 1, 64, 197},
        {"vit_small scores v, 197 to 64", 1, 197, 64},
    };
    for (int e = 0; e < GEMM_ENTRIES; e++) {
        bool ours = strcmp(gemm_entries[e].target, b->c->target) == 0;
        for (size_t s = 0; ours && s < sizeof shapes / sizeof *shapes; s++)
            bench_gemm(b, &gemm_entries[e], &shapes[s]);
    }
}

/* ---- row kernels: x is rows x n, y as large ---- */

typedef struct row_bench {
    const tm_kernels *kernels;
    elem type;
    size_t rows, n;
    void *x, *y;
    float *mul, *add;
    tm_act_kind act;
    bool one_row;
    tm_layernorm_args norm;
    tm_reduce_op reduce;
} row_bench;

static void call_act(void *args)
{
    const row_bench *r = args;
    TYPED(r->kernels, act, r->type)(r->act, 0.1f, r->rows, r->n, r->x, r->n, r->y, r->n);
}

static void call_affine(void *args)
{
    const row_bench *r = args;
    tm_affine_fn *affine = TYPED(r->kernels, affine, r->type);
    affine(r->rows, r->n, r->x, r->n, r->mul, r->add, 0, INFINITY, r->y, r->n);
}

static void call_binary(void *args)
{
    const row_bench *r = args;
    tm_binary_fn *binary = TYPED(r->kernels, binary, r->type);
    binary(r->one_row ? TM_BINARY_MUL : TM_BINARY_ADD, r->rows, r->n, r->x, r->n,
           r->one_row ? r->x : r->y, r->one_row ? 0 : r->n, false, r->one_row ? r->y : r->x, r->n);
}

static void call_colreduce(void *args)
{
    const row_bench *r = args;
    TYPED(r->kernels, colreduce, r->type)(r->reduce, r->rows, r->n, r->x, r->n, r->y);
}

static void call_layernorm(void *args)
{
    const row_bench *r = args;
    TYPED(r->kernels, layernorm, r->type)(&r->norm, r->rows, r->x, r->n, r->y, r->n);
}

static void call_pack_f32(void *args)
{
    const row_bench *r = args;
    for (size_t i = 0; i < r->rows; i += TM_PANEL)
        r->kernels->pack_f32(TM_PANEL, r->n, (float *)r->x + i * r->n, r->n,
                             (float *)r->y + i * r->n);
}

/* on its own result, which stays a softmax */
static void call_softmax_f32(void *args)
{
    const row_bench *r = args;
    r->kernels->softmax_f32(r->rows, r->n, 0.125f, r->x, r->n);
}

typedef struct row_shape {
    const char *name;
    size_t rows, n;
} row_shape;

static void bench_rows(const bench *b, const char *kernel, bench_call *call, const row_shape *shape,
                       row_bench r, double elems)
{
    check *c = b->c;
    size_t count = shape->rows * shape->n;
    r.kernels = c->kernels;
    r.rows = shape->rows;
    r.n = shape->n;
    r.x = bench_elems(c, r.type, count);
    r.y = bench_elems(c, r.type, count);
    r.mul = bench_floats(c, shape->n);
    r.add = bench_floats(c, shape->n);
    r.norm = (tm_layernorm_args){
        .n = shape->n, .groups = 1, .eps = 1e-6f, .weight = r.mul, .bias = r.add};
    print_bytes(b, kernel, shape->name, best_time(call, &r),
                elems * (double)(count * elem_bytes(r.type)));
    free(r.x), free(r.y), free(r.mul), free(r.add);
}

static void bench_act(const bench *b, elem type)
{
    static const row_shape shape = {"a unit of 128 x 128", 128, 128};
    for (int kind = TM_ACT_RELU; kind < TM_ACT_COUNT; kind++) {
        char name[64];
        snprintf(name, sizeof name, "act_%s %s", elem_names[type], act_names[kind]);
        bench_rows(b, name, call_act, &shape, (row_bench){.type = type, .act = (tm_act_kind)kind},
                   2);
    }
}

static void bench_act_f32(const bench *b)
{
    bench_act(b, F32);
}

static void bench_act_bf16(const bench *b)
{
    bench_act(b, BF16);
}

static const row_shape norm_shape = {"resnet50 layer1 norm, 64 pixels x 256", 64, 256};

static void bench_affine_f32(const bench *b)
{
    bench_rows(b, "affine_f32", call_affine, &norm_shape, (row_bench){0}, 2);
}

static void bench_affine_bf16(const bench *b)
{
    bench_rows(b, "affine_bf16", call_affine, &norm_shape, (row_bench){.type = BF16}, 2);
}

static void bench_binary(const bench *b, elem type)
{
    static const row_shape add = {"resnet50 layer1 shortcut, 64 pixels x 256", 64, 256};
    static const row_shape large = {"the same, of 56 x 56 pixels", 3136, 256};
    static const row_shape gate = {"efficientnet_b0 gate, 28 pixels x 576", 28, 576};
    char name[64];
    snprintf(name, sizeof name, "binary_%s add", elem_names[type]);
    bench_rows(b, name, call_binary, &add, (row_bench){.type = type}, 3);
    bench_rows(b, name, call_binary, &large, (row_bench){.type = type}, 3);
    snprintf(name, sizeof name, "binary_%s mul", elem_names[type]);
    bench_rows(b, name, call_binary, &gate, (row_bench){.type = type, .one_row = true}, 2);
}

static void bench_binary_f32(const bench *b)
{
    bench_binary(b, F32);
}

static void bench_binary_bf16(const bench *b)
{
    bench_binary(b, BF16);
}

static void bench_colreduce(const bench *b, const char *name, elem type)
{
    static const row_shape squeeze = {"efficientnet_b0 squeeze, 28x28 x 240", 784, 240};
    static const row_shape head = {"resnet50 head, 7x7 x 2048", 49, 2048};
    bench_rows(b, name, call_colreduce, &squeeze, (row_bench){.type = type}, 1);
    bench_rows(b, name, call_colreduce, &head, (row_bench){.type = type}, 1);
}

static void bench_colreduce_f32(const bench *b)
{
    bench_colreduce(b, "colreduce_f32", F32);
}

static void bench_colreduce_bf16(const bench *b)
{
    bench_colreduce(b, "colreduce_bf16", BF16);
}

static const row_shape tokens_shape = {"vit_small norm1, 42 tokens x 384", 42, 384};

static void bench_layernorm_f32(const bench *b)
{
    bench_rows(b, "layernorm_f32", call_layernorm, &tokens_shape, (row_bench){0}, 2);
}

static void bench_layernorm_bf16(const bench *b)
{
    bench_rows(b, "layernorm_bf16", call_layernorm, &tokens_shape, (row_bench){.type = BF16}, 2);
}

/* x is the float32, y the bfloat16 */
static void call_f32_of_bf16(void *args)
{
    const row_bench *r = args;
    r->kernels->f32_of_bf16(r->rows, r->n, r->y, r->n, r->x, r->n);
}

static void call_bf16_of_f32(void *args)
{
    const row_bench *r = args;
    r->kernels->bf16_of_f32(r->rows, r->n, r->x, r->n, r->y, r->n);
}

static void bench_f32_of_bf16(const bench *b)
{
    bench_rows(b, "f32_of_bf16", call_f32_of_bf16, &norm_shape, (row_bench){0}, 1.5);
}

static void bench_bf16_of_f32(const bench *b)
{
    bench_rows(b, "bf16_of_f32", call_bf16_of_f32, &norm_shape, (row_bench){0}, 1.5);
}

static void bench_pack_f32(const bench *b)
{
    static const row_shape shape = {"vit_small fc1, 128 of its outputs x 384", 128, 384};
    bench_rows(b, "pack_f32", call_pack_f32, &shape, (row_bench){0}, 2);
}

/* Its figure is the level's headline. */
static void bench_peak_f32(const bench *b)
{
    (void)b;
}

static void bench_softmax_f32(const bench *b)
{
    static const row_shape shape = {"vit_small attention, 48 x 197", 48, 197};
    bench_rows(b, "softmax_f32", call_softmax_f32, &shape, (row_bench){0}, 2);
}

typedef struct f16_bench {
    const tm_kernels *kernels;
    const unsigned char *from;
    float *to;
    size_t count;
} f16_bench;

static void call_f16_to_f32(void *args)
{
    const f16_bench *f = args;
    f->kernels->f16_to_f32(f->from, f->to, f->count);
}

static void bench_f16_to_f32(const bench *b)
{
    f16_bench f = {.kernels = b->c->kernels, .count = 1 << 14};
    float *halves = bench_floats(b->c, f.count / 2);
    f.from = (const unsigned char *)halves;
    f.to = bench_floats(b->c, f.count);
    print_bytes(b, "f16_to_f32", "16384 weights", best_time(call_f16_to_f32, &f),
                6 * (double)f.count);
    free(halves), free(f.to);
}

typedef struct resample_bench {
    const tm_kernels *kernels;
    const unsigned char *rows;
    size_t count, taps;
    unsigned char *to;
    int32_t weights[8];
} resample_bench;

static void call_resample_u8(void *args)
{
    const resample_bench *r = args;
    r->kernels->resample_u8(r->count, r->taps, r->rows, r->count, r->weights, r->to);
}

static void bench_resample_u8(const bench *b)
{
    resample_bench r = {.kernels = b->c->kernels, .count = 1536, .taps = 8};
    float *rows = bench_floats(b->c, r.count * r.taps / 4), *to = bench_floats(b->c, r.count / 4);
    r.rows = (const unsigned char *)rows;
    r.to = (unsigned char *)to;
    for (size_t k = 0; k < r.taps; k++)
        r.weights[k] = 1 << (TM_RESAMPLE_BITS - 3);
    print_bytes(b, "resample_u8", "a row of 512 pixels, 8 taps", best_time(call_resample_u8, &r),
                (double)(r.count * r.taps));
    free(rows), free(to);
}

/* ---- windows: one row of output pixels ---- */

typedef struct window_bench {
    const tm_kernels *kernels;
    elem type;
    tm_dwconv_tile tile;
    const void *taps[9 * 128]; /* of a pixel after another */
} window_bench;

static void call_dwconv(void *args)
{
    const window_bench *w = args;
    TYPED(w->kernels, dwconv, w->type)(&w->tile);
}

static void call_pool(void *args)
{
    const window_bench *w = args;
    const tm_dwconv_tile *t = &w->tile;
    int count = t->rows * t->kernel_w;
    tm_pool_fn *pool = TYPED(w->kernels, pool, w->type);
    for (int i = 0; i < t->pixels; i++)
        pool(TM_REDUCE_OP_MAX, count, w->taps + i * count, (size_t)t->channels, 1.0f,
             (char *)t->out + (size_t)i * t->out_ld * elem_bytes(w->type));
}

typedef struct window_shape {
    const char *name;
    int kernel, stride, pixels, channels;
} window_shape;

static double bench_window(const bench *b, bench_call *call, elem type, const window_shape *s)
{
    static window_bench w;
    check *c = b->c;
    int taps = s->kernel * s->kernel, width = (s->pixels - 1) * s->stride + s->kernel;
    size_t channels = (size_t)s->channels;
    char *x = bench_elems(c, type, (size_t)(width * s->kernel) * channels);
    float *weights = bench_floats(c, (size_t)taps * channels), *bias = bench_floats(c, channels);
    void *out = bench_floats(c, (size_t)s->pixels * channels);
    for (int i = 0; i < s->pixels && taps <= 9; i++)
        for (int t = 0; t < taps; t++)
            w.taps[i * taps + t] =
                x + (size_t)(t / s->kernel * width + i * s->stride + t % s->kernel) * channels *
                        elem_bytes(type);
    w.kernels = c->kernels;
    w.type = type;
    w.tile = (tm_dwconv_tile){.x = x,
                              .x_row = (size_t)width * channels,
                              .x_ld = channels,
                              .width = width,
                              .rows = s->kernel,
                              .kernel_w = s->kernel,
                              .stride = s->stride,
                              .dilation = 1,
                              .pixels = s->pixels,
                              .channels = s->channels,
                              .w = weights,
                              .w_ld = channels,
                              .bias = bias,
                              .lo = 0,
                              .hi = 6,
                              .out = out,
                              .out_ld = channels};
    double seconds = best_time(call, &w);
    free(x), free(weights), free(bias), free(out);
    return seconds;
}

static void bench_dwconv(const bench *b, const char *name, elem type)
{
    static const window_shape shapes[] = {
        {"efficientnet_b0 3x3, a row of 112 x 32", 3, 1, 112, 32},
        {"efficientnet_b0 3x3, a row of 28 x 240", 3, 2, 14, 240},
        {"efficientnet_b0 5x5, a row of 14 x 480", 5, 1, 14, 480},
        {"efficientnet_b0 5x5, a row of 7 x 1152", 5, 1, 7, 1152},
        {"efficientnet_b0 5x5, 8 pixels x 96", 5, 1, 8, 96},
        {"convnext 7x7, a row of 56 x 96", 7, 1, 56, 96},
        {"mixnet 9x9, a row of 14 x 120", 9, 1, 14, 120},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const window_shape *s = &shapes[i];
        double flops = 2.0 * s->kernel * s->kernel * s->pixels * s->channels;
        print_flops(b, name, s->name, bench_window(b, call_dwconv, type, s), flops);
    }
}

static void bench_dwconv_f32(const bench *b)
{
    bench_dwconv(b, "dwconv_f32", F32);
}

static void bench_dwconv_bf16(const bench *b)
{
    bench_dwconv(b, "dwconv_bf16", BF16);
}

static void bench_pool(const bench *b, const char *name, elem type)
{
    static const window_shape s = {"resnet50 maxpool 3x3, a row of 56 x 64", 3, 2, 56, 64};
    print_bytes(b, name, s.name, bench_window(b, call_pool, type, &s),
                (double)(s.kernel * s.kernel + 1) * s.pixels * s.channels *
                    (double)elem_bytes(type));
}

static void bench_pool_f32(const bench *b)
{
    bench_pool(b, "pool_f32", F32);
}

static void bench_pool_bf16(const bench *b)
{
    bench_pool(b, "pool_bf16", BF16);
}

/* ---- Winograd: a tile after another, as a layer has them ---- */

typedef struct winograd_bench {
    const tm_kernels *kernels;
    size_t channels, tiles;
    const float *x;
    float *transformed, *y;
} winograd_bench;

static void call_winograd_in_f32(void *args)
{
    const winograd_bench *w = args;
    const float *px[TM_WINOGRAD_POSITIONS];
    for (size_t t = 0; t < w->tiles; t++) {
        for (size_t i = 0; i < TM_WINOGRAD_POSITIONS; i++)
            px[i] = w->x + (i / 6 * 64 + t * 4 + i % 6) * w->channels;
        w->kernels->winograd_in_f32(w->channels, px, w->transformed + t * w->channels,
                                    w->tiles * w->channels);
    }
}

static void call_winograd_out_f32(void *args)
{
    const winograd_bench *w = args;
    float *to[16];
    for (size_t t = 0; t < w->tiles; t++) {
        for (size_t i = 0; i < 16; i++)
            to[i] = w->y + (i / 4 * 64 + t * 4 + i % 4) * w->channels;
        tm_winograd_tile tile = {.n = w->channels,
                                 .m = w->transformed + t * w->channels,
                                 .step = w->tiles * w->channels,
                                 .bias = w->x,
                                 .hi = INFINITY,
                                 .out = to};
        w->kernels->winograd_out_f32(&tile);
    }
}

static void bench_winograd(const bench *b, const char *kernel, bench_call *call, double floats)
{
    check *c = b->c;
    winograd_bench w = {.kernels = c->kernels, .channels = 64, .tiles = 14};
    size_t picture = 6 * 64 * w.channels;
    float *x = bench_floats(c, picture);
    w.x = x;
    w.y = bench_floats(c, picture);
    w.transformed = bench_floats(c, TM_WINOGRAD_POSITIONS * w.tiles * w.channels);
    print_bytes(b, kernel, "resnet layer1, 14 tiles x 64", best_time(call, &w),
                4 * floats * (double)(w.tiles * w.channels));
    free(x), free(w.y), free(w.transformed);
}

static void bench_winograd_in_f32(const bench *b)
{
    bench_winograd(b, "winograd_in_f32", call_winograd_in_f32, 36 + 36);
}

static void bench_winograd_out_f32(const bench *b)
{
    bench_winograd(b, "winograd_out_f32", call_winograd_out_f32, 36 + 16);
}

#endif
