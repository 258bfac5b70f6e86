/* SPDX-License-Identifier: Apache-2.0 */
/* Pooling over windows, maps and channels against torch's definitions. */
#include "tests/unit/harness.h"

/* One axis of torch's pooling: where window i begins, and how many windows there are. */
typedef struct axis {
    int in, out, before;
} axis;

static axis make_axis(tm_pool p, int in)
{
    axis a = {.in = in, .before = p.pad};
    int reach = (p.kernel - 1) * p.dilation + 1;
    if (p.same) {
        a.out = (in - 1) / p.stride + 1;
        int missing = (a.out - 1) * p.stride + reach - in;
        a.before = missing > 0 ? missing / 2 : 0;
        return a;
    }
    int room = in + 2 * p.pad - reach;
    if (room < 0)
        return a;
    a.out = room / p.stride + 1;
    if (p.ceil_mode && room % p.stride && a.out * p.stride < in + p.pad)
        a.out++;
    return a;
}

/* how much of the window that begins at `begin` lies in the padded map: torch's divisor */
static int padded_part(tm_pool p, int begin, int in)
{
    int end = begin + p.kernel, last = in + p.pad;
    return (end < last ? end : last) - begin;
}

static double pooled(const net *n, tm_pool p, axis ay, axis ax, int picture, int oy, int ox, int c)
{
    int top = oy * p.stride - ay.before, left = ox * p.stride - ax.before, count = 0;
    int channels = n->graph.input->shape.c;
    const float *map = n->pixels + (size_t)picture * n->picture;
    double sum = 0, best = -INFINITY;
    for (int ky = 0; ky < p.kernel; ky++)
        for (int kx = 0; kx < p.kernel; kx++) {
            int y = top + ky * p.dilation, x = left + kx * p.dilation;
            if (y < 0 || y >= ay.in || x < 0 || x >= ax.in)
                continue;
            double v = (double)map[(y * ax.in + x) * channels + c];
            sum += v;
            best = fmax(best, v);
            count++;
        }
    if (p.count_pad)
        count = padded_part(p, top, ay.in) * padded_part(p, left, ax.in);
    return p.max ? best : sum / count;
}

static tm_pool choose(void)
{
    tm_pool p = {.max = coin(), .kernel = between(1, 5), .dilation = 1, .ceil_mode = coin()};
    p.stride = between(1, p.kernel + 1);
    p.pad = between(0, p.kernel / 2);
    p.same = below(3) == 0;
    p.count_pad = !p.max && !p.same && coin();
    if (p.max && !p.ceil_mode && below(3) == 0)
        p.dilation = 2;
    return p;
}

static void run_one(tm_pool p, tm_shape in, tm_isa isa)
{
    axis y = make_axis(p, in.h), x = make_axis(p, in.w);
    /* torch leaves open what a dilated window without a pixel gives */
    bool empty = p.dilation > 1 && (in.h < 2 * p.kernel || in.w < 2 * p.kernel);
    if (y.out <= 0 || x.out <= 0 || empty)
        return;
    net n;
    net_open(&n, in);
    int tap = net_tap(&n, tm_pool2d(&n.b, n.graph.input, p));
    net_plan(&n, (net_options){.max_batch = 2, .threads = 2, .isa = isa});
    net_run(&n, 2);
    assert_int_equal(n.plan.taps[tap].h, y.out);
    assert_int_equal(n.plan.taps[tap].w, x.out);
    for (int i = 0; i < 2; i++)
        for (int oy = 0; oy < y.out; oy++)
            for (int ox = 0; ox < x.out; ox++)
                for (int c = 0; c < in.c; c++)
                    ASSERT_NEAR((double)net_at(&n, tap, i, oy, ox, c),
                                pooled(&n, p, y, x, i, oy, ox, c),
                                p.max ? 0 : ROUNDING * (2 + p.kernel),
                                "%s %d/%d, dilation %d, pad %d%s%s%s of %dx%d: %d, %d",
                                p.max ? "max" : "avg", p.kernel, p.stride, p.dilation, p.pad,
                                p.same ? " same" : "", p.ceil_mode ? " ceil" : "",
                                p.count_pad ? " count" : "", in.h, in.w, oy, ox);
    net_close(&n);
}

