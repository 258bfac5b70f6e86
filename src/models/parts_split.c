/* SPDX-License-Identifier: Apache-2.0 */
#include "models/parts_split.h"

#include <stdio.h>
#include <stdlib.h>

enum { MAX_SCALE = 8 };

static tm_node *norm(tm_builder *b, const char *name, tm_node *x)
{
    return tm_normalize(b, name, x, (tm_norm){.kind = TM_NORM_BATCH});
}

static tm_node *norm_relu(tm_builder *b, const char *name, tm_node *x)
{
    return tm_activate(b, norm(b, name, x), TM_ACT_RELU);
}

/* Each part but the last goes through a 3x3 convolution, with the result of the part before it
 * added unless the block is first in its stage. */
static tm_node *scales(tm_builder *b, tm_node *x, const tm_res2_block *block)
{
    tm_conv conv = {.out = block->width,
                    .kernel = 3,
                    .stride = block->stride,
                    .dilation = block->dilation,
                    .padding = TM_PAD_EXPLICIT,
                    .pad = block->dilation,
                    .groups = block->cardinality};
    tm_pool pool = {.kernel = 3, .stride = block->stride, .pad = 1, .count_pad = true};
    tm_node *parts[MAX_SCALE];
    int last = block->scale - 1;
    TM_ASSERT(last < MAX_SCALE);
    for (int i = 0; i < last; i++) {
        char name[24];
        tm_node *part = tm_slice_c(b, x, i * conv.out, conv.out);
        if (i && !block->first)
            part = tm_add(b, parts[i - 1], part);
        snprintf(name, sizeof name, "convs.%d", i);
        part = tm_conv2d(b, name, part, conv);
        snprintf(name, sizeof name, "bns.%d", i);
        parts[i] = norm_relu(b, name, part);
    }
    parts[last] = tm_slice_c(b, x, last * conv.out, conv.out);
    if (block->first)
        parts[last] = tm_pool2d(b, parts[last], pool);
    return tm_concat_c(b, block->scale, parts);
}

tm_node *tm_res2_bottleneck(tm_builder *b, tm_node *x, tm_res2_block block)
{
    x = tm_conv2d(b, "conv1", x, (tm_conv){.out = block.width * block.scale, .kernel = 1});
    x = scales(b, norm_relu(b, "bn1", x), &block);
    x = tm_conv2d(b, "conv3", x, (tm_conv){.out = block.out, .kernel = 1});
    return norm(b, "bn3", x);
}

/* The convolution with its outputs reordered, so that the weights of one channel are adjacent. */
static tm_node *channel_major(tm_builder *b, tm_node *gate, int count, int channels,
                              tm_part_gate convolution)
{
    int groups = convolution.groups ? convolution.groups : 1, width = channels / groups;
    int outputs = count * channels;
    int *rows = malloc((size_t)outputs * sizeof *rows);
    if (!rows) {
        tm_fail(&b->graph->error, TM_NO_MEMORY, "no memory for %d channels of parts", outputs);
        return gate;
    }
    for (int c = 0; c < channels; c++)
        for (int part = 0; part < count; part++)
            rows[c * count + part] = (c / width * count + part) * width + c % width;
    tm_push(b, "%s", convolution.name);
    tm_node *weight = tm_param4(b, "weight", outputs, gate->shape.c / groups, 1, 1);
    tm_node *bias = convolution.bias ? tm_param1(b, "bias", outputs) : NULL;
    tm_pop(b);
    if (bias)
        bias = tm_const_gather(b, bias, outputs, rows);
    weight = tm_const_gather(b, weight, outputs, rows);
    free(rows);
    return tm_conv2d_with(b, convolution.name, gate, weight, bias,
                          (tm_conv){.out = outputs, .kernel = 1, .groups = groups});
}

tm_node *tm_weigh_parts(tm_builder *b, int count, tm_node *const *parts, tm_node *gate,
                        tm_part_gate convolution)
{
    int channels = parts[0]->shape.c;
    gate = channel_major(b, gate, count, channels, convolution);
    gate = tm_softmax_c(b, gate, channels);
    gate = tm_reshape(b, gate, 1, channels, count);
    tm_node *sum = NULL;
    for (int i = 0; i < count; i++) {
        tm_node *weight = tm_reshape(b, tm_slice_c(b, gate, i, 1), 1, 1, channels);
        tm_node *part = tm_mul(b, parts[i], weight);
        sum = sum ? tm_add(b, sum, part) : part;
    }
    return sum;
}
