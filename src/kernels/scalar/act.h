/* SPDX-License-Identifier: Apache-2.0 */
/* Activations; see kernels.h. The curves are computed in double. */
#include <math.h>

static double clamp(double x, double lo, double hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

static double sigmoid(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

/* torch's softplus: linear above 20 */
static double softplus(double x)
{
    return x > 20 ? x : log1p(exp(x));
}

static double curve(tm_act_kind kind, double param, double x)
{
    switch (kind) {
    case TM_ACT_RELU:
        return x < 0 ? 0 : x;
    case TM_ACT_RELU6:
        return clamp(x, 0, 6);
    case TM_ACT_LEAKY_RELU:
        return x < 0 ? x * param : x;
    case TM_ACT_SILU:
        return x * sigmoid(x);
    case TM_ACT_GELU:
        return 0.5 * x * erfc(-x * 0.70710678118654752440);
    case TM_ACT_GELU_TANH:
        return 0.5 * x * (1 + tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x)));
    case TM_ACT_QUICK_GELU:
        return x * sigmoid(1.702 * x);
    case TM_ACT_SIGMOID:
        return sigmoid(x);
    case TM_ACT_TANH:
        return tanh(x);
    case TM_ACT_HARD_SWISH:
        return x * clamp(x + 3, 0, 6) / 6;
    case TM_ACT_HARD_SIGMOID:
        return clamp(x + 3, 0, 6) / 6;
    case TM_ACT_HARD_MISH:
        return 0.5 * x * clamp(x + 2, 0, 2);
    case TM_ACT_MISH:
        return x * tanh(softplus(x));
    case TM_ACT_ELU:
        return x > 0 ? x : expm1(x);
    case TM_ACT_SELU:
        return 1.0507009873554804934 * (x > 0 ? x : 1.6732632423543772848 * expm1(x));
    case TM_ACT_SOFTPLUS:
        return softplus(x);
    case TM_ACT_EXP:
        return exp(x);
    case TM_ACT_RSQRT:
        return 1.0 / sqrt(x);
    case TM_ACT_CLAMP_MIN:
        return x < param ? param : x;
    case TM_ACT_NONE:
    case TM_ACT_COUNT:
        break;
    }
    return x;
}

void TM_TYPED(tm_act)(tm_act_kind kind, float param, size_t rows, size_t n, const void *from,
                      size_t x_ld, void *to, size_t y_ld)
{
    const elem *x = from;
    elem *y = to;
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < n; j++)
            y[i * y_ld + j] = elem_of((float)curve(kind, param, f32_of(x[i * x_ld + j])));
}
