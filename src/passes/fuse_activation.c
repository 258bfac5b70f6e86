/* SPDX-License-Identifier: Apache-2.0 */
/* conv (+ residual) -> activation becomes a conv that applies it before its only store. */
#include "passes/merge.h"
#include "passes/passes.h"

void tm_pass_fuse_activation(tm_builder *b)
{
    for (int i = 0; i < b->graph->node_count; i++) {
        tm_node *node = b->graph->nodes[i];
        if (!node->live || node->op != &tm_op_act)
            continue;
        tm_node *conv = node->inputs[0];
        if (conv->op != &tm_op_conv2d || conv->users != 1 ||
            ((const tm_conv_attrs *)conv->attrs)->epilogue.act != TM_ACT_NONE)
            continue;
        tm_act_attrs act = *(const tm_act_attrs *)node->attrs;
        tm_absorb(b, node, conv);
        if (b->graph->error.status)
            return;
        tm_epilogue *epilogue = &((tm_conv_attrs *)node->attrs)->epilogue;
        epilogue->act = act.kind;
        epilogue->act_param = act.param;
    }
}
