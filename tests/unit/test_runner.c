/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs of one plan: threads that walk it together or each for pictures of its own, and several
 * runners at once, give the bits of one thread that walks it for one picture.
 */
#include "tests/unit/harness.h"

#include <pthread.h>

enum { BATCH = 7 };

/* Convolutions of every kind, a map that is reduced in blocks, a concatenation, a tap that is a
 * part of it, and the input itself. */
static void build(net *n)
{
    net_open(n, (tm_shape){24, 20, 8});
    tm_builder *b = &n->b;
    tm_node *x = n->graph.input;
    tm_node *y = tm_conv2d(b, "wide", x, (tm_conv){.out = 48, .kernel = 3, .pad = 1});
    tm_node *z = tm_conv2d(b, "thin", y, (tm_conv){.out = 48, .kernel = 3, .groups = 48, .pad = 1});
    tm_node *both = tm_concat_c(b, 2, (tm_node *[]){tm_activate(b, z, TM_ACT_GELU), y});
    tm_node *pooled = tm_reduce_hw(b, both, TM_REDUCE_AVG);
    net_tap(n, tm_linear(b, "head", pooled, 10, true));
    net_tap(n, y);
    net_tap(n, tm_mul(b, both, tm_activate(b, pooled, TM_ACT_SIGMOID)));
    net_tap(n, x);
}

/* All taps of pictures [0, count), one after another. Free them. */
static float *values_of(const net *n, int count, size_t *size)
{
    float *values = NULL;
    *size = 0;
    for (int tap = 0; tap < n->graph.tap_count; tap++)
        for (int i = 0; i < count; i++) {
            float *one = net_read(n, tap, i);
            size_t floats = net_size(n, tap);
            values = realloc(values, (*size + floats) * sizeof *values);
            assert_non_null(values);
            memcpy(values + *size, one, floats * sizeof *values);
            *size += floats;
            free(one);
        }
    return values;
}

static float *answers(net_options options, int count, size_t *size)
{
    net n;
    build(&n);
    net_plan(&n, options);
    net_run(&n, count);
    float *values = values_of(&n, count, size);
    net_close(&n);
    return values;
}

static void expect_bits(net_options options, int count, const float *want, size_t size)
{
    size_t got_size;
    float *got = answers(options, count, &got_size);
    assert_int_equal(got_size, size);
    if (memcmp(got, want, size * sizeof *got) != 0)
        fail_msg("%d pictures of %d, %d at a time, %d threads: other bits", count,
                 options.max_batch, options.walk_batch, options.threads);
    free(got);
}

static void every_way_gives_the_same_bits(void **state)
{
    (void)state;
    for (int count = 1; count <= rounds(BATCH); count++) {
        size_t size;
        float *want = answers((net_options){.passes = true, .max_batch = BATCH}, count, &size);
        for (int walk = 1; walk <= BATCH; walk += emulated() ? 6 : 2)
            for (int threads = 1; threads <= 4; threads++)
                expect_bits(
                    (net_options){
                        .passes = true, .max_batch = BATCH, .walk_batch = walk, .threads = threads},
                    count, want, size);
        free(want);
    }
}

/* As many lanes as threads, or as there are walks for. */
/* Where others take the cores, run/pace.h. */
static void a_thread_left_out(void **state)
{
    (void)state;
    size_t size, again;
    net n;
    build(&n);
    net_plan(&n, (net_options){.max_batch = BATCH, .walk_batch = BATCH, .threads = 3});
    net_run(&n, BATCH);
    float *all = values_of(&n, BATCH, &size);
    n.runner.pace = (tm_pace){.left = 1, .stay = 1};
    net_run(&n, BATCH);
    float *fewer = values_of(&n, BATCH, &again);
    assert_int_equal(n.runner.pace.left, 0); /* so it was told of a walk of two */
    assert_true(n.runner.pace.fewer > 0);
    assert_int_equal(size, again);
    assert_memory_equal(all, fewer, size * sizeof *all);
    free(all);
    free(fewer);
    net_close(&n);
}

