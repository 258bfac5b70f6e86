/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/eca.h"

#include <math.h>

static int channel_kernel(int channels)
{
    int t = (int)(fabs(log2(channels) + 1) / 2), kernel = t % 2 ? t : t + 1;
    return kernel < 3 ? 3 : kernel;
}

/* torch's Conv1d along a row of pixels */
static tm_node *conv1d(tm_builder *b, const char *name, tm_node *x, int out, int kernel, bool bias)
{
    int in = x->shape.c;
    tm_push(b, "%s", name);
    tm_node *weight = tm_param3(b, "weight", out, in, kernel);
    tm_node *shift = bias ? tm_param1(b, "bias", out) : NULL;
    tm_pop(b);
    weight = tm_const_reshape(b, weight, 4, (int64_t[]){out, in, 1, kernel});
    return tm_conv2d_with(b, name, x, weight, shift,
                          (tm_conv){.out = out, .kernel = 1, .kernel_w = kernel});
}

tm_node *tm_efficient_channel_attention(tm_builder *b, const char *name, tm_node *x, int channels)
{
    tm_push(b, "%s", name);
    /* a 1-d convolution along the channels: they become the pixels of a row */
    tm_node *gate = tm_reshape(b, tm_reduce_hw(b, x, TM_REDUCE_AVG), 1, x->shape.c, 1);
    gate = conv1d(b, "conv", gate, 1, channel_kernel(channels), false);
    gate = tm_activate(b, tm_reshape(b, gate, 1, 1, x->shape.c), TM_ACT_SIGMOID);
    x = tm_mul(b, x, gate);
    tm_pop(b);
    return x;
}

tm_node *tm_efficient_channel_mlp(tm_builder *b, const char *name, tm_node *x, int channels,
                                  int reduced, tm_act_kind act)
{
    tm_push(b, "%s", name);
    tm_node *gate = tm_reshape(b, tm_reduce_hw(b, x, TM_REDUCE_AVG), 1, x->shape.c, 1);
    gate = tm_activate(b, conv1d(b, "conv", gate, reduced, 1, true), act);
    gate = conv1d(b, "conv2", gate, 1, channel_kernel(channels), true);
    gate = tm_activate(b, tm_reshape(b, gate, 1, 1, x->shape.c), TM_ACT_SIGMOID);
    x = tm_mul(b, x, gate);
    tm_pop(b);
    return x;
}
