/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "kernels/vec/vec.h"

VF vf clamp(vf x, float lo, float hi)
{
    return vf_min(vf_set(hi), vf_max(vf_set(lo), x));
}

/* erfc(z) for z >= 0 as t * p(t) * exp(-z^2), t = 1 / (1 + 0.4 z); relative error of t * p(t)
 * 6e-8 on [0, 9.5] (minimax fit of our own to erfcx) */
VF vf erfc_positive(vf z)
{
    static const float p[] = {0.040267739f,  -0.135472306f, 0.0738447315f,
                              0.0997265402f, 0.0715104606f, 0.196962089f,
                              0.200958828f,  0.226575675f,  0.2256263f};
    vf t = vf_div(vf_set(1.0f), vf_fma(z, vf_set(0.4f), vf_set(1.0f)));
    vf y = vf_set(p[0]);
    for (int i = 1; i < 9; i++)
        y = vf_fma(y, t, vf_set(p[i]));
    /* exp(-z^2) with the rounding error of z^2 put back */
    vf square = vf_mul(z, z), low = vf_fma(z, z, vf_sub(vf_set(0.0f), square));
    vf e = vf_exp(vf_sub(vf_set(0.0f), square));
    e = vf_fnma(e, low, e);
    return vf_mul(vf_mul(y, t), e);
}

/* x * erfc(-x / sqrt 2) / 2; the tail is zero from z = 14 on, and far beyond it z^2 overflows */
VF vf gelu(vf x)
{
    vf half = vf_mul(vf_set(0.5f), vf_min(vf_set(20.0f), x));
    vf z = vf_min(vf_set(14.0f), vf_mul(vf_abs(x), vf_set(0.707106781f)));
    vf tail = vf_mul(half, erfc_positive(z));
    return vf_if_less(x, vf_set(0.0f), tail, vf_sub(x, tail));
}

/* odd polynomial near zero, where the exponential form loses its digits */
VF vf tanh_(vf x)
{
    vf a = vf_abs(x), e = vf_exp(vf_mul(a, vf_set(-2.0f)));
    vf far = vf_div(vf_sub(vf_set(1.0f), e), vf_add(vf_set(1.0f), e));
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
    return vf_if_less(vf_set(-0.5f), x, near, vf_sub(vf_exp(x), vf_set(1.0f)));
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
    return vf_div(x, vf_add(vf_set(1.0f), vf_exp(vf_sub(vf_set(0.0f), t))));
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

#define EACH(expression)                                                                           \
    do {                                                                                           \
        for (size_t i = 0; i < rows; i++, x += x_ld, y += y_ld) {                                  \
            size_t j = 0;                                                                          \
            for (; j + VL <= n; j += VL) {                                                         \
                vf v = vf_load(x + j);                                                             \
                vf_store(y + j, expression);                                                       \
            }                                                                                      \
            if (j < n) {                                                                           \
                vmask m = vm_first(n - j);                                                         \
                vf v = vf_load_first(x + j, m);                                                    \
                vf_store_first(y + j, expression, m);                                              \
            }                                                                                      \
        }                                                                                          \
    } while (0)

/* The rare curves: one by one through libm, as the reference does. */
static float softplus(float x)
{
    return x > 20 ? x : (float)log1p(exp((double)x));
}

static void each_softplus(size_t rows, size_t n, const float *x, size_t x_ld, float *y, size_t y_ld)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < n; j++)
            y[i * y_ld + j] = softplus(x[i * x_ld + j]);
}

void TM_KERNEL(tm_act_f32)(tm_act_kind kind, float param, size_t rows, size_t n, const float *x,
                           size_t x_ld, float *y, size_t y_ld)
{
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
