/* SPDX-License-Identifier: Apache-2.0 */
/* Attention and softmax over channels against their definitions in double. */
#include "tests/unit/harness.h"

typedef struct setup {
    int heads, dq, dv, queries, keys, rows;
    float scale; /* 0: the default */
    bool packed; /* q, k and v are slices of one matrix, as timm's qkv */
    bool bias, mask, mixed;
    int map_h, map_w; /* of the keys that have a place, the last ones; 0: none has */
    int batch, threads;
    tm_isa isa;
    char text[200];
} setup;

static setup choose(void)
{
    setup s = {.heads = between(1, 5),
               .dq = between(1, 40),
               .dv = between(1, 40),
               .queries = below(3) ? between(1, 70) : between(100, 210),
               .keys = below(3) ? between(1, 70) : between(100, 210),
               .rows = coin() ? 1 : between(2, 4),
               .scale = coin() ? 0.0f : 0.3f,
               .bias = coin(),
               .mask = coin(),
               .mixed = below(4) == 0,
               .packed = coin(),
               .batch = between(1, 2),
               .threads = between(1, 3),
               .isa = (tm_isa)below(TM_ISA_COUNT)};
    if (below(3) == 0) {
        s.map_h = between(1, 10);
        s.map_w = between(1, 20);
        s.keys = between(0, 2) + s.map_h * s.map_w;
        s.bias = s.mask = false;
        if (s.packed || s.rows > 1)
            s.queries = s.keys;
    }
    if (s.packed)
        s.dv = s.dq;
    if (s.packed || s.rows > 1)
        s.keys = s.queries;
    snprintf(s.text, sizeof s.text,
             "%d heads of %d and %d, %d queries, %d keys, map %dx%d, %d rows, scale %g%s%s%s%s, "
             "batch %d, "
             "threads %d, %s",
             s.heads, s.dq, s.dv, s.queries, s.keys, s.map_h, s.map_w, s.rows, (double)s.scale,
             s.packed ? ", packed" : "", s.bias ? ", bias" : "", s.mask ? ", mask" : "",
             s.mixed ? ", mixed" : "", s.batch, s.threads, tm_isa_name(net_isa(s.isa)));
    return s;
}

enum { Q, K, V, Y, DOWN, ACROSS };

/* Addends as large as scores get. */
static tm_node *addend(tm_builder *b, const char *name, int count, const setup *s)
{
    return tm_const_affine(b, tm_param3(b, name, count, s->queries, s->keys), 20.0f, 0.0f);
}

static double addend_at(const char *name, int count, const setup *s, int first, int query, int key)
{
    int64_t dims[] = {count, s->queries, s->keys};
    float value;
    tm_formula_fill(name, 3, dims, 0, 1.0,
                    ((uint64_t)first * (uint64_t)s->queries + (uint64_t)query) * (uint64_t)s->keys +
                        (uint64_t)key,
                    1, &value);
    return 20.0 * (double)value;
}

/* What a head keeps of its softmaxes. */
static float kept(int head)
{
    return 0.25f + 0.125f * (float)head;
}

static tm_node *all_kept(tm_builder *b, int heads)
{
    float values[8];
    for (int i = 0; i < heads; i++)
        values[i] = kept(i);
    return tm_literal(b, 3, (int64_t[]){heads, 1, 1}, values);
}

/* A slice of the input for the queries. */
static tm_node *of_queries(tm_node *x, const setup *s, tm_builder *b, int first, int count)
{
    int rest = x->shape.w - s->queries;
    x = tm_slice_c(b, x, first, count);
    return rest ? tm_slice_w(b, x, rest, s->queries) : x;
}

/* The input's channels are q, k, v and what queries say of places; its tokens the longer of queries
 * and keys. */
static void build(net *n, const setup *s)
{
    tm_builder *b = &n->b;
    int q = s->heads * s->dq, v = s->heads * s->dv;
    int tokens = s->queries > s->keys ? s->queries : s->keys;
    int h = s->heads * s->map_h, w = s->heads * s->map_w;
    net_open(n, (tm_shape){s->rows, tokens, 2 * q + v + h + w});
    tm_node *x = n->graph.input, *down = NULL, *across = NULL;
    if (h) {
        down = of_queries(x, s, b, 2 * q + v, h);
        across = of_queries(x, s, b, 2 * q + v + h, w);
    }
    if (s->packed)
        x = tm_linear(b, "qkv", x, 3 * q, true);
    tm_node *parts[] = {tm_slice_c(b, x, 0, q), tm_slice_c(b, x, q, q), tm_slice_c(b, x, 2 * q, v)};
    for (int i = Q; i <= V; i++) {
        int count = i == Q ? s->queries : s->keys;
        if (count < tokens && s->rows == 1)
            parts[i] = tm_slice_w(b, parts[i], i == Q ? tokens - count : 0, count);
        net_tap(n, parts[i]);
    }
    net_tap(
        n, tm_attend(b, parts[Q], parts[K], parts[V],
                     (tm_attention){.heads = s->heads,
                                    .scale = s->scale,
                                    .bias = s->bias ? addend(b, "bias", s->heads, s) : NULL,
                                    .mask = s->mask ? addend(b, "mask", s->rows, s) : NULL,
                                    .down = down,
                                    .across = across,
                                    .kept = s->mixed ? all_kept(b, s->heads) : NULL,
                                    .placed = s->mixed ? addend(b, "placed", s->heads, s) : NULL}));
    if (h) {
        net_tap(n, down);
        net_tap(n, across);
    }
}

