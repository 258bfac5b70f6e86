/* SPDX-License-Identifier: Apache-2.0 */
/* What `timmc info` tells of the built model: sizes, outputs, layers, fit of a weights file. */
#ifndef TM_CLI_INFO_GRAPH_H
#define TM_CLI_INFO_GRAPH_H

#include "api/model.h"

typedef struct tm_info_parts {
    bool features, intermediates, layers;
} tm_info_parts;

void tm_info_graph_text(tm_buffer *out, tm_model *model, const tm_info_parts *parts);
void tm_info_graph_json(tm_buffer *out, tm_model *model, const tm_info_parts *parts);

/* The graph in the language of Graphviz. */
void tm_info_graph_dot(tm_buffer *out, const tm_model *model);

/* Compares the model's tensors with its weights; report gets lines of text or a JSON member.
 * TM_WEIGHTS_MISMATCH where they differ. */
tm_status tm_info_check(tm_buffer *out, const tm_model *model, bool json, tm_error *error);

#endif
