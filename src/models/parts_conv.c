/* SPDX-License-Identifier: Apache-2.0 */
#include "models/parts_conv.h"

#include "models/parts.h"
#include "models/parts_norm.h"

tm_node *tm_anti_alias(tm_builder *b, tm_node *x, tm_aa_kind kind, int stride)
{
    switch (kind) {
    case TM_AA_AVG:
        return tm_pool2d(b, x, (tm_pool){.kernel = stride, .count_pad = true});
    case TM_AA_BLUR:
        return tm_blur_pool(b, x, stride, TM_PAD_REFLECT);
    case TM_AA_BLUR_ZERO:
        return tm_blur_pool(b, x, stride, TM_PAD_ZERO);
    case TM_AA_NONE:
        break;
    }
    return x;
}

tm_node *tm_shortcut_pool(tm_builder *b, tm_node *x, int stride, int dilation)
{
    if (stride == 1 && dilation == 1)
        return x;
    tm_pool pool = {.kernel = 2, .stride = stride, .ceil_mode = true};
    if (dilation > 1) {
        /* timm pads before it pools here, so that the zeros count */
        x = tm_pad2d(b, x, 0, 1, 0, 1, TM_PAD_ZERO);
        pool.stride = 1;
    }
    return tm_pool2d(b, x, pool);
}

static tm_node *conv_tail(tm_builder *b, const char *name, tm_node *x, tm_conv_tail tail)
{
    if (tail.evo_groups)
        return tm_evo_norm_s0(b, name, x, tail.evo_groups, tail.act != TM_ACT_NONE, 0.0f);
    return tm_activate(b, tm_normalize(b, name, x, tail.norm), tail.act);
}

tm_node *tm_conv_norm_act(tm_builder *b, const char *name, tm_node *x, tm_conv conv,
                          tm_conv_tail tail)
{
    int stride = conv.stride;
    bool aa = tail.aa && stride > 1;
    if (aa)
        conv.stride = 1;
    tm_push(b, "%s", name);
    x = conv_tail(b, "bn", tm_conv2d(b, "conv", x, conv), tail);
    tm_pop(b);
    return aa ? tm_anti_alias(b, x, tail.aa, stride) : x;
}

tm_node *tm_separable_conv_norm_act(tm_builder *b, const char *name, tm_node *x, tm_conv conv,
                                    tm_conv_tail tail)
{
    tm_conv pointwise = {.out = conv.out, .kernel = 1};
    conv.out = x->shape.c;
    conv.groups = TM_DEPTHWISE;
    tm_push(b, "%s", name);
    x = tm_conv2d(b, "conv_pw", tm_conv2d(b, "conv_dw", x, conv), pointwise);
    x = conv_tail(b, "bn", x, tail);
    tm_pop(b);
    return x;
}

tm_node *tm_effective_squeeze_excite(tm_builder *b, const char *name, tm_node *x)
{
    tm_conv fc = {.out = x->shape.c, .kernel = 1, .bias = true};
    tm_push(b, "%s", name);
    tm_node *gate = tm_conv2d(b, "fc", tm_reduce_hw(b, x, TM_REDUCE_AVG), fc);
    x = tm_mul(b, x, tm_activate(b, gate, TM_ACT_HARD_SIGMOID));
    tm_pop(b);
    return x;
}

void tm_refuse_dilation(tm_builder *b)
{
    if (b->options.output_stride != 32)
        tm_refuse(b, "output stride %d: this family has no dilation, only stride 32",
                  b->options.output_stride);
}

void tm_refuse_small_stride(tm_builder *b)
{
    if (b->options.output_stride < 8)
        tm_refuse(b, "output stride %d: this family has 8, 16 and 32", b->options.output_stride);
}
