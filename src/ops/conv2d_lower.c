/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/conv2d.h"

#include <math.h>
#include <string.h>

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

tm_store tm_store_of(tm_lowering *lowering, const tm_epilogue *epilogue)
{
    tm_store store = {.lo = -INFINITY,
                      .hi = INFINITY,
                      .act = {epilogue->act, epilogue->act_param},
                      .kernel = tm_lower_kernels(lowering)->act_f32};
    if (epilogue->act == TM_ACT_RELU || epilogue->act == TM_ACT_RELU6)
        store.lo = 0.0f;
    else
        store.curve = epilogue->act != TM_ACT_NONE;
    if (epilogue->act == TM_ACT_RELU6)
        store.hi = 6.0f;
    return store;
}

void tm_conv2d_pack_bias(tm_lowering *worker, const tm_node *bias, int groups, int outputs,
                         size_t padded, float *out)
{
    size_t count = (size_t)outputs;
    const float *values = bias ? tm_lower_constant(worker, bias) : NULL;
    for (size_t g = 0; values && g < (size_t)groups; g++, out += padded) {
        memcpy(out, values + g * count, count * sizeof *out);
        memset(out + count, 0, (padded - count) * sizeof *out);
    }
    tm_lower_release(worker, values);
}

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
