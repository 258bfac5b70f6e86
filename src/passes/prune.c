/* SPDX-License-Identifier: Apache-2.0 */
/* Marks what the selected taps need and counts who uses what: everything else is never computed,
 * and its weights are never read. */
#include "passes/passes.h"

void tm_pass_prune(tm_builder *b)
{
    tm_graph *graph = b->graph;
    for (int i = 0; i < graph->node_count; i++) {
        graph->nodes[i]->live = false;
        graph->nodes[i]->users = 0;
    }
    for (int i = 0; i < graph->tap_count; i++)
        if (graph->taps[i].selected) {
            graph->taps[i].node->live = true;
            graph->taps[i].node->users++;
        }
    /* users stand behind what they use; constants made by passes stand at the end, and only
     * constants use them */
    for (int round = 0; round < 2; round++)
        for (int i = graph->node_count - 1; i >= 0; i--) {
            tm_node *node = graph->nodes[i];
            if (!node->live || node->constant != (round == 1))
                continue;
            for (int k = 0; k < node->input_count; k++) {
                node->inputs[k]->live = true;
                node->inputs[k]->users++;
            }
        }
    graph->input->live = true;
}
