/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

CHAINS_IN_TURN

VF vf clamp(vf x, float lo, float hi)
{
    return vf_min(vf_set(hi), vf_max(vf_set(lo), x));
}

/*
 * x * Phi(x) = max(x, 0) - a * Phi(-a), a = |x|, Phi the normal distribution function. Phi(-a) is
 * exp(-p(a)) / 2; p is a fit of our own to -log(2 Phi(-a)), weighted for an error of 1e-8 in
 * a * Phi(-a), of which 1e-11 is left where a ends. x - min(x, 0) makes -inf NaN, as torch has it.
 */
VF vf gelu(vf x)
{
    vf a = vf_min(vf_set(7.0f), vf_abs(x)), a2 = vf_mul(a, a);
    vf p01 = vf_fma(vf_set(3.18271041e-1f), a, vf_set(7.97888994e-1f));
    vf p23 = vf_fma(vf_set(-4.98888223e-3f), a, vf_set(3.64618935e-2f));
    vf p45 = vf_fma(vf_set(1.13551687e-4f), a, vf_set(1.52510373e-4f));
    vf p67 = vf_fma(vf_set(2.79045912e-6f), a, vf_set(-2.7368671e-5f));
    vf p4 = vf_fma(vf_fma(vf_set(-1.11219485e-7f), a2, p67), a2, p45);
    vf y = vf_fma(p4, vf_mul(a2, a2), vf_fma(p23, a2, p01));
    vf tail = vf_half_exp_minus(vf_mul(y, a));
    return vf_fnma(a, tail, vf_sub(x, vf_min(vf_set(0.0f), x)));
}

/* odd polynomial near zero, where the exponential form loses its digits */
VF vf tanh_(vf x)
{
    const vf one = vf_set(1.0f), two = vf_set(2.0f);
    vf a = vf_abs(x), e = vf_half_exp_minus(vf_mul(a, two));
    vf far = vf_div(vf_fnma(e, two, one), vf_fma(e, two, one));
    far = vf_if_less(x, vf_set(0.0f), vf_sub(vf_set(0.0f), far), far);
    vf s = vf_mul(x, x), p = vf_set(-1382.0f / 155925);
    p = vf_fma(p, s, vf_set(62.0f / 2835));
    p = vf_fma(p, s, vf_set(-17.0f / 315));
    p = vf_fma(p, s, vf_set(2.0f / 15));
    p = vf_fma(p, s, vf_set(-1.0f / 3));
    vf near = vf_fma(vf_mul(p, s), x, x);
    return vf_if_less(a, vf_set(0.25f), near, far);
}

/* exp(x) - 1 for x <= 0 */
VF vf expm1_negative(vf x)
{
    vf p = vf_set(1.0f / 40320);
    p = vf_fma(p, x, vf_set(1.0f / 5040));
    p = vf_fma(p, x, vf_set(1.0f / 720));
    p = vf_fma(p, x, vf_set(1.0f / 120));
    p = vf_fma(p, x, vf_set(1.0f / 24));
    p = vf_fma(p, x, vf_set(1.0f / 6));
    p = vf_fma(p, x, vf_set(0.5f));
    vf near = vf_fma(vf_mul(p, x), x, x);
    vf e = vf_half_exp_minus(vf_sub(vf_set(0.0f), x));
    return vf_if_less(vf_set(-0.5f), x, near, vf_fma(e, vf_set(2.0f), vf_set(-1.0f)));
}

VF vf elu(vf x)
{
    vf negative = expm1_negative(vf_min(vf_set(0.0f), x));
    return vf_if_less(vf_set(0.0f), x, x, negative);
}

VF vf selu(vf x)
{
    vf negative = expm1_negative(vf_min(vf_set(0.0f), x));
    return vf_if_less(vf_set(0.0f), x, vf_mul(vf_set(1.05070099f), x),
                      vf_mul(vf_set(1.75809934f), negative));
}

/* x * sigmoid(t) */
VF vf gated(vf x, vf t)
{
    return vf_div(x, vf_logistic_divisor(t));
}

VF vf gelu_tanh(vf x)
{
    vf inner = vf_mul(vf_fma(vf_mul(vf_mul(x, x), x), vf_set(0.044715f), x), vf_set(0.797884561f));
    /* (1 + tanh u) / 2 = sigmoid(2u): no cancellation on the left */
    return gated(x, vf_mul(inner, vf_set(2.0f)));
}

/* tanh(log(1 + e^x)) = n / (n + 2), n = e^x (e^x + 2) */
VF vf mish(vf x)
{
    vf e = vf_exp(vf_min(x, vf_set(20.0f))), n = vf_mul(e, vf_add(e, vf_set(2.0f)));
    vf y = vf_mul(x, vf_div(n, vf_add(n, vf_set(2.0f))));
    return vf_if_less(vf_set(20.0f), x, x, y);
}

/*
 * A curve is a long chain, and a core keeps about a hundred operations that wait: so GROUP vectors
 * take each step of it together, from however many rows they come. Pairs of what VE says it pays to
 * read together count as one.
 */
enum { GROUP = 4, SETS = GROUP / VE, SET = VE * VL };

/* The sets of whole rows, one after another. */
typedef struct sets {
    const elem *x;
    elem *y;
    size_t x_ld, y_ld, row; /* row: elements of one */
    size_t at, left;
} sets;

