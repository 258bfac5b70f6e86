/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/decomposed_attention.h"

#include <math.h>
#include <stdlib.h>

static int *new_indices(tm_builder *b, size_t count)
{
    int *indices = b->graph->error.status ? NULL : calloc(count, sizeof *indices);
    if (!indices)
        tm_fail(&b->graph->error, TM_NO_MEMORY, "no memory for %zu offsets", count);
    return indices;
}

int tm_offset_from_key(int query, int queries, int key, int keys)
{
    (void)queries;
    return query - key + keys - 1;
}

tm_node *tm_offset_vectors(tm_builder *b, tm_node *table, int queries, int keys, tm_offset_row *row)
{
    int *rows = new_indices(b, (size_t)queries * (size_t)keys), largest = 0;
    if (!rows)
        return table;
    for (int i = 0; i < queries * keys; i++) {
        rows[i] = row(i / keys, queries, i % keys, keys);
        largest = rows[i] > largest ? rows[i] : largest;
    }
    if (largest >= table->dims[0]) {
        tm_refuse(b, "%d queries and %d keys of a side: the table has %lld positions", queries,
                  keys, (long long)table->dims[0]);
    } else {
        int64_t d = table->dims[1];
        table = tm_const_gather(b, table, (int64_t)queries * keys, rows);
        table = tm_const_reshape(b, table, 3, (int64_t[]){queries, keys, d});
        table = tm_const_permute(b, table, (int[]){0, 2, 1});
    }
    free(rows);
    return table;
}

/* Tokens of h x w in rows, sorted by their place down or across; to: the other way round. */
static void sort_tokens(int *from, int *to, int rows, int h, int w, bool across)
{
    int other = across ? h : w;
    for (int i = 0; i < rows * h * w; i++) {
        int place = i / (rows * other), row = i / other % rows, rest = i % other;
        from[i] = row * h * w + (across ? rest * w + place : place * w + rest);
        to[from[i]] = i;
    }
}

/* Queries times the vectors of one side: rows x tokens x (heads * keys). Those of one place are
 * multiplied together. */
static tm_node *side_scores(tm_builder *b, tm_node *q, const tm_decomposed *by, bool across)
{
    tm_node *vectors = across ? by->across : by->down;
    int rows = q->shape.h, tokens = q->shape.w, d = q->shape.c / by->heads;
    int size = across ? by->w : by->h, together = rows * tokens / size;
    int *from = new_indices(b, 2 * (size_t)rows * (size_t)tokens);
    if (!from)
        return q;
    int *to = from + rows * tokens, keys = (int)vectors->dims[2];
    sort_tokens(from, to, rows, by->h, by->w, across);
    q = tm_reshape(b, tm_gather_pixels(b, q, size, together, from), size, together * by->heads, d);
    vectors = tm_const_affine(b, vectors, (float)sqrt((double)d), 0.0f); /* as q k^T */
    q = tm_matmul(b, q, tm_constant_activation(b, vectors, size, d, keys));
    q = tm_reshape(b, q, size, together, by->heads * keys);
    q = tm_gather_pixels(b, q, rows, tokens, to);
    free(from);
    return q;
}

/* Zeros for tokens that have no place. */
static tm_node *behind_prefix(tm_builder *b, tm_node *scores, int prefix)
{
    int c = scores->shape.c;
    if (!prefix)
        return scores;
    tm_node *zeros = tm_literal(b, 1, (int64_t[]){1}, (float[]){0.0f});
    zeros = tm_const_repeat(b, zeros, (int64_t)prefix * c);
    zeros = tm_const_reshape(b, zeros, 2, (int64_t[]){prefix, c});
    return tm_concat_w(b, 2, (tm_node *[]){zeros, scores});
}

tm_node *tm_attend_decomposed(tm_builder *b, tm_node *q, tm_node *k, tm_node *v, tm_decomposed by)
{
    tm_node *map = by.prefix ? tm_slice_w(b, q, by.prefix, by.h * by.w) : q;
    if (b->graph->error.status)
        return q;
    tm_node *down = behind_prefix(b, side_scores(b, map, &by, false), by.prefix);
    tm_node *across = behind_prefix(b, side_scores(b, map, &by, true), by.prefix);
    return tm_attend(b, q, k, v, (tm_attention){.heads = by.heads, .down = down, .across = across});
}
