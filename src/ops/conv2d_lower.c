/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/conv2d.h"
#include "products/product.h"

static bool is_depthwise(const tm_node *node)
{
    const tm_conv_attrs *attrs = node->attrs;
    return attrs->groups > 1 && attrs->groups == node->inputs[0]->shape.c &&
           attrs->groups == node->shape.c && !attrs->epilogue.residual;
}

/* Winograd computes in float32. Where other numbers multiply faster, as exact as it, its weights
 * must stay nearer. */
static bool winograd_pays(const tm_lowering *lowering, const tm_node *node,
                          const tm_product_kind *kind)
{
    bool beside = kind != &tm_product_f32;
    return (!beside || tm_lower_precision(lowering) == TM_PRECISION_F32) &&
           tm_conv2d_winograd_pays(node, beside);
}

tm_types tm_conv2d_types(const tm_lowering *lowering, const tm_node *node)
{
    const tm_product_kind *kind = tm_product_choose(lowering, node);
    if (is_depthwise(node))
        return TM_TYPES_SAME;
    if (winograd_pays(lowering, node, kind))
        return TM_TYPES_F32;
    return kind->types;
}

bool tm_conv2d_reach(const tm_lowering *lowering, const tm_node *node, tm_reach *reach)
{
    const tm_conv_attrs *conv = node->attrs;
    const tm_product_kind *kind = tm_product_choose(lowering, node);
    if (!is_depthwise(node) && (!kind->pixels || winograd_pays(lowering, node, kind)))
        return false;
    *reach = (tm_reach){.stride = conv->stride,
                        .before = conv->pad_top,
                        .rows = (conv->kernel_h - 1) * conv->dilation + 1,
                        .pixel = conv->kernel_h * conv->kernel_w == 1 && conv->stride == 1};
    return true;
}

void tm_conv2d_lower(tm_lowering *lowering, const tm_node *node)
{
    const tm_product_kind *kind = tm_product_choose(lowering, node);
    if (is_depthwise(node))
        tm_conv2d_lower_depthwise(lowering, node);
    else if (winograd_pays(lowering, node, kind))
        tm_conv2d_lower_winograd(lowering, node);
    else
        tm_product_lower(lowering, node, kind);
}