static void windows(void **state)
{
    (void)state;
    random_state = 1;
    for (int i = 0; i < rounds(600); i++)
        run_one(choose(), (tm_shape){between(1, 13), between(1, 13), between(1, 40)},
                (tm_isa)below(TM_ISA_COUNT));
}

/* ---- whole maps, channels ---- */

typedef struct result {
    double value, size;
} result;

static result reduce(tm_reduce_kind kind, const float *x, size_t count, size_t step)
{
    double sum = 0, size = 0, best = -INFINITY;
    for (size_t i = 0; i < count; i++) {
        double v = (double)x[i * step];
        sum += v;
        size += fabs(v);
        best = fmax(best, v);
    }
    if (kind == TM_REDUCE_MAX)
        return (result){best, 0};
    double scale = kind == TM_REDUCE_AVG ? 1 / (double)count : 1;
    return (result){sum * scale, size * scale};
}

static void maps_and_channels(void **state)
{
    (void)state;
    random_state = 2;
    for (int i = 0; i < rounds(100); i++) {
        tm_shape in = {between(1, 30), between(1, 30), between(1, 150)};
        size_t pixels = (size_t)in.h * (size_t)in.w, c = (size_t)in.c;
        net n;
        net_open(&n, in);
        for (int kind = 0; kind < 3; kind++) {
            net_tap(&n, tm_reduce_hw(&n.b, n.graph.input, (tm_reduce_kind)kind));
            net_tap(&n, tm_reduce_c(&n.b, n.graph.input, (tm_reduce_kind)kind));
        }
        net_plan(&n, (net_options){.max_batch = 2, .threads = 2, .isa = (tm_isa)below(3)});
        net_run(&n, 2);
        const float *x = n.pixels + n.picture; /* of the second picture */
        for (int kind = 0; kind < 3; kind++) {
            for (size_t k = 0; k < c; k++) {
                result want = reduce((tm_reduce_kind)kind, x + k, pixels, c);
                ASSERT_NEAR((double)net_at(&n, 2 * kind, 1, 0, 0, (int)k), want.value,
                            ROUNDING * want.size * (18 + (double)pixels / 16),
                            "%d of a map of %zu, channel %zu", kind, pixels, k);
            }
            for (size_t p = 0; p < pixels; p++) {
                result want = reduce((tm_reduce_kind)kind, x + p * c, c, 1);
                int w = in.w;
                ASSERT_NEAR((double)net_at(&n, 2 * kind + 1, 1, (int)p / w, (int)p % w, 0),
                            want.value, ROUNDING * want.size * 2, "%d of %zu channels", kind, c);
            }
        }
        net_close(&n);
    }
}

static void global_pools(void **state)
{
    (void)state;
    static const char *const kinds[] = {"avg", "max", "avgmax", "catavgmax"};
    tm_shape in = {5, 6, 20};
    net n;
    net_open(&n, in);
    for (int i = 0; i < 4; i++)
        net_tap(&n, tm_global_pool(&n.b, n.graph.input, kinds[i]));
    assert_ptr_equal(tm_global_pool(&n.b, n.graph.input, ""), n.graph.input);
    net_plan(&n, (net_options){.isa = TM_ISA_AVX512, .passes = true});
    net_run(&n, 1);
    assert_int_equal(n.plan.taps[3].c, 40);
    for (int c = 0; c < in.c; c++) {
        double avg = reduce(TM_REDUCE_AVG, n.pixels + c, 30, 20).value;
        double max = reduce(TM_REDUCE_MAX, n.pixels + c, 30, 20).value, bound = ROUNDING * 8;
        ASSERT_NEAR((double)net_at(&n, 0, 0, 0, 0, c), avg, bound, "avg %d", c);
        ASSERT_NEAR((double)net_at(&n, 1, 0, 0, 0, c), max, 0, "max %d", c);
        ASSERT_NEAR((double)net_at(&n, 2, 0, 0, 0, c), (avg + max) / 2, bound, "avgmax %d", c);
        ASSERT_NEAR((double)net_at(&n, 3, 0, 0, 0, c), avg, bound, "catavgmax %d", c);
        ASSERT_NEAR((double)net_at(&n, 3, 0, 0, 0, 20 + c), max, 0, "catavgmax %d", 20 + c);
    }
    net_close(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows),
        cmocka_unit_test(maps_and_channels),
        cmocka_unit_test(global_pools),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
