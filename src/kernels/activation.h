/* SPDX-License-Identifier: Apache-2.0 */
/* The activation functions, as models name them and kernels compute them. */
#ifndef TM_KERNELS_ACTIVATION_H
#define TM_KERNELS_ACTIVATION_H

typedef enum tm_act_kind {
    TM_ACT_NONE,
    TM_ACT_RELU,
    TM_ACT_RELU6,
    TM_ACT_LEAKY_RELU, /* slope: param */
    TM_ACT_SILU,
    TM_ACT_GELU, /* the erf form */
    TM_ACT_GELU_TANH,
    TM_ACT_QUICK_GELU, /* x * sigmoid(1.702 x) */
    TM_ACT_SIGMOID,
    TM_ACT_TANH,
    TM_ACT_HARD_SWISH,
    TM_ACT_HARD_SIGMOID, /* relu6(x + 3) / 6 */
    TM_ACT_HARD_MISH,    /* x / 2 * clamp(x + 2, 0, 2) */
    TM_ACT_MISH,
    TM_ACT_ELU,
    TM_ACT_SELU,
    TM_ACT_SOFTPLUS,
    TM_ACT_EXP,
    TM_ACT_RSQRT,
    TM_ACT_CLAMP_MIN, /* max(x, param) */
    TM_ACT_COUNT
} tm_act_kind;

#endif