/* Where the next one is; the last one comes again and again. */
VF void next_set(sets *s, const elem **x, elem **y)
{
    *x = s->x + s->at;
    *y = s->y + s->at;
    if (s->left == 1)
        return;
    s->left--;
    s->at += SET;
    if (s->at == s->row) {
        s->at = 0;
        s->x += s->x_ld;
        s->y += s->y_ld;
    }
}

#define EACH_SET(expression)                                                                       \
    do {                                                                                           \
        sets s = {x, y, x_ld, y_ld, whole, 0, rows * (whole / SET)};                               \
        for (size_t j = 0, count = s.left; j < count; j += SETS) {                                 \
            vf group[GROUP];                                                                       \
            elem *into[SETS];                                                                      \
            UNROLL                                                                                 \
            for (int k = 0; k < SETS; k++) {                                                       \
                const elem *source;                                                                \
                next_set(&s, &source, &into[k]);                                                   \
                ve_load_mixed(source, group + k * VE);                                             \
            }                                                                                      \
            UNROLL                                                                                 \
            for (int k = 0; k < GROUP; k++) {                                                      \
                vf v = group[k];                                                                   \
                group[k] = expression;                                                             \
            }                                                                                      \
            UNROLL                                                                                 \
            for (int k = 0; k < SETS; k++)                                                         \
                ve_store_mixed(into[k], group + k * VE);                                           \
        }                                                                                          \
    } while (0)

/* What is left of each row. */
#define EACH_REST(expression)                                                                      \
    do {                                                                                           \
        for (size_t i = 0; whole < n && i < rows; i++, x += x_ld, y += y_ld) {                     \
            size_t j = whole;                                                                      \
            for (; VE > 1 && j + VL <= n; j += VL) {                                               \
                vf v = ve_load(x + j);                                                             \
                ve_store(y + j, expression);                                                       \
            }                                                                                      \
            if (j < n) {                                                                           \
                vmask m = vm_first(n - j);                                                         \
                vf v = ve_load_first(x + j, m);                                                    \
                ve_store_first(y + j, expression, m);                                              \
            }                                                                                      \
        }                                                                                          \
    } while (0)

#define EACH(expression)                                                                           \
    do {                                                                                           \
        const size_t whole = n / SET * SET;                                                        \
        EACH_SET(expression);                                                                      \
        EACH_REST(expression);                                                                     \
    } while (0)

/* The rare curves: one by one through libm, as the reference does. */
static float softplus(float x)
{
    return x > 20 ? x : (float)log1p(exp((double)x));
}

static void each_softplus(size_t rows, size_t n, const elem *x, size_t x_ld, elem *y, size_t y_ld)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < n; j++)
            y[i * y_ld + j] = elem_of(softplus(f32_of(x[i * x_ld + j])));
}

void TM_TYPED(tm_act)(tm_act_kind kind, float param, size_t rows, size_t n, const void *from,
                      size_t x_ld, void *to, size_t y_ld)
{
    const elem *x = from;
    elem *y = to;
    if (x_ld == n && y_ld == n) {
        n *= rows;
        rows = 1;
    }
    const vf zero = vf_set(0.0f), three = vf_set(3.0f), sixth = vf_set(1.0f / 6), p = vf_set(param);
    switch (kind) {
    case TM_ACT_RELU:
        EACH(vf_max(zero, v));
        break;
    case TM_ACT_RELU6:
        EACH(clamp(v, 0.0f, 6.0f));
        break;
    case TM_ACT_LEAKY_RELU:
        EACH(vf_if_less(v, zero, vf_mul(v, p), v));
        break;
    case TM_ACT_SILU:
        EACH(gated(v, v));
        break;
    case TM_ACT_GELU:
        EACH(gelu(v));
        break;
    case TM_ACT_GELU_TANH:
        EACH(gelu_tanh(v));
        break;
    case TM_ACT_QUICK_GELU:
        EACH(gated(v, vf_mul(v, vf_set(1.702f))));
        break;
    case TM_ACT_SIGMOID:
        EACH(vf_sigmoid(v));
        break;
    case TM_ACT_TANH:
        EACH(tanh_(v));
        break;
    case TM_ACT_HARD_SWISH:
        EACH(vf_mul(v, vf_mul(clamp(vf_add(v, three), 0.0f, 6.0f), sixth)));
        break;
    case TM_ACT_HARD_SIGMOID:
        EACH(vf_mul(clamp(vf_add(v, three), 0.0f, 6.0f), sixth));
        break;
    case TM_ACT_HARD_MISH:
        EACH(vf_mul(vf_mul(v, vf_set(0.5f)), clamp(vf_add(v, vf_set(2.0f)), 0.0f, 2.0f)));
        break;
    case TM_ACT_MISH:
        EACH(mish(v));
        break;
    case TM_ACT_ELU:
        EACH(elu(v));
        break;
    case TM_ACT_SELU:
        EACH(selu(v));
        break;
    case TM_ACT_SOFTPLUS:
        each_softplus(rows, n, x, x_ld, y, y_ld);
        break;
    case TM_ACT_EXP:
        EACH(vf_exp(v));
        break;
    case TM_ACT_RSQRT:
        EACH(vf_div(vf_set(1.0f), vf_sqrt(v)));
        break;
    case TM_ACT_CLAMP_MIN:
        EACH(vf_max(p, v));
        break;
    case TM_ACT_NONE:
    case TM_ACT_COUNT:
        EACH(v);
        break;
    }
}
