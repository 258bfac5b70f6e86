/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes of constant nodes. */
#ifndef TM_GRAPH_CONSTANT_H
#define TM_GRAPH_CONSTANT_H

#include "graph/graph.h"

int64_t tm_element_count(const tm_node *constant);
/* First dimension (1 for rank 0), and elements of one of its rows. */
int64_t tm_row_count(const tm_node *constant);
int64_t tm_row_elements(const tm_node *constant);
/* The shape in which a constant takes part in activation arithmetic. */
tm_shape tm_constant_shape(const tm_node *constant);

#endif
