/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/residual.h"

static tm_node *conv_norm(tm_builder *b, const char *conv_name, const char *norm_name, tm_node *x,
                          tm_conv conv)
{
    x = tm_conv2d(b, conv_name, x, conv);
    return tm_normalize(b, norm_name, x, (tm_norm){.kind = TM_NORM_BATCH});
}

tm_node *tm_residual_branch(tm_builder *b, tm_node *x, tm_residual residual)
{
    int middle = residual.bottleneck;
    tm_conv wide = {.out = residual.out, .kernel = 3};
    if (!middle) {
        tm_conv strided = {.out = residual.out, .kernel = 3, .stride = residual.stride};
        x = tm_activate(b, conv_norm(b, "conv1", "bn1", x, strided), TM_ACT_RELU);
        return conv_norm(b, "conv2", "bn2", x, wide);
    }
    tm_conv spatial = {
        .out = middle, .kernel = 3, .stride = residual.stride, .groups = residual.groups};
    x = conv_norm(b, "conv1", "bn1", x, (tm_conv){.out = middle, .kernel = 1});
    x = conv_norm(b, "conv2", "bn2", tm_activate(b, x, TM_ACT_RELU), spatial);
    wide.kernel = 1;
    return conv_norm(b, "conv3", "bn3", tm_activate(b, x, TM_ACT_RELU), wide);
}
