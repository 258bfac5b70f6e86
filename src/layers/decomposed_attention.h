/* SPDX-License-Identifier: Apache-2.0 */
/* Attention with learned vectors for offsets down and across, by which queries are multiplied, as
 * MViTv2 (2112.01526) and the bottleneck transformers (2101.11605) have it. */
#ifndef TM_LAYERS_DECOMPOSED_ATTENTION_H
#define TM_LAYERS_DECOMPOSED_ATTENTION_H

#include "ops/nn.h"

/* Which row of a table holds the vector for a query and a key, of so many along a side. */
typedef int tm_offset_row(int query, int queries, int key, int keys);
/* Of as many queries as keys: the query's place less the key's. */
tm_offset_row tm_offset_from_key;

/* For each of the queries along a side the vectors of all keys, [queries, d, keys], of a table of
 * vectors [n, d]. */
tm_node *tm_offset_vectors(tm_builder *b, tm_node *table, int queries, int keys,
                           tm_offset_row *row);

typedef struct tm_decomposed {
    int heads;
    int h, w;               /* of the queries' map */
    int prefix;             /* queries and keys before their maps: they have no offset */
    tm_node *down, *across; /* tm_offset_vectors of h and w queries */
} tm_decomposed;

/* q, k, v: rows of maps of tokens. softmax(q k^T / sqrt(d) + q . down + q . across) v of every
 * head. */
tm_node *tm_attend_decomposed(tm_builder *b, tm_node *q, tm_node *k, tm_node *v, tm_decomposed by);

#endif
