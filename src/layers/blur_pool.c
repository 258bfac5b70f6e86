/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/blur_pool.h"

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
