/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small networks for tests: built with the vocabulary of nn.h, planned with the formula's weights,
 * run on made-up pictures.
 *
 *   net n;
 *   net_open(&n, (tm_shape){8, 8, 3});
 *   net_tap(&n, tm_conv2d(&n.b, "conv", n.graph.input, (tm_conv){.out = 4, .kernel = 3}));
 *   net_plan(&n, (net_options){.passes = true});
 *   net_run(&n, 1);
 *   ... net_at(&n, 0, 0, y, x, c) ...
 *   net_close(&n);
 */
#ifndef TESTS_UNIT_HARNESS_H
#define TESTS_UNIT_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "kernels/dispatch.h"
#include "ops/ops.h"
#include "passes/passes.h"
#include "plan/plan.h"
#include "run/run.h"
#include "tests/unit/emulated.h"
#include "weights/formula.h"
#include "weights/weights.h"

#define UNUSED_HELPER __attribute__((unused))
#define ROUNDING 0x1p-24 /* relative error of one rounding to float32 */

/* ---- random numbers ---- */

static uint64_t random_state = 1;

UNUSED_HELPER static size_t below(size_t count)
{
    uint64_t z = random_state += 0x9E3779B97F4A7C15U;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return (size_t)((z ^ (z >> 31)) >> 16) % count;
}

UNUSED_HELPER static bool coin(void)
{
    return below(2) == 1;
}

/* in [lo, hi], both ends possible */
UNUSED_HELPER static int between(int lo, int hi)
{
    return lo + (int)below((size_t)(hi - lo + 1));
}

/* ---- networks ---- */

typedef struct net {
    tm_graph graph;
    tm_builder b;
    tm_plan plan;
    tm_runner runner;
    tm_weights *weights;
    tm_error error;
    float *pixels; /* [max_batch][H][W][C], what the pictures were filled with */
    size_t picture;
} net;

typedef struct net_options {
    int max_batch, threads; /* 0: 1 */
    int walk_batch;         /* 0: max_batch */
    tm_isa isa;             /* cut to what this CPU has */
    bool passes;            /* all of them; else nothing is fused */
    tm_precision precision;
} net_options;

UNUSED_HELPER static void net_open(net *n, tm_shape input)
{
    tm_build_options options = {.in_chans = input.c, .img_h = input.h, .img_w = input.w};
    *n = (net){.picture = (size_t)input.h * (size_t)input.w * (size_t)input.c};
    tm_builder_init(&n->b, &n->graph, &options);
}

/* Asks for x's values: tap 0, 1, ... in the order of these calls. */
UNUSED_HELPER static int net_tap(net *n, tm_node *x)
{
    tm_tap_feature(&n->b, "", x, 1);
    n->graph.taps[n->graph.tap_count - 1].selected = true;
    return n->graph.tap_count - 1;
}

UNUSED_HELPER static tm_isa net_isa(tm_isa isa)
{
    if (tm_split_kernels_for(isa)) /* maybe emulated ones */
        return isa;
    return isa < tm_cpu_isa() ? isa : tm_cpu_isa();
}

UNUSED_HELPER static void net_plan(net *n, net_options o)
{
    int batch = o.max_batch ? o.max_batch : 1;
    if (o.passes)
        tm_passes_run(&n->b);
    else
        tm_pass_prune(&n->b);
    if (n->graph.error.status)
        fail_msg("building: %s", n->graph.error.message);
    assert_int_equal(tm_weights_open_formula(0, 1.0, &n->weights, &n->error), TM_OK);
    tm_plan_options options = {.max_batch = batch,
                               .threads = o.threads ? o.threads : 1,
                               .walk_batch = o.walk_batch,
                               .isa = net_isa(o.isa),
                               .precision = o.precision};
    if (tm_plan_make(&n->b, n->weights, &options, &n->plan, &n->error))
        fail_msg("planning: %s", n->error.message);
    if (tm_runner_open(&n->runner, &n->plan, n->plan.threads, &n->error))
        fail_msg("a runner: %s", n->error.message);
    n->pixels = malloc((size_t)batch * n->picture * sizeof *n->pixels);
    assert_non_null(n->pixels);
    tm_formula_uniform("input", 0, 0.0, 1.0, 0, (size_t)batch * n->picture, n->pixels);
}

