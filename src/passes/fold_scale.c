/* SPDX-License-Identifier: Apache-2.0 */
/* conv -> times a constant per channel (layer scale) becomes a conv with other weights and bias. */
#include "passes/merge.h"
#include "passes/passes.h"

static bool scales_channels(const tm_node *node)
{
    const tm_binary_attrs *attrs = node->attrs;
    return attrs->kind == TM_BINARY_MUL && node->inputs[1]->constant &&
           tm_element_count(node->inputs[1]) == node->shape.c &&
           tm_constant_shape(node->inputs[1]).c == node->shape.c;
}

static void fold(tm_builder *b, tm_node *node, tm_node *conv)
{
    const tm_conv_attrs *attrs = conv->attrs;
    tm_node *weight = conv->inputs[1], *bias = attrs->bias ? conv->inputs[2] : NULL;
    int64_t column[TM_MAX_RANK] = {node->shape.c, 1, 1, 1, 1, 1};
    tm_node *scale = node->inputs[1];
    weight = tm_const_mul(b, weight, tm_const_reshape(b, scale, weight->rank, column));
    if (bias)
        bias = tm_const_mul(b, bias, tm_const_reshape(b, scale, 1, column));
    tm_absorb(b, node, conv);
    if (b->graph->error.status)
        return;
    node->inputs[1] = weight;
    if (bias)
        node->inputs[2] = bias;
}

void tm_pass_fold_scale(tm_builder *b)
{
    int count = b->graph->node_count;
    for (int i = 0; i < count; i++) {
        tm_node *node = b->graph->nodes[i];
        if (!node->live || node->op != &tm_op_binary || !scales_channels(node))
            continue;
        tm_node *conv = tm_sole_conv(node, 0);
        if (conv)
            fold(b, node, conv);
    }
}