/* One query of one head: out[dv] and a bound on the error of each. */
static void attend(const net *n, const setup *s, int picture, int row, int head, int query,
                   double *out, double *bounds)
{
    double scores[256], scale = s->scale != 0 ? (double)s->scale : 1 / sqrt(s->dq);
    double top = -INFINITY, sum = 0, largest = 0;
    for (int k = 0; k < s->keys; k++) {
        double dot = 0, size = 0;
        for (int d = 0; d < s->dq; d++) {
            double product = (double)net_at(n, Q, picture, row, query, head * s->dq + d) *
                             (double)net_at(n, K, picture, row, k, head * s->dq + d);
            dot += product;
            size += fabs(product);
        }
        int place = k - (s->keys - s->map_h * s->map_w);
        if (s->map_h && place >= 0) {
            double down = (double)net_at(n, DOWN, picture, row, query,
                                         head * s->map_h + place / s->map_w),
                   across = (double)net_at(n, ACROSS, picture, row, query,
                                           head * s->map_w + place % s->map_w);
            dot += down + across;
            size += fabs(down) + fabs(across);
        }
        scores[k] = dot * scale;
        size *= scale;
        for (int i = 0; i < 2; i++) {
            const char *name = i ? "mask" : "bias";
            int count = i ? s->rows : s->heads;
            double add =
                (i ? s->mask : s->bias) ? addend_at(name, count, s, i ? row : head, query, k) : 0;
            scores[k] += add;
            size += fabs(add);
        }
        top = fmax(top, scores[k]);
        largest = fmax(largest, size);
    }
    for (int k = 0; k < s->keys; k++)
        sum += scores[k] = exp(scores[k] - top);
    for (int k = 0; k < s->keys; k++) {
        scores[k] /= sum;
        if (s->mixed)
            scores[k] =
                (double)kept(head) * scores[k] + addend_at("placed", s->heads, s, head, query, k);
    }
    for (int d = 0; d < s->dv; d++) {
        double size = out[d] = 0;
        for (int k = 0; k < s->keys; k++) {
            double product = scores[k] * (double)net_at(n, V, picture, row, k, head * s->dv + d);
            out[d] += product;
            size += fabs(product);
        }
        bounds[d] = ROUNDING * size * (10 + sqrt(s->keys) + largest * (4 + sqrt(s->dq)));
    }
}

static void compare(const net *n, const setup *s)
{
    double want[64], bounds[64];
    for (int i = 0; i < s->batch; i++)
        for (int unit = 0; unit < s->heads * s->rows; unit++)
            for (int query = 0; query < s->queries; query++) {
                int head = unit % s->heads, row = unit / s->heads;
                attend(n, s, i, row, head, query, want, bounds);
                for (int d = 0; d < s->dv; d++)
                    ASSERT_NEAR((double)net_at(n, Y, i, row, query, head * s->dv + d), want[d],
                                bounds[d], "%s: picture %d, row %d, head %d, query %d, %d", s->text,
                                i, row, head, query, d);
            }
}

static void run_one(const setup *s)
{
    net n;
    build(&n, s);
    net_plan(&n, (net_options){
                     .max_batch = s->batch, .threads = s->threads, .isa = s->isa, .passes = true});
    net_run(&n, s->batch);
    compare(&n, s);
    net_close(&n);
}

static void attention_is_its_definition(void **state)
{
    (void)state;
    random_state = 3;
    for (int i = 0; i < (emulated() ? 6 : 150); i++) {
        setup s = choose();
        run_one(&s);
    }
}

/* scores of +-hundreds: one key takes all of the weight */
static void sharp_attention(void **state)
{
    (void)state;
    setup s = {.heads = 2,
               .dq = 16,
               .dv = 16,
               .queries = 60,
               .keys = 60,
               .rows = 1,
               .scale = 100.0f,
               .batch = 1,
               .threads = 2,
               .isa = TM_ISA_AVX512,
               .text = "scale 100"};
    run_one(&s);
}

static void softmax_over_channels(void **state)
{
    (void)state;
    random_state = 9;
    for (int round = 0; round < rounds(60); round++) {
        int groups = between(1, 6), part = between(1, 40);
        bool view = coin();
        net n;
        net_open(&n, (tm_shape){between(1, 5), between(1, 5), groups * part + (view ? 3 : 0)});
        tm_node *x = view ? tm_slice_c(&n.b, n.graph.input, 2, groups * part) : n.graph.input;
        x = tm_affine(&n.b, x, 9.0f, 1.0f);
        int in = net_tap(&n, x), out = net_tap(&n, tm_softmax_c(&n.b, x, groups));
        net_plan(&n, (net_options){.max_batch = 2, .isa = (tm_isa)below(TM_ISA_COUNT)});
        net_run(&n, 2);
        float *from = net_read(&n, in, 1), *to = net_read(&n, out, 1);
        for (size_t i = 0; i < net_size(&n, in); i += (size_t)part) {
            double sum = 0;
            for (int k = 0; k < part; k++)
                sum += exp((double)from[i + (size_t)k]);
            for (int k = 0; k < part; k++)
                ASSERT_NEAR((double)to[i + (size_t)k], exp((double)from[i + (size_t)k]) / sum,
                            ROUNDING * 24, "%d groups of %d, element %zu", groups, part,
                            i + (size_t)k);
        }
        free(from);
        free(to);
        net_close(&n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attention_is_its_definition),
        cmocka_unit_test(sharp_attention),
        cmocka_unit_test(softmax_over_channels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
