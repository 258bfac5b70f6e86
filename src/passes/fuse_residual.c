/* SPDX-License-Identifier: Apache-2.0 */
/* conv + x becomes a conv that adds x before its only store. */
#include "passes/merge.h"
#include "passes/passes.h"

/* A depthwise kernel has no residual: one that adds would lose more than the fusion gains. */
static bool may_add(const tm_node *conv)
{
    const tm_conv_attrs *attrs = conv->attrs;
    return attrs->groups == 1 || attrs->groups != conv->inputs[0]->shape.c;
}

static bool same_shape(const tm_node *x, const tm_node *y)
{
    return !x->constant && !y->constant && x->shape.h == y->shape.h && x->shape.w == y->shape.w &&
           x->shape.c == y->shape.c;
}

void tm_pass_fuse_residual(tm_builder *b)
{
    for (int i = 0; i < b->graph->node_count; i++) {
        tm_node *node = b->graph->nodes[i];
        if (!node->live || node->op != &tm_op_binary ||
            ((const tm_binary_attrs *)node->attrs)->kind != TM_BINARY_ADD ||
            !same_shape(node->inputs[0], node->inputs[1]) || node->inputs[0] == node->inputs[1])
            continue;
        for (int side = 0; side < 2; side++) {
            tm_node *conv = tm_sole_conv(node, side), *other = node->inputs[1 - side];
            if (!conv || !may_add(conv))
                continue;
            tm_absorb(b, node, conv);
            if (b->graph->error.status)
                return;
            ((tm_conv_attrs *)node->attrs)->epilogue.residual = true;
            node->inputs[node->input_count++] = other;
            break;
        }
    }
}
