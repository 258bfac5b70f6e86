/* SPDX-License-Identifier: Apache-2.0 */
/* How close every activation curve comes to its definition in double, over all of float. */
#ifndef TESTS_KERNELS_CURVES_H
#define TESTS_KERNELS_CURVES_H

#include "tests/kernels/cases_rows.h"

enum { PER_BINADE = 64, DENSE = 300000, CURVE_CHUNK = 4096 };

static double logistic(double x)
{
    return 1 / (1 + exp(-x));
}

/* Written from the definitions, apart from the scalar kernel. */
static double defined(tm_act_kind kind, double param, double x)
{
    const double alpha = 1.6732632423543772848170429916717,
                 scale = 1.0507009873554804934193349852946;
    double softplus = x > 20 ? x : log1p(exp(x));
    switch (kind) {
    case TM_ACT_RELU:
        return fmax(x, 0);
    case TM_ACT_RELU6:
        return fmin(fmax(x, 0), 6);
    case TM_ACT_LEAKY_RELU:
        return x >= 0 ? x : param * x;
    case TM_ACT_SILU:
        return x * logistic(x);
    case TM_ACT_GELU: /* x * Phi(x), without the cancellation of 1 + erf */
        return x * erfc(-x / sqrt(2.0)) / 2;
    case TM_ACT_GELU_TANH: /* (1 + tanh u) / 2 is the logistic of 2u */
        return x * logistic(2 * sqrt(2 / acos(-1.0)) * (x + 0.044715 * x * x * x));
    case TM_ACT_QUICK_GELU:
        return x * logistic(1.702 * x);
    case TM_ACT_SIGMOID:
        return logistic(x);
    case TM_ACT_TANH:
        return tanh(x);
    case TM_ACT_HARD_SWISH:
        return x * (fmin(fmax(x + 3, 0), 6) / 6);
    case TM_ACT_HARD_SIGMOID:
        return fmin(fmax(x + 3, 0), 6) / 6;
    case TM_ACT_HARD_MISH:
        return x / 2 * fmin(fmax(x + 2, 0), 2);
    case TM_ACT_MISH:
        return x * tanh(softplus);
    case TM_ACT_ELU:
        return x > 0 ? x : expm1(x);
    case TM_ACT_SELU:
        return scale * (x > 0 ? x : alpha * expm1(x));
    case TM_ACT_SOFTPLUS:
        return softplus;
    case TM_ACT_EXP:
        return exp(x);
    case TM_ACT_RSQRT:
        return 1 / sqrt(x);
    case TM_ACT_CLAMP_MIN:
        return fmax(x, param);
    case TM_ACT_NONE:
    case TM_ACT_COUNT:
        break;
    }
    return x;
}

typedef struct accuracy {
    double absolute, at_absolute; /* error over max(1, |y|) and where */
    double relative, at_relative; /* where y is a normal number */
} accuracy;

static void sweep_chunk(check *c, tm_act_kind kind, float param, const float *x, size_t n,
                        accuracy *worst)
{
    static float y[CURVE_CHUNK];
    c->kernels->act_f32(kind, param, 1, n, x, n, y, n);
    for (size_t i = 0; i < n; i++) {
        double want = defined(kind, (double)param, (double)x[i]), got = (double)y[i];
        double bound = is_exact(kind) ? HALF_ULP * fabs(want) + 0x1p-149 : act_bound(kind, want);
        if (kind == TM_ACT_RSQRT && x[i] < 0) {
            if (!isnan(got))
                report(c, "%s(%g) is %g", act_names[kind], (double)x[i], got);
            continue;
        }
        /* what rounds to infinity, and the last float below it */
        if (fabs(want) > 3.402823e38) {
            if (!(fabs(got) >= 3.4028e38))
                report(c, "%s(%g) is %g", act_names[kind], (double)x[i], got);
            continue;
        }
        double error = fabs(got - want), size = fabs(want);
        if (!(error <= bound))
            report(c, "%s(%.9g) is %.9g, not %.9g: error %.3g, bound %.3g", act_names[kind],
                   (double)x[i], got, want, error, bound);
        if (error / fmax(1, size) > worst->absolute) {
            worst->absolute = error / fmax(1, size);
            worst->at_absolute = (double)x[i];
        }
        if (size > 0x1p-126 && error / size > worst->relative) {
            worst->relative = error / size;
            worst->at_relative = (double)x[i];
        }
    }
}