static void lanes(void **state)
{
    (void)state;
    static const struct {
        int batch, walk, threads, lanes;
    } rows[] = {{1, 1, 2, 1}, {8, 8, 2, 1}, {8, 1, 2, 2}, {2, 1, 3, 2}, {8, 4, 4, 2}, {7, 3, 4, 2}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        net n;
        build(&n);
        net_plan(&n, (net_options){.max_batch = rows[i].batch,
                                   .walk_batch = rows[i].walk,
                                   .threads = rows[i].threads});
        assert_int_equal(n.runner.lanes, rows[i].lanes);
        net_close(&n);
    }
}

/* Unless told, a batch is walked picture by picture where there is much to compute for a weight and
 * a picture for every thread. */
static void walks_chosen(void **state)
{
    (void)state;
    static const struct {
        bool narrow; /* one pixel: a multiply-add for each weight */
        int batch, threads, walk;
    } rows[] = {
        {false, 8, 2, 1}, {false, 8, 1, 1}, {false, 2, 3, 2}, {true, 8, 2, 8}, {true, 8, 1, 8}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        net n;
        net_open(&n, rows[i].narrow ? (tm_shape){1, 1, 64} : (tm_shape){16, 16, 64});
        net_tap(&n, tm_linear(&n.b, "fc", n.graph.input, 64, false));
        net_plan(&n, (net_options){.max_batch = rows[i].batch, .threads = rows[i].threads});
        assert_int_equal(n.plan.walk_batch, rows[i].walk);
        net_close(&n);
    }
}

/* The first thread tells its time in each step, whichever way it walks. */
static void seconds_of_steps(void **state)
{
    (void)state;
    for (int walk = 1; walk <= 4; walk += 3) {
        net n;
        double seconds[64] = {0}, sum = 0;
        build(&n);
        net_plan(&n, (net_options){.max_batch = 4, .walk_batch = walk, .threads = 2});
        assert_in_range(n.plan.steps.count, 1, 64);
        net_run(&n, 4);
        tm_run(&n.runner, 4, seconds);
        for (int i = 0; i < n.plan.steps.count; i++)
            sum += seconds[i];
        assert_true(walk == 1 || sum > 0); /* the other thread may have been quick enough for all */
        net_close(&n);
    }
}

/* ---- several runners ---- */

typedef struct job {
    const net *n;
    const float *want;
    size_t size;
    bool same;
} job;

static void *run_many(void *context)
{
    job *j = context;
    net mine = *j->n; /* the plan and the pictures are shared, the runner is not */
    j->same = tm_runner_open(&mine.runner, &j->n->plan, j->n->plan.threads, NULL) == TM_OK;
    for (int round = 0; round < 5 && j->same; round++) {
        size_t size;
        net_run(&mine, BATCH);
        float *got = values_of(&mine, BATCH, &size);
        j->same = size == j->size && memcmp(got, j->want, size * sizeof *got) == 0;
        free(got);
    }
    tm_runner_close(&mine.runner);
    return NULL;
}

static void runners_at_once(void **state)
{
    (void)state;
    enum { RUNNERS = 4 };
    for (int walk = 1; walk <= BATCH; walk += BATCH - 1) {
        net n;
        pthread_t threads[RUNNERS];
        job jobs[RUNNERS];
        size_t size;
        build(&n);
        net_plan(&n, (net_options){
                         .passes = true, .max_batch = BATCH, .walk_batch = walk, .threads = 2});
        net_run(&n, BATCH);
        float *want = values_of(&n, BATCH, &size);
        for (int i = 0; i < RUNNERS; i++) {
            jobs[i] = (job){&n, want, size, false};
            assert_int_equal(pthread_create(&threads[i], NULL, run_many, &jobs[i]), 0);
        }
        for (int i = 0; i < RUNNERS; i++) {
            pthread_join(threads[i], NULL);
            assert_true(jobs[i].same);
        }
        free(want);
        net_close(&n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_way_gives_the_same_bits),
        cmocka_unit_test(a_thread_left_out),
        cmocka_unit_test(lanes),
        cmocka_unit_test(walks_chosen),
        cmocka_unit_test(seconds_of_steps),
        cmocka_unit_test(runners_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
