/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/attention_biases.h"

#include <stdlib.h>

static int *allocate(tm_builder *b, size_t count)
{
    int *rows = malloc(count * sizeof *rows);
    if (!rows)
        tm_fail(&b->graph->error, TM_NO_MEMORY, "no memory for %zu indices", count);
    return rows;
}

tm_node *tm_attention_biases(tm_builder *b, int heads, int h, int w, int stride)
{
    int across = (w + stride - 1) / stride, queries = (h + stride - 1) / stride * across;
    int keys = h * w;
    tm_node *biases = tm_param2(b, "attention_biases", heads, keys);
    int *rows = allocate(b, (size_t)queries * (size_t)keys);
    if (!rows)
        return biases;
    for (int q = 0; q < queries; q++)
        for (int k = 0; k < keys; k++)
            rows[q * keys + k] =
                abs(q / across * stride - k / w) * w + abs(q % across * stride - k % w);
    biases = tm_const_permute(b, biases, (int[]){1, 0});
    biases = tm_const_gather(b, biases, (int64_t)queries * keys, rows);
    free(rows);
    biases = tm_const_permute(b, biases, (int[]){1, 0});
    return tm_const_reshape(b, biases, 3, (int64_t[]){heads, queries, keys});
}

tm_node *tm_parts_first(tm_builder *b, tm_node *rows, tm_head_parts parts)
{
    int head = 0, row = 0, begin = 0;
    for (int p = 0; p < parts.count; p++)
        head += parts.dims[p];
    int *from = allocate(b, (size_t)(parts.heads * head));
    if (!from)
        return rows;
    for (int p = 0; p < parts.count; begin += parts.dims[p++])
        for (int h = 0; h < parts.heads; h++)
            for (int i = 0; i < parts.dims[p]; i++)
                from[row++] = h * head + begin + i;
    rows = tm_const_gather(b, rows, row, from);
    free(from);
    return rows;
}
