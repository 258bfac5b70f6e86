/* SPDX-License-Identifier: Apache-2.0 */
/* What `timmc info` tells of the built model: sizes, outputs, layers, fit of a weights file. */
#ifndef TM_CLI_INFO_GRAPH_H
#define TM_CLI_INFO_GRAPH_H

#include "api/model.h"
#include "cli/cli.h"

typedef struct tm_info_parts {
    bool features, intermediates, layers;
} tm_info_parts;

tm_status tm_info_graph_text(tm_buffer *out, const tm_model *model, const tm_info_parts *parts,
                             tm_error *error);
tm_status tm_info_graph_json(tm_buffer *out, const tm_model *model, const tm_info_parts *parts,
                             tm_error *error);

/* The graph in the language of Graphviz. */
void tm_info_graph_dot(tm_buffer *out, const tm_model *model);

/* The graph as a picture that a browser shows: boxes in layers, from above, and lines. A box is
 * fully told where the mouse stands on it. TM_NO_MEMORY. */
tm_status tm_info_graph_svg(tm_buffer *out, const tm_model *model, tm_error *error);

/* Parameters before and after pruning to the given intermediates: a line, or a JSON member. */
tm_status tm_info_pruned(tm_buffer *out, const tm_model *model, const tm_ints *indices, bool norm,
                         bool head, bool json, tm_error *error);

/* Compares the model's tensors with its weights; report gets lines of text or a JSON member.
 * TM_WEIGHTS_MISMATCH where they differ. */
tm_status tm_info_check(tm_buffer *out, tm_model *model, bool json, tm_error *error);

#endif
