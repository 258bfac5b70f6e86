/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels that treat rows alike: activation, arithmetic, normalization, softmax. */
#ifndef TESTS_KERNELS_CASES_ROWS_H
#define TESTS_KERNELS_CASES_ROWS_H

#include "tests/kernels/harness.h"

#define HALF_ULP 0x1p-24 /* relative error of one rounding */

/* A result in the memory of x, as the contract allows, or apart; its rows lie `ld` apart. */
typedef struct pair {
    block x, y;
} pair;

static pair make_pair(check *c, elem type, size_t rows, size_t n, values kind)
{
    pair p;
    size_t x_ld = n + (coin(c) ? 0 : below(c, 20)), y_ld = n + (coin(c) ? 0 : below(c, 20));
    bool in_place = below(c, 3) == 0;
    p.x = in_place ? take_as(c, type, rows, n, x_ld) : input_as(c, type, rows, n, x_ld, kind);
    if (in_place)
        fill(c, &p.x, kind);
    p.y = in_place ? p.x : take_as(c, type, rows, n, y_ld);
    return p;
}

static const char *place_name(const pair *p)
{
    return p->x.at == p->y.at ? "in place" : "apart";
}

/* ---- activation ---- */

static const char *const act_names[TM_ACT_COUNT] = {
    [TM_ACT_NONE] = "none",
    [TM_ACT_RELU] = "relu",
    [TM_ACT_RELU6] = "relu6",
    [TM_ACT_LEAKY_RELU] = "leaky_relu",
    [TM_ACT_SILU] = "silu",
    [TM_ACT_GELU] = "gelu",
    [TM_ACT_GELU_TANH] = "gelu_tanh",
    [TM_ACT_QUICK_GELU] = "quick_gelu",
    [TM_ACT_SIGMOID] = "sigmoid",
    [TM_ACT_TANH] = "tanh",
    [TM_ACT_HARD_SWISH] = "hard_swish",
    [TM_ACT_HARD_SIGMOID] = "hard_sigmoid",
    [TM_ACT_HARD_MISH] = "hard_mish",
    [TM_ACT_MISH] = "mish",
    [TM_ACT_ELU] = "elu",
    [TM_ACT_SELU] = "selu",
    [TM_ACT_SOFTPLUS] = "softplus",
    [TM_ACT_EXP] = "exp",
    [TM_ACT_RSQRT] = "rsqrt",
    [TM_ACT_CLAMP_MIN] = "clamp_min",
};

static bool is_exact(tm_act_kind kind)
{
    return kind == TM_ACT_NONE || kind == TM_ACT_RELU || kind == TM_ACT_RELU6 ||
           kind == TM_ACT_LEAKY_RELU || kind == TM_ACT_CLAMP_MIN;
}

/* Absolute error below 1, relative above; unbounded curves relative everywhere. */
static double act_bound(tm_act_kind kind, double y)
{
    y = fabs(y);
    if (kind == TM_ACT_EXP || kind == TM_ACT_RSQRT)
        return 2e-7 * y + 0x1p-149;
    return 2e-7 * (y > 1 ? y : 1);
}

static void check_act(check *c, elem type)
{
    tm_act_kind kind = (tm_act_kind)(c->index % TM_ACT_COUNT);
    size_t rows = 1 + below(c, 4), n = 1 + (size_t)(c->index / TM_ACT_COUNT) % 50;
    values of = (values[]){VALUES_CURVE, VALUES_CURVE, VALUES_WIDE, VALUES_SPECIAL}[below(c, 4)];
    if (coin(c))
        n = any_size(c);
    pair p = make_pair(c, type, rows, n, of);
    float param = kind == TM_ACT_CLAMP_MIN ? uniform(c, -1, 1) : uniform(c, 0.001, 0.3);
    describe(c, "%s(%g), %zu x %zu, ld %zu and %zu, %s", act_names[kind], (double)param, rows, n,
             p.x.ld, p.y.ld, place_name(&p));
    c->reference->act_f32(kind, param, rows, n, widened(&p.x, c->wide), n, c->want, n);
    for (size_t i = 0; i < rows * n; i++)
        c->bound[i] = is_exact(kind) ? 0 : act_bound(kind, (double)c->want[i]);
    TYPED(c->kernels, act, type)(kind, param, rows, n, p.x.at, p.x.ld, p.y.at, p.y.ld);
    expect(c, &p.y, !is_exact(kind));
}

