/* SPDX-License-Identifier: Apache-2.0 */
#include "passes/merge.h"

#include <string.h>

tm_node *tm_sole_conv(const tm_node *node, int i)
{
    tm_node *conv = node->inputs[i];
    if (conv->op != &tm_op_conv2d || conv->users != 1)
        return NULL;
    const tm_conv_attrs *attrs = conv->attrs;
    bool done = attrs->epilogue.residual || attrs->epilogue.act != TM_ACT_NONE;
    return done ? NULL : conv;
}

void tm_absorb(tm_builder *b, tm_node *node, tm_node *producer)
{
    tm_conv_attrs *attrs = tm_arena_alloc(&b->graph->arena, sizeof *attrs);
    /* room for a bias and a residual */
    tm_node **inputs = tm_arena_alloc(&b->graph->arena, 4 * sizeof *inputs);
    if (!attrs || !inputs) {
        tm_fail(&b->graph->error, TM_NO_MEMORY, "no memory for the model's graph");
        return;
    }
    memcpy(attrs, producer->attrs, sizeof *attrs);
    memcpy(inputs, producer->inputs, (size_t)producer->input_count * sizeof *inputs);
    node->op = producer->op;
    node->name = producer->name;
    node->attrs = attrs;
    node->inputs = inputs;
    node->input_count = producer->input_count;
    producer->live = false;
}
