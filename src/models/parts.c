/* SPDX-License-Identifier: Apache-2.0 */
#include "models/parts.h"

#include <math.h>

int tm_divisible(double v, int divisor, double limit)
{
    int rounded = (int)(v + divisor / 2.0) / divisor * divisor;
    if (rounded < divisor)
        rounded = divisor;
    return rounded < limit * v ? rounded + divisor : rounded;
}

tm_node *tm_blur_pool(tm_builder *b, tm_node *x, int stride, tm_pad_mode padding)
{
    static const float binomial[9] = {1 / 16.0f, 2 / 16.0f, 1 / 16.0f, 2 / 16.0f, 4 / 16.0f,
                                      2 / 16.0f, 1 / 16.0f, 2 / 16.0f, 1 / 16.0f};
    int pad = ((stride - 1) + 2) / 2;
    tm_node *filter = tm_literal(b, 4, (int64_t[]){1, 1, 3, 3}, binomial);
    if (padding == TM_PAD_REFLECT)
        x = tm_pad2d(b, x, pad, pad, pad, pad, TM_PAD_REFLECT);
    return tm_conv2d_with(b, "blur", x, tm_const_repeat(b, filter, x->shape.c), NULL,
                          (tm_conv){.out = x->shape.c,
                                    .kernel = 3,
                                    .stride = stride,
                                    .groups = TM_DEPTHWISE,
                                    .padding = TM_PAD_EXPLICIT,
                                    .pad = padding == TM_PAD_ZERO ? pad : 0});
}

tm_node *tm_squeeze_excite_with(tm_builder *b, const char *name, tm_node *x, tm_squeeze squeeze)
{
    tm_conv reduce = {.out = squeeze.reduced, .kernel = 1, .bias = true};
    tm_conv expand = {.out = x->shape.c, .kernel = 1, .bias = true};
    tm_push(b, "%s", name);
    tm_node *gate = tm_reduce_hw(b, x, TM_REDUCE_AVG);
    gate = tm_conv2d(b, squeeze.reduce ? squeeze.reduce : "fc1", gate, reduce);
    gate = tm_activate(b, gate, squeeze.act ? squeeze.act : TM_ACT_RELU);
    gate = tm_conv2d(b, squeeze.expand ? squeeze.expand : "fc2", gate, expand);
    x = tm_mul(b, x, tm_activate(b, gate, squeeze.gate ? squeeze.gate : TM_ACT_SIGMOID));
    tm_pop(b);
    return x;
}

tm_node *tm_squeeze_excite(tm_builder *b, const char *name, tm_node *x, int reduced)
{
    return tm_squeeze_excite_with(b, name, x, (tm_squeeze){.reduced = reduced});
}

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

void tm_tap_stage(tm_builder *b, const char *module, tm_node *x, int reduction)
{
    tm_tap_feature(b, module, x, reduction);
    tm_tap_intermediate(b, x, TM_LAYOUT_MAP);
}

void tm_tap_final(tm_builder *b, tm_node *x)
{
    tm_tap_output(b, TM_TAP_FINAL, x, TM_LAYOUT_MAP);
    tm_tap_output(b, TM_TAP_FORWARD_FEATURES, x, TM_LAYOUT_MAP);
}

const char *tm_pool_kind(const tm_builder *b, const char *pool)
{
    return b->options.global_pool ? b->options.global_pool : pool;
}

void tm_classifier(tm_builder *b, tm_node *x, tm_layout layout, const char *classifier)
{
    tm_tap_output(b, TM_TAP_PRE_LOGITS, x, layout);
    if (b->options.num_classes > 0 && layout == TM_LAYOUT_MAP)
        tm_refuse(b, "pooling can only be left out together with the classifier (num_classes 0)");
    if (b->options.num_classes > 0)
        x = tm_linear(b, classifier, x, b->options.num_classes, true);
    tm_tap_output(b, TM_TAP_LOGITS, x, layout);
}

void tm_classifier_head(tm_builder *b, tm_node *x, const char *pool, const char *classifier)
{
    pool = tm_pool_kind(b, pool);
    x = tm_global_pool(b, x, pool);
    tm_classifier(b, x, pool[0] ? TM_LAYOUT_VECTOR : TM_LAYOUT_MAP, classifier);
}