static void check_act_f32(check *c)
{
    check_act(c, F32);
}

static void check_act_bf16(check *c)
{
    check_act(c, BF16);
}

/* ---- arithmetic ---- */

/* vector kernels fuse the product and the sum, the scalar one rounds both */
static void check_affine(check *c, elem type)
{
    size_t rows = 1 + below(c, 5), n = coin(c) ? any_size(c) : 1 + (size_t)c->index % 50;
    values of = (values[]){VALUES_PLAIN, VALUES_WIDE, VALUES_SPECIAL}[below(c, 3)];
    pair p = make_pair(c, type, rows, n, of);
    block mul = input(c, 1, n, n, VALUES_PLAIN), add = input(c, 1, n, n, VALUES_PLAIN);
    float lo = coin(c) ? -INFINITY : -0.25f, hi = coin(c) ? INFINITY : 0.5f;
    describe(c, "%zu x %zu, ld %zu and %zu, clamp %g %g, %s", rows, n, p.x.ld, p.y.ld, (double)lo,
             (double)hi, place_name(&p));
    const float *x = widened(&p.x, c->wide);
    c->reference->affine_f32(rows, n, x, n, mul.data, add.data, lo, hi, c->want, n);
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < n; j++) {
            double product = (double)x[i * n + j] * (double)mul.data[j];
            double y = fabs(product + (double)add.data[j]);
            c->bound[i * n + j] = HALF_ULP * (fabs(product) + 2 * y) + 0x1p-149;
        }
    tm_affine_fn *affine = TYPED(c->kernels, affine, type);
    affine(rows, n, p.x.at, p.x.ld, mul.data, add.data, lo, hi, p.y.at, p.y.ld);
    expect_near(c, &p.y);
}

static void check_affine_f32(check *c)
{
    check_affine(c, F32);
}

static void check_affine_bf16(check *c)
{
    check_affine(c, BF16);
}

static void check_binary(check *c, elem type)
{
    static const char *const names[] = {"add", "sub", "mul", "max", "min"};
    static const char *const forms[] = {"rows", "one row", "scalars"};
    tm_binary_kind kind = (tm_binary_kind)(c->index % 5);
    size_t rows = 1 + below(c, 5), n = coin(c) ? any_size(c) : 1 + (size_t)c->index % 50;
    int form = (int)below(c, 3);
    size_t y_n = form == 2 ? 1 : n, gap = coin(c) ? 0 : below(c, 20);
    pair p = make_pair(c, type, rows, n, coin(c) ? VALUES_WIDE : VALUES_SPECIAL);
    block y = input_as(c, type, form == 1 ? 1 : rows, y_n, y_n + gap, VALUES_SPECIAL);
    size_t y_ld = form == 1 ? 0 : y.ld;
    describe(c, "%s %s, %zu x %zu, ld %zu, %zu and %zu, %s", names[kind], forms[form], rows, n,
             p.x.ld, y_ld, p.y.ld, place_name(&p));
    const float *x = widened(&p.x, c->wide), *other = widened(&y, c->wide + rows * n);
    c->reference->binary_f32(kind, rows, n, x, n, other, form == 1 ? 0 : y_n, form == 2, c->want,
                             n);
    tm_binary_fn *binary = TYPED(c->kernels, binary, type);
    binary(kind, rows, n, p.x.at, p.x.ld, y.at, y_ld, form == 2, p.y.at, p.y.ld);
    expect_same(c, &p.y);
}

static void check_binary_f32(check *c)
{
    check_binary(c, F32);
}

static void check_binary_bf16(check *c)
{
    check_binary(c, BF16);
}

static void check_pack_f32(check *c)
{
    size_t rows = 1 + below(c, TM_PANEL), n = coin(c) ? 1 + below(c, 1000) : 1 + below(c, 40);
    block x = input(c, rows, n, n + (coin(c) ? 0 : below(c, 20)), VALUES_SPECIAL);
    block y = take(c, n, TM_PANEL, TM_PANEL);
    describe(c, "%zu x %zu, ld %zu", rows, n, x.ld);
    c->reference->pack_f32(rows, n, x.data, x.ld, c->want);
    c->kernels->pack_f32(rows, n, x.data, x.ld, y.data);
    expect_same(c, &y);
}

/* ---- normalization ---- */

