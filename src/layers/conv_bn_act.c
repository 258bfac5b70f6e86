/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/conv_bn_act.h"

#include "layers/evo_norm.h"

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

tm_node *tm_conv_norm(tm_builder *b, const char *conv_name, const char *norm_name, tm_node *x,
                      tm_conv conv)
{
    x = tm_conv2d(b, conv_name, x, conv);
    return tm_normalize(b, norm_name, x, (tm_norm){.kind = TM_NORM_BATCH});
}

tm_node *tm_conv_norm_pair(tm_builder *b, const char *name, tm_node *x, tm_conv conv)
{
    tm_push(b, "%s", name);
    x = tm_conv_norm(b, "c", "bn", x, conv);
    tm_pop(b);
    return x;
}
