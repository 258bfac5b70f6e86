/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/window.h"

bool tm_conv2d_shares_rows(const tm_node *node)
{
    const tm_conv_attrs *attrs = node->attrs;
    const tm_shape *x = &node->inputs[0]->shape, *y = &node->shape;
    double taps = (double)attrs->kernel_h * attrs->kernel_w;
    return taps * x->c / attrs->groups * y->c <=
           (double)x->h * x->w * x->c + (double)y->h * y->w * y->c;
}

bool tm_conv2d_is_pointwise(const tm_node *node)
{
    const tm_conv_attrs *attrs = node->attrs;
    const tm_shape *x = &node->inputs[0]->shape, *y = &node->shape;
    return attrs->kernel_h * attrs->kernel_w == 1 && attrs->stride == 1 && attrs->pad_top == 0 &&
           attrs->pad_left == 0 && x->h == y->h && x->w == y->w;
}

bool tm_conv2d_is_run(const tm_tensor *y, const tm_tensor *residual)
{
    return tm_tensor_is_run(y) && (tm_tensor_is_none(residual) || tm_tensor_is_run(residual));
}
