/* SPDX-License-Identifier: Apache-2.0 */
/* conv -> batch norm becomes a conv with other weights and bias. */
#include "passes/merge.h"
#include "passes/passes.h"

static void fold(tm_builder *b, tm_node *node, tm_node *conv)
{
    const tm_norm_attrs *norm = node->attrs;
    const tm_conv_attrs *attrs = conv->attrs;
    if (norm->kind != TM_NORM_BATCH)
        return;
    tm_node *weight = tm_const_fold_weight(b, conv->inputs[1], node);
    tm_node *bias = tm_const_fold_bias(b, attrs->bias ? conv->inputs[2] : NULL, node);
    tm_absorb(b, node, conv);
    if (b->graph->error.status)
        return;
    ((tm_conv_attrs *)node->attrs)->bias = true;
    node->inputs[1] = weight;
    node->inputs[2] = bias;
    node->input_count = 3;
}

void tm_pass_fold_batch_norm(tm_builder *b)
{
    int count = b->graph->node_count;
    for (int i = 0; i < count; i++) {
        tm_node *node = b->graph->nodes[i];
        if (!node->live || node->op != &tm_op_norm)
            continue;
        tm_node *conv = tm_sole_conv(node, 0);
        if (conv)
            fold(b, node, conv);
    }
}