/* The error of the mean, scaled as its row is, and a few roundings of the result itself. */
static void bound_layernorm(check *c, const tm_layernorm_args *args, size_t rows, const float *x)
{
    size_t n = args->n / (size_t)args->groups;
    for (size_t i = 0; i < rows; i++)
        for (size_t g = 0; g < (size_t)args->groups; g++) {
            const float *row = x + i * args->n + g * n;
            double mean = 0, squares = 0, most = 0;
            for (size_t j = 0; j < n; j++) {
                mean += args->rms ? 0 : (double)row[j] / (double)n;
                most = fmax(most, fabs((double)row[j]));
            }
            for (size_t j = 0; j < n; j++)
                squares += ((double)row[j] - mean) * ((double)row[j] - mean);
            double rstd = 1 / sqrt(squares / (double)n + (double)args->eps);
            for (size_t j = 0; j < n; j++) {
                size_t at = i * args->n + g * n + j;
                double w = args->weight ? (double)args->weight[j] : 1;
                double b = args->bias ? (double)args->bias[j] : 0;
                double y = fabs(((double)row[j] - mean) * rstd * w) + fabs(b);
                double center = args->rms ? 0 : 4 * most * rstd * fabs(w);
                c->bound[at] = HALF_ULP * (center + 8 * y);
            }
        }
}

static void check_layernorm(check *c, elem type)
{
    static const int group_counts[] = {1, 1, 2, 3, 6};
    int groups = group_counts[below(c, 5)];
    size_t rows = 1 + below(c, 4), part = coin(c) ? any_size(c) : 1 + (size_t)c->index % 50;
    size_t n = part * (size_t)groups;
    pair p = make_pair(c, type, rows, n,
                       (values[]){VALUES_PLAIN, VALUES_SHIFTED, VALUES_CURVE}[below(c, 3)]);
    block w = input(c, 1, part, part, VALUES_PLAIN), b = input(c, 1, part, part, VALUES_PLAIN);
    tm_layernorm_args args = {.n = n,
                              .groups = groups,
                              .rms = below(c, 3) == 0,
                              .eps = coin(c) ? 1e-5f : 1e-6f,
                              .weight = coin(c) ? w.data : NULL,
                              .bias = coin(c) ? b.data : NULL};
    describe(c, "%zu x %zu in %d groups, ld %zu and %zu, %s%s%s, %s", rows, n, groups, p.x.ld,
             p.y.ld, args.rms ? "rms" : "layer", args.weight ? ", weight" : "",
             args.bias ? ", bias" : "", place_name(&p));
    const float *x = widened(&p.x, c->wide);
    c->reference->layernorm_f32(&args, rows, x, n, c->want, n);
    bound_layernorm(c, &args, rows, x);
    TYPED(c->kernels, layernorm, type)(&args, rows, p.x.at, p.x.ld, p.y.at, p.y.ld);
    expect_near(c, &p.y);
}

static void check_layernorm_f32(check *c)
{
    check_layernorm(c, F32);
}

static void check_layernorm_bf16(check *c)
{
    check_layernorm(c, BF16);
}

/* ---- stored numbers ---- */

/* at any alignment, the same bits as the reference, whose own test is tests/unit/test_weights.c */
static void check_f16_to_f32(check *c)
{
    size_t n = coin(c) ? any_size(c) : 1 + (size_t)c->index % 50, shift = below(c, 4);
    block x = input(c, 1, n / 2 + 2, n / 2 + 2, VALUES_WIDE), y = take(c, 1, n, n);
    const unsigned char *from = (const unsigned char *)(x.data + x.n) - 2 * n - shift;
    describe(c, "%zu halves, %zu bytes before the end", n, shift);
    c->reference->f16_to_f32(from, c->want, n);
    c->kernels->f16_to_f32(from, y.data, n);
    for (size_t i = 0; i < n; i++)
        if (bits_of(y.data[i]) != bits_of(c->want[i]))
            report(c, "%zu: got %08X, want %08X", i, bits_of(y.data[i]), bits_of(c->want[i]));
    expect_kept(c, &y);
}

/* ---- pictures ---- */

/* Weights as filters have them: their sum is 1, some are negative. */
static void any_weights(check *c, size_t taps, int32_t *weights)
{
    const int32_t one = 1 << TM_RESAMPLE_BITS;
    int32_t sum = 0;
    for (size_t k = 0; k + 1 < taps; k++)
        sum += weights[k] = (int32_t)uniform(c, -0.3 * one / (double)taps, one / (double)taps);
    weights[taps - 1] = one - sum;
}

