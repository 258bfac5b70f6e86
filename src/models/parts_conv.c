/* SPDX-License-Identifier: Apache-2.0 */
#include "models/parts_conv.h"

#include "models/parts.h"

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

tm_node *tm_conv_norm_act(tm_builder *b, const char *name, tm_node *x, tm_conv conv,
                          tm_conv_tail tail)
{
    int stride = conv.stride;
    bool aa = tail.aa && stride > 1;
    if (aa)
        conv.stride = 1;
    tm_push(b, "%s", name);
    x = tm_normalize(b, "bn", tm_conv2d(b, "conv", x, conv), tail.norm);
    x = tm_activate(b, x, tail.act);
    tm_pop(b);
    return aa ? tm_anti_alias(b, x, tail.aa, stride) : x;
}