/* every binade of both signs, then densely where curves bend */
static void sweep(check *c, tm_act_kind kind, accuracy *worst)
{
    static float x[CURVE_CHUNK];
    float param = kind == TM_ACT_CLAMP_MIN ? 0.1f : 0.01f;
    size_t n = 0;
    for (int exponent = -149; exponent < 128; exponent++)
        for (int i = 0; i < PER_BINADE; i++) {
            float v = ldexpf(uniform(c, 1, 2), exponent);
            x[n++] = i % 2 ? v : -v;
            if (n == CURVE_CHUNK || (exponent == 127 && i == PER_BINADE - 1)) {
                sweep_chunk(c, kind, param, x, n, worst);
                n = 0;
            }
        }
    for (int i = 0; i < DENSE; i += CURVE_CHUNK) {
        double reach = i % (4 * CURVE_CHUNK) ? 12 : 110;
        for (n = 0; n < CURVE_CHUNK; n++)
            x[n] = uniform(c, -reach, reach);
        sweep_chunk(c, kind, param, x, n, worst);
    }
}

/* what torch gives at the ends; -inf is NaN where its formula multiplies it by zero */
static void expect_limits(check *c, tm_act_kind kind)
{
    static const struct {
        tm_act_kind kind;
        float low, high;
    } limits[] = {
        {TM_ACT_RELU, 0, INFINITY},
        {TM_ACT_RELU6, 0, 6},
        {TM_ACT_LEAKY_RELU, -INFINITY, INFINITY},
        {TM_ACT_SILU, NAN, INFINITY},
        {TM_ACT_GELU, NAN, INFINITY},
        {TM_ACT_GELU_TANH, NAN, INFINITY},
        {TM_ACT_QUICK_GELU, NAN, INFINITY},
        {TM_ACT_SIGMOID, 0, 1},
        {TM_ACT_TANH, -1, 1},
        {TM_ACT_HARD_SWISH, NAN, INFINITY},
        {TM_ACT_HARD_SIGMOID, 0, 1},
        {TM_ACT_HARD_MISH, NAN, INFINITY},
        {TM_ACT_MISH, NAN, INFINITY},
        {TM_ACT_ELU, -1, INFINITY},
        {TM_ACT_SELU, -1.7580993408f, INFINITY},
        {TM_ACT_SOFTPLUS, 0, INFINITY},
        {TM_ACT_EXP, 0, INFINITY},
        {TM_ACT_RSQRT, NAN, 0},
        {TM_ACT_CLAMP_MIN, 0.1f, INFINITY},
        {TM_ACT_NONE, -INFINITY, INFINITY},
    };
    float x[3] = {-INFINITY, INFINITY, NAN}, y[3];
    c->kernels->act_f32(kind, 0.1f, 1, 3, x, 3, y, 3);
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        if (limits[i].kind == kind && (!near(F32, y[0], limits[i].low, 2e-7) ||
                                       !near(F32, y[1], limits[i].high, 0) || !isnan(y[2])))
            report(c, "%s of -inf, inf, NaN is %g, %g, %g; torch has %g, %g, nan", act_names[kind],
                   (double)y[0], (double)y[1], (double)y[2], (double)limits[i].low,
                   (double)limits[i].high);
}

/* NaN of every kind stays NaN, in whole vectors and behind them. */
static void expect_nans(check *c, tm_act_kind kind)
{
    enum { N = 203 };
    float x[N], y[N];
    for (size_t i = 0; i < N; i++)
        x[i] = any_nan(c);
    c->kernels->act_f32(kind, 0.1f, 1, N, x, N, y, N);
    for (size_t i = 0; i < N; i++)
        if (!isnan(y[i]))
            report(c, "%s of the NaN %08X is %g", act_names[kind], bits_of(x[i]), (double)y[i]);
}

static void check_curve(check *c, tm_act_kind kind, bool verbose)
{
    accuracy worst = {0};
    describe(c, "%s over all of float", act_names[kind]);
    sweep(c, kind, &worst);
    expect_limits(c, kind);
    expect_nans(c, kind);
    if (verbose)
        printf("%-8s %-13s %10.2e at %-14.8g %10.2e at %-14.8g\n", c->target, act_names[kind],
               worst.absolute, worst.at_absolute, worst.relative, worst.at_relative);
}

#endif