/* Bytes between the ends of guarded memory, those beside them kept. */
static void check_resample_u8(check *c)
{
    static unsigned char want[1024];
    int32_t weights[32];
    size_t n = coin(c) ? any_size(c) : 1 + below(c, 300), taps = 1 + below(c, 31);
    size_t stride = n + below(c, 70), bytes = (taps - 1) * stride + n;
    unsigned char *from = take_bytes(c, bytes);
    for (size_t i = 0; i < bytes; i++)
        from[i] = (unsigned char)below(c, 256);
    seal(c);
    block y = take(c, 1, n / 4 + 1, n / 4 + 1);
    unsigned char *end = (unsigned char *)(y.data + y.n), *to = end - n;
    size_t before = (size_t)(to - (unsigned char *)y.data);
    any_weights(c, taps, weights);
    describe(c, "%zu bytes, %zu taps, stride %zu", n, taps, stride);
    memset(y.data, 0xA5, before);
    c->reference->resample_u8(n, taps, from, stride, weights, want);
    c->kernels->resample_u8(n, taps, from, stride, weights, to);
    for (size_t i = 0; i < n; i++)
        if (to[i] != want[i])
            report(c, "%zu: got %d, want %d", i, to[i], want[i]);
    for (size_t i = 0; i < before; i++)
        if (((unsigned char *)y.data)[i] != 0xA5)
            report(c, "the byte %zu before the row was written", before - i);
    expect_kept(c, &y);
}

/* ---- softmax ---- */

/* exp keeps 2 ulp; its argument d is rounded twice */
static void bound_softmax(check *c, const block *x, float scale)
{
    for (size_t i = 0; i < x->rows; i++) {
        const float *row = x->data + i * x->ld;
        double top = -INFINITY;
        for (size_t j = 0; j < x->n; j++)
            top = fmax(top, (double)row[j]);
        for (size_t j = 0; j < x->n; j++) {
            double d = fmin((top - (double)row[j]) * (double)scale, 110);
            double y = (double)c->want[i * x->n + j];
            double either = fabs(d + TM_SOFTMAX_LEAST) < 1e-4 ? 1e-30 : 0; /* on the edge of 0 */
            c->bound[i * x->n + j] = HALF_ULP * (8 + 2 * d) * y + 0x1p-148 + either;
        }
    }
}

/* Operations come in whole rounds, all alike. */
static void check_peak_f32(check *c)
{
    size_t rounds = 1 + below(c, 50);
    describe(c, "%zu rounds", rounds);
    double one = c->kernels->peak_f32(1), all = c->kernels->peak_f32(rounds);
    if (one < 2 || all != one * (double)rounds)
        report(c, "%.0f operations in a round, %.0f in all", one, all);
}

static void check_softmax_f32(check *c)
{
    size_t rows = 1 + below(c, 4), n = coin(c) ? any_size(c) : 1 + (size_t)c->index % 50;
    size_t ld = n + (coin(c) ? 0 : below(c, 20));
    block x = take(c, rows, n, ld);
    fill(c, &x, coin(c) ? VALUES_CURVE : VALUES_PLAIN);
    if (below(c, 8) == 0) /* what torch makes NaN, we do */
        x.data[below(c, n)] = (float[]){INFINITY, any_nan(c), -INFINITY, -1e30f}[below(c, 4)];
    float scale = coin(c) ? 1.0f : uniform(c, 0.05, 2);
    describe(c, "%zu x %zu, ld %zu, scale %a", rows, n, ld, (double)scale);
    for (size_t i = 0; i < rows; i++) {
        memcpy(c->want + i * n, x.data + i * ld, n * sizeof(float));
        c->reference->softmax_f32(1, n, scale, c->want + i * n, n);
    }
    bound_softmax(c, &x, scale);
    c->kernels->softmax_f32(rows, n, scale, x.data, ld);
    expect_near(c, &x);
    for (size_t i = 0; i < rows * n; i++)
        if (fpclassify(x.data[i / n * ld + i % n]) == FP_SUBNORMAL)
            report(c, "row %zu, column %zu: a subnormal number", i / n, i % n);
}

#endif
