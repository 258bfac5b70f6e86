/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/split_attn.h"

#include <stdlib.h>

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
