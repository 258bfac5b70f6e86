/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/conv2d.h"
#include "products/product.h"

/* ---- the ways a convolution becomes a step ---- */

static bool is_depthwise(const tm_lowering *lowering, const tm_node *node)
{
    (void)lowering;
    const tm_conv_attrs *attrs = node->attrs;
    return attrs->groups > 1 && attrs->groups == node->inputs[0]->shape.c &&
           attrs->groups == node->shape.c && !attrs->epilogue.residual;
}

/* Where tiles multiply faster, Winograd's weights must stay nearer. */
static bool winograd_beside_tiles(const tm_lowering *lowering, const tm_node *node)
{
    return tm_lower_split_kernels(lowering) && tm_lower_precision(lowering) == TM_PRECISION_F32 &&
           tm_conv2d_winograd_pays(node, true);
}

/* Small layers leave tiles empty: they take the kernels of the level below. */
static bool tiles_pay(const tm_lowering *lowering, const tm_node *node)
{
    return tm_lower_split_kernels(lowering) &&
           tm_split_pays(node, tm_split_parts(tm_lower_precision(lowering)));
}

/* Beside tiles only for one pixel: a layer that reads its weights once, of which bfloat16 has half
 * the bytes. */
static bool bf16_pays(const tm_lowering *lowering, const tm_node *node)
{
    bool vector = node->shape.h * node->shape.w == 1;
    return ((const tm_conv_attrs *)node->attrs)->groups == 1 && tm_lower_bf16_kernels(lowering) &&
           (!tm_lower_split_kernels(lowering) ||
            (vector && tm_lower_precision(lowering) == TM_PRECISION_BF16));
}

static bool winograd_pays(const tm_lowering *lowering, const tm_node *node)
{
    (void)lowering;
    return tm_conv2d_winograd_pays(node, false);
}

/* The first that pays. */
static const struct {
    bool (*pays)(const tm_lowering *lowering, const tm_node *node);
    void (*lower)(tm_lowering *lowering, const tm_node *node);
    const tm_product_kind *product; /* instead of lower */
} ways[] = {
    {is_depthwise, tm_conv2d_lower_depthwise, NULL},
    {winograd_beside_tiles, tm_conv2d_lower_winograd, NULL},
    {tiles_pay, NULL, &tm_product_split},
    {bf16_pays, NULL, &tm_product_bf16},
    {winograd_pays, tm_conv2d_lower_winograd, NULL},
};

void tm_conv2d_lower(tm_lowering *lowering, const tm_node *node)
{
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        if (!ways[i].pays(lowering, node))
            continue;
        if (ways[i].product)
            tm_product_lower(lowering, node, ways[i].product);
        else
            ways[i].lower(lowering, node);
        return;
    }
    tm_product_lower(lowering, node, &tm_product_f32);
}
