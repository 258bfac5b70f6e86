/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/conv2d.h"

/* One pixel: a layer that reads its weights once, of which bfloat16 has half the bytes. */
static bool is_vector(const tm_node *node)
{
    return node->shape.h * node->shape.w == 1;
}

/* Small layers leave tiles empty: they take the kernels of the level below. */
static void lower_with_parts(tm_lowering *lowering, const tm_node *node)
{
    const tm_conv_attrs *attrs = node->attrs;
    tm_precision precision = tm_lower_precision(lowering);
    if (precision == TM_PRECISION_F32 && tm_conv2d_winograd_pays(node, true))
        tm_conv2d_lower_winograd(lowering, node);
    else if (tm_conv2d_split_pays(node, tm_split_parts(precision)))
        tm_conv2d_lower_split(lowering, node);
    else if (attrs->groups == 1 && precision == TM_PRECISION_BF16 && is_vector(node))
        tm_conv2d_lower_bf16(lowering, node);
    else if (tm_conv2d_winograd_pays(node, false))
        tm_conv2d_lower_winograd(lowering, node);
    else
        tm_conv2d_lower_gemm(lowering, node);
}

void tm_conv2d_lower(tm_lowering *lowering, const tm_node *node)
{
    const tm_conv_attrs *attrs = node->attrs;
    bool depthwise = attrs->groups > 1 && attrs->groups == node->inputs[0]->shape.c &&
                     attrs->groups == node->shape.c && !attrs->epilogue.residual;
    if (depthwise)
        tm_conv2d_lower_depthwise(lowering, node);
    else if (tm_lower_split_kernels(lowering))
        lower_with_parts(lowering, node);
    else if (attrs->groups == 1 && tm_lower_bf16_kernels(lowering))
        tm_conv2d_lower_bf16(lowering, node);
    else if (tm_conv2d_winograd_pays(node, false))
        tm_conv2d_lower_winograd(lowering, node);
    else
        tm_conv2d_lower_gemm(lowering, node);
}
