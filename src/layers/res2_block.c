/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/res2_block.h"

#include <stdio.h>

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
