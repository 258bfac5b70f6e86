/* SPDX-License-Identifier: Apache-2.0 */
/* Normalization against its definition in double: batch, layer, RMS and group. */
#include "tests/unit/harness.h"

typedef struct setup {
    tm_shape in;
    tm_norm norm;
    bool view; /* on a slice of the channels */
    char text[128];
} setup;

static int or_default(int value, int fallback)
{
    return value ? value : fallback;
}

static setup choose(tm_norm_kind kind)
{
    static const char *const names[] = {"batch", "layer", "rms", "group"};
    static const int counts[] = {1, 2, 4};
    setup s = {.in = {between(1, 9), between(1, 9), 0},
               .norm = {.kind = kind,
                        .eps = coin() ? 0 : 1e-3f,
                        .no_affine = below(4) == 0,
                        .no_bias = below(4) == 0},
               .view = below(3) == 0};
    if (kind != TM_NORM_BATCH)
        s.norm.groups = counts[below(3)];
    s.in.c = or_default(s.norm.groups, 1) * between(2, 60);
    snprintf(s.text, sizeof s.text, "%s of %dx%dx%d in %d groups, eps %g%s%s%s", names[kind],
             s.in.h, s.in.w, s.in.c, s.norm.groups, (double)s.norm.eps,
             s.norm.no_affine ? ", no affine" : "", s.norm.no_bias ? ", no bias" : "",
             s.view ? ", view" : "");
    return s;
}

/* mean and biased variance of what channel c of pixel p is normalized with */
static void moments(const setup *s, const float *x, size_t p, size_t c, double *mean, double *var)
{
    size_t channels = (size_t)s->in.c, pixels = (size_t)s->in.h * (size_t)s->in.w;
    size_t part = channels / (size_t)or_default(s->norm.groups, 1), first = c / part * part;
    bool whole = s->norm.kind == TM_NORM_GROUP;
    size_t begin = whole ? 0 : p, end = whole ? pixels : p + 1;
    double count = (double)(end - begin) * (double)part, sum = 0, squares = 0;
    for (size_t i = begin; i < end; i++)
        for (size_t k = first; k < first + part; k++)
            sum += (double)x[i * channels + k];
    *mean = s->norm.kind == TM_NORM_RMS ? 0 : sum / count;
    for (size_t i = begin; i < end; i++)
        for (size_t k = first; k < first + part; k++)
            squares += pow((double)x[i * channels + k] - *mean, 2);
    *var = squares / count;
}

static void compare(const net *n, const setup *s, int in, int out)
{
    size_t channels = (size_t)s->in.c, pixels = (size_t)s->in.h * (size_t)s->in.w;
    bool shared = s->norm.kind == TM_NORM_LAYER || s->norm.kind == TM_NORM_RMS;
    size_t width = shared ? channels / (size_t)or_default(s->norm.groups, 1) : channels;
    int64_t dims[] = {(int64_t)width};
    float *w = formula_values("n.weight", 1, dims), *b = formula_values("n.bias", 1, dims);
    float *m = formula_values("n.running_mean", 1, dims);
    float *v = formula_values("n.running_var", 1, dims);
    float *x = net_read(n, in, 1), *y = net_read(n, out, 1);
    double eps = s->norm.eps > 0 ? (double)s->norm.eps : (double)1e-5f;
    bool has_bias = !s->norm.no_affine && !s->norm.no_bias && s->norm.kind != TM_NORM_RMS;
    for (size_t p = 0; p < pixels; p++)
        for (size_t c = 0; c < channels; c++) {
            double mean, var, weight = s->norm.no_affine ? 1 : (double)w[c % width];
            moments(s, x, p, c, &mean, &var);
            if (s->norm.kind == TM_NORM_BATCH) {
                mean = (double)m[c];
                var = (double)v[c];
            }
            double scale = weight / sqrt(var + eps), at = (double)x[p * channels + c];
            double want = (at - mean) * scale + (has_bias ? (double)b[c % width] : 0);
            double size = (fabs(at) + fabs(mean)) * fabs(scale) + fabs(want);
            ASSERT_NEAR((double)y[p * channels + c], want, ROUNDING * 8 * size,
                        "%s: pixel %zu, channel %zu", s->text, p, c);
        }
    free(w), free(b), free(m), free(v), free(x), free(y);
}

static void run_many(tm_norm_kind kind)
{
    random_state = 20 + (uint64_t)kind;
    for (int i = 0; i < rounds(100); i++) {
        setup s = choose(kind);
        tm_shape map = s.in;
        net n;
        map.c += s.view ? 5 : 0;
        net_open(&n, map);
        tm_node *x = s.view ? tm_slice_c(&n.b, n.graph.input, 3, s.in.c) : n.graph.input;
        x = tm_affine(&n.b, x, 2.0f, 0.5f);
        int in = net_tap(&n, x), out = net_tap(&n, tm_normalize(&n.b, "n", x, s.norm));
        net_plan(&n, (net_options){.max_batch = 2, .threads = 2, .isa = (tm_isa)below(3)});
        net_run(&n, 2);
        compare(&n, &s, in, out);
        net_close(&n);
    }
}

static void batch(void **state)
{
    (void)state;
    run_many(TM_NORM_BATCH);
}

static void layer(void **state)
{
    (void)state;
    run_many(TM_NORM_LAYER);
}

static void rms(void **state)
{
    (void)state;
    run_many(TM_NORM_RMS);
}

static void group(void **state)
{
    (void)state;
    run_many(TM_NORM_GROUP);
}

/* A result may take its input's memory: the same bits as apart from it. */
static void in_place(void **state)
{
    (void)state;
    for (int kind = 0; kind <= TM_NORM_GROUP; kind++) {
        float *values[2];
        for (int keep = 0; keep < 2; keep++) {
            net n;
            net_open(&n, (tm_shape){6, 5, 36});
            tm_node *x = tm_affine(&n.b, n.graph.input, 2.0f, 1.0f);
            tm_norm norm = {.kind = (tm_norm_kind)kind, .groups = 4};
            int out = net_tap(&n, tm_normalize(&n.b, "n", x, norm));
            if (keep)
                net_tap(&n, x);
            net_plan(&n, (net_options){.max_batch = 2, .isa = TM_ISA_AVX512});
            net_run(&n, 2);
            values[keep] = net_read(&n, out, 1);
            net_close(&n);
        }
        assert_memory_equal(values[0], values[1], 6 * 5 * 36 * sizeof(float));
        free(values[0]);
        free(values[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batch), cmocka_unit_test(layer),    cmocka_unit_test(rms),
        cmocka_unit_test(group), cmocka_unit_test(in_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
