/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/decomposed_attention.h"

#include <math.h>
#include <stdlib.h>

static void *allocate(tm_builder *b, size_t count, size_t size)
{
    void *block = b->graph->error.status ? NULL : calloc(count, size);
    if (!block)
        tm_fail(&b->graph->error, TM_NO_MEMORY, "no memory for %zu offsets", count);
    return block;
}

/* For each place of a query those of all keys, [size, d, size], of a table [2 * size - 1, d]. */
static tm_node *offset_vectors(tm_builder *b, const char *name, int size, int d)
{
    tm_node *table = tm_param2(b, name, 2 * (int64_t)size - 1, d);
    int *rows = allocate(b, (size_t)size * (size_t)size, sizeof *rows);
    if (!rows)
        return table;
    for (int i = 0; i < size * size; i++)
        rows[i] = i / size - i % size + size - 1;
    table = tm_const_gather(b, table, (int64_t)size * size, rows);
    free(rows);
    table = tm_const_reshape(b, table, 3, (int64_t[]){size, size, d});
    return tm_const_permute(b, table, (int[]){0, 2, 1});
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

/* Queries times the vectors of one axis: rows x (tokens * heads) x places */
static tm_node *axis_scores(tm_builder *b, tm_node *q, int heads, int h, int w, bool across)
{
    int rows = q->shape.h, tokens = h * w, d = q->shape.c / heads, size = across ? w : h;
    tm_node *vectors = offset_vectors(b, across ? "rel_pos_w" : "rel_pos_h", size, d);
    int *from = allocate(b, 2 * (size_t)rows * (size_t)tokens, sizeof *from);
    if (!from)
        return q;
    int *to = from + rows * tokens, together = rows * tokens / size;
    sort_tokens(from, to, rows, h, w, across);
    q = tm_reshape(b, tm_gather_pixels(b, q, size, together, from), size, together * heads, d);
    q = tm_matmul(b, q, tm_constant_activation(b, vectors, size, d, size));
    q = tm_reshape(b, q, size, together, heads * size);
    q = tm_gather_pixels(b, q, rows, tokens, to);
    free(from);
    return tm_reshape(b, q, rows, tokens * heads, size);
}

/* 1 at the row and 1 at the column that each token is in: rows x (tokens * heads) x (h + w) */
static tm_node *places(tm_builder *b, int rows, int heads, int h, int w)
{
    int tokens = h * w, count = rows * tokens * heads;
    float *ones = allocate(b, (size_t)tokens * (size_t)(h + w), sizeof *ones);
    int *from = allocate(b, (size_t)count, sizeof *from);
    tm_node *x = b->graph->input;
    if (ones && from) {
        for (int i = 0; i < tokens; i++)
            ones[i * (h + w) + i / w] = ones[i * (h + w) + h + i % w] = 1.0f;
        for (int i = 0; i < count; i++)
            from[i] = i / heads % tokens;
        x = tm_literal(b, 2, (int64_t[]){tokens, h + w}, ones);
        x = tm_constant_activation(b, x, 1, tokens, h + w);
        x = tm_gather_pixels(b, x, rows, tokens * heads, from);
    }
    free(ones);
    free(from);
    return x;
}

tm_node *tm_attend_decomposed(tm_builder *b, tm_node *q, tm_node *k, tm_node *v, int heads, int h,
                              int w)
{
    int rows = q->shape.h, tokens = h * w, d = q->shape.c / heads, longer = heads * (d + h + w);
    tm_node *down = axis_scores(b, q, heads, h, w, false);
    tm_node *across = axis_scores(b, q, heads, h, w, true);
    q = tm_affine(b, q, (float)(1 / sqrt((double)d)), 0.0f);
    q = tm_reshape(b, q, rows, tokens * heads, d);
    k = tm_reshape(b, k, rows, tokens * heads, d);
    q = tm_concat_c(b, 3, (tm_node *[]){q, down, across});
    k = tm_concat_c(b, 2, (tm_node *[]){k, places(b, rows, heads, h, w)});
    return tm_attend(b, tm_reshape(b, q, rows, tokens, longer),
                     tm_reshape(b, k, rows, tokens, longer), v,
                     (tm_attention){.heads = heads, .scale = 1.0f});
}