/* Runs pictures [0, batch). Before it, all of the runner's memory is filled with NaN, so that
 * nothing stale is read. */
UNUSED_HELPER static void net_run(net *n, int batch)
{
    memset(n->runner.kept, 0xFF, n->plan.kept_bytes);
    memset(n->runner.arenas, 0xFF, n->plan.arena_bytes * (size_t)n->runner.lanes);
    memset(n->runner.scratch, 0xFF, n->plan.steps.scratch_bytes * (size_t)n->plan.threads);
    for (int i = 0; i < batch; i++)
        memcpy(tm_runner_at(&n->runner, &n->plan.input, i, 0, 0),
               n->pixels + (size_t)i * n->picture, n->picture * sizeof *n->pixels);
    tm_run(&n->runner, batch, NULL);
}

UNUSED_HELPER static float net_at(const net *n, int tap, int picture, int y, int x, int c)
{
    return tm_runner_at(&n->runner, &n->plan.taps[tap], picture, y, x)[c];
}

/* Dense copy of a tap of one picture: [h][w][c]. Free it. */
UNUSED_HELPER static float *net_read(const net *n, int tap, int picture)
{
    const tm_tensor *t = &n->plan.taps[tap];
    size_t pixels = (size_t)t->h * (size_t)t->w, c = (size_t)t->c;
    float *out = malloc(pixels * c * sizeof *out);
    assert_non_null(out);
    for (size_t i = 0; i < pixels; i++)
        memcpy(out + i * c, tm_runner_at(&n->runner, t, picture, 0, 0) + i * t->ld,
               c * sizeof *out);
    return out;
}

UNUSED_HELPER static size_t net_size(const net *n, int tap)
{
    const tm_tensor *t = &n->plan.taps[tap];
    return (size_t)t->h * (size_t)t->w * (size_t)t->c;
}

UNUSED_HELPER static void net_close(net *n)
{
    tm_runner_close(&n->runner);
    tm_plan_free(&n->plan);
    TM_ASSERT(tm_weights_close(n->weights, TM_OK, NULL) == TM_OK);
    tm_builder_done(&n->b);
    tm_graph_free(&n->graph);
    free(n->pixels);
}

/* steps of that operator in the plan; NULL: of any */
UNUSED_HELPER static int net_steps(const net *n, const char *op)
{
    int count = 0;
    for (int i = 0; i < n->plan.steps.count; i++)
        count += !op || strcmp(n->plan.steps.rows[i].op, op) == 0;
    return count;
}

/* The values that the formula gives a parameter. Free them. */
UNUSED_HELPER static float *formula_values(const char *name, int rank, const int64_t *dims)
{
    size_t count = 1;
    for (int i = 0; i < rank; i++)
        count *= (size_t)dims[i];
    float *values = malloc(count * sizeof *values);
    assert_non_null(values);
    tm_formula_fill(name, rank, dims, 0, 1.0, 0, count, values);
    return values;
}

/* Through the scalar kernel, which check_kernels compares with the definitions. */
UNUSED_HELPER static double activated(tm_act_kind kind, double param, double x)
{
    float in = (float)x, out;
    tm_kernels_for(TM_ISA_SCALAR)->act_f32(kind, (float)param, 1, 1, &in, 1, &out, 1);
    return (double)out;
}

/* fails with what and where; bound: absolute */
#define ASSERT_NEAR(got, want, bound, ...)                                                         \
    do {                                                                                           \
        double got_ = (got), want_ = (want), bound_ = (bound);                                     \
        if (!(fabs(got_ - want_) <= bound_)) {                                                     \
            char text_[512];                                                                       \
            snprintf(text_, sizeof text_, __VA_ARGS__);                                            \
            fail_msg("%s: got %.9g, want %.9g, error %.3g, bound %.3g", text_, got_, want_,        \
                     fabs(got_ - want_), bound_);                                                  \
        }                                                                                          \
    } while (0)

#endif
