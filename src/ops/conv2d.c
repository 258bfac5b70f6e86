/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution and linear layers: builder, shape, cost. The lowering is in conv2d_lower.c. */
#include "ops/conv2d.h"

#include <stdlib.h>
#include <string.h>

static int or_one(int value)
{
    return value ? value : 1;
}

/* output size and the padding before the first pixel, along one axis */
static int window(tm_conv conv, int in, int kernel, int *pad)
{
    int stride = or_one(conv.stride), dilation = or_one(conv.dilation);
    int reach = dilation * (kernel - 1) + 1, before, after;
    switch (conv.padding) {
    case TM_PAD_SAME: {
        int out = (in + stride - 1) / stride, total = (out - 1) * stride + reach - in;
        *pad = total > 0 ? total / 2 : 0;
        return out;
    }
    case TM_PAD_VALID:
        before = after = 0;
        break;
    case TM_PAD_EXPLICIT:
        before = after = conv.pad;
        break;
    default:
        before = after = ((stride - 1) + dilation * (kernel - 1)) / 2;
    }
    *pad = before;
    int room = in + before + after - reach;
    return room < 0 ? 0 : room / stride + 1;
}

static int group_count(tm_conv conv, const tm_node *x)
{
    return or_one(conv.groups == TM_DEPTHWISE ? x->shape.c : conv.groups);
}

/* On x, without a bias; sets the output's shape. */
static tm_conv_attrs describe(tm_builder *b, const tm_node *x, tm_conv conv, tm_shape *shape)
{
    tm_conv_attrs attrs = {.kernel_h = conv.kernel,
                           .kernel_w = conv.kernel_w ? conv.kernel_w : conv.kernel,
                           .stride = or_one(conv.stride),
                           .dilation = or_one(conv.dilation),
                           .groups = group_count(conv, x)};
    *shape = (tm_shape){.h = window(conv, x->shape.h, attrs.kernel_h, &attrs.pad_top),
                        .w = window(conv, x->shape.w, attrs.kernel_w, &attrs.pad_left),
                        .c = conv.out};
    TM_EXPECT(b, x->shape.c % attrs.groups == 0 && conv.out % attrs.groups == 0,
              "the channels of a convolution do not divide by its groups");
    return attrs;
}

tm_node *tm_conv2d_with(tm_builder *b, const char *name, tm_node *x, tm_node *weight, tm_node *bias,
                        tm_conv conv)
{
    tm_shape shape;
    tm_conv_attrs attrs = describe(b, x, conv, &shape);
    attrs.bias = bias != NULL;
    tm_node *inputs[] = {x, weight, bias};
    return tm_activation(b, &tm_op_conv2d, tm_scoped(b, name), &attrs, sizeof attrs, bias ? 3 : 2,
                         inputs, shape);
}

tm_node *tm_conv2d_filtered(tm_builder *b, const char *name, tm_node *x, tm_node *filters,
                            tm_conv conv)
{
    tm_shape shape, s = filters->shape;
    tm_conv_attrs attrs = describe(b, x, conv, &shape);
    TM_EXPECT(b,
              attrs.groups == conv.out && x->shape.c == conv.out && s.c == conv.out && s.h == 1 &&
                  s.w == attrs.kernel_h * attrs.kernel_w,
              "a picture's filters have another shape than one for each channel");
    tm_node *inputs[] = {x, filters};
    return tm_activation(b, &tm_op_conv2d_filtered, tm_scoped(b, name), &attrs, sizeof attrs, 2,
                         inputs, shape);
}

static int by_name(const void *name, const void *row)
{
    return strcmp(name, ((const tm_width *)row)->name);
}

/* the width that pruning left to this convolution */
static int pruned_width(tm_builder *b, const char *name, int out)
{
    if (!b->widths.count)
        return out;
    const tm_width *row = bsearch(tm_scoped(b, name), b->widths.rows, b->widths.count,
                                  sizeof *b->widths.rows, by_name);
    return row ? row->channels : out;
}

tm_node *tm_conv2d(tm_builder *b, const char *name, tm_node *x, tm_conv conv)
{
    conv.out = pruned_width(b, name, conv.out);
    int kernel_w = conv.kernel_w ? conv.kernel_w : conv.kernel;
    tm_push(b, "%s", name);
    tm_node *weight = conv.linear
                          ? tm_param2(b, "weight", conv.out, x->shape.c)
                          : tm_param4(b, "weight", conv.out, x->shape.c / group_count(conv, x),
                                      conv.kernel, kernel_w);
    tm_node *bias = conv.bias ? tm_param1(b, "bias", conv.out) : NULL;
    tm_pop(b);
    return tm_conv2d_with(b, name, x, weight, bias, conv);
}

tm_node *tm_linear(tm_builder *b, const char *name, tm_node *x, int out, bool bias)
{
    return tm_conv2d(b, name, x, (tm_conv){.out = out, .kernel = 1, .bias = bias, .linear = true});
}

static double conv_macs(const tm_node *node)
{
    const tm_conv_attrs *attrs = node->attrs;
    double taps = (double)attrs->kernel_h * attrs->kernel_w;
    return taps * node->inputs[0]->shape.c / attrs->groups * node->shape.h * node->shape.w *
           node->shape.c;
}

static int conv_addend(const tm_node *node)
{
    return ((const tm_conv_attrs *)node->attrs)->epilogue.residual ? node->input_count - 1 : -1;
}

const tm_op tm_op_conv2d = {.name = "conv2d",
                            .lower = tm_conv2d_lower,
                            .addend = conv_addend,
                            .types_of = tm_conv2d_types,
                            .reach = tm_conv2d_reach,
                            .macs = conv_macs};

const tm_op tm_op_conv2d_filtered = {
    .name = "conv2d_filtered", .lower = tm_conv2d_lower_filtered, .macs = conv_macs};
