/* SPDX-License-Identifier: Apache-2.0 */
/* Leaves of the graph and the helpers that operator files share. */
#include <string.h>

#include "ops/ops.h"

tm_node *tm_activation(tm_builder *b, const tm_op *op, const char *name, const void *attrs,
                       size_t attrs_size, int input_count, tm_node *const *inputs, tm_shape shape)
{
    if (shape.c <= 0 && b->options.changed)
        tm_misfit(b, "a layer has no channels");
    if (shape.h <= 0 || shape.w <= 0 || shape.c <= 0)
        tm_fail(&b->graph->error, TM_SHAPE, "%s: the input of %dx%d pixels is too small", name,
                b->options.img_h, b->options.img_w);
    tm_node *node = tm_node_new(b, op, name, attrs, attrs_size, input_count, inputs);
    node->shape = shape;
    return node;
}

tm_node *tm_constant(tm_builder *b, const tm_op *op, const char *name, const void *attrs,
                     size_t attrs_size, int input_count, tm_node *const *inputs, int rank,
                     const int64_t *dims)
{
    tm_node *node = tm_node_new(b, op, name, attrs, attrs_size, input_count, inputs);
    node->constant = true;
    node->rank = rank;
    for (int i = 0; i < rank; i++)
        node->dims[i] = dims[i];
    return node;
}

/* ---- parameters ---- */

static tm_node *new_param(tm_builder *b, const char *name, int rank, const int64_t *dims,
                          tm_param_attrs attrs)
{
    const char *full = tm_scoped(b, name);
    tm_node *param = tm_find_param(b->graph, full);
    if (!param) {
        param = tm_constant(b, &tm_op_param, full, &attrs, sizeof attrs, 0, NULL, rank, dims);
        tm_know_param(b, param);
    }
    return param;
}

tm_node *tm_param(tm_builder *b, const char *name, int rank, const int64_t *dims)
{
    return new_param(b, name, rank, dims, (tm_param_attrs){.trained = true});
}

tm_node *tm_buffer_param(tm_builder *b, const char *name, int rank, const int64_t *dims)
{
    return new_param(b, name, rank, dims, (tm_param_attrs){.trained = false});
}

tm_node *tm_pos_embed(tm_builder *b, const char *name, int prefix, int h, int w, int c)
{
    int64_t dims[] = {1, prefix + (int64_t)h * w, c};
    return new_param(
        b, name, 3, dims,
        (tm_param_attrs){
            .trained = true, .fit = TM_FIT_GRID, .prefix = prefix, .grid_h = h, .grid_w = w});
}

tm_node *tm_patch_weight(tm_builder *b, const char *name, int out, int in, int patch)
{
    return new_param(b, name, 4, (int64_t[]){out, in, patch, patch},
                     (tm_param_attrs){.trained = true, .fit = TM_FIT_PATCH});
}

tm_node *tm_patch_linear_weight(tm_builder *b, const char *name, int out, int in, int patch)
{
    return new_param(b, name, 2, (int64_t[]){out, (int64_t)patch * patch * in},
                     (tm_param_attrs){.trained = true, .fit = TM_FIT_FLAT});
}

static tm_node *window_table(tm_builder *b, const char *name, int h, int w, int heads, int extra)
{
    tm_param_attrs attrs = {
        .trained = true, .fit = TM_FIT_WINDOW, .prefix = extra, .grid_h = h, .grid_w = w};
    int64_t offsets = (2 * (int64_t)h - 1) * (2 * w - 1);
    return new_param(b, name, 2, (int64_t[]){offsets + extra, heads}, attrs);
}

tm_node *tm_window_table(tm_builder *b, const char *name, int h, int w, int heads)
{
    return window_table(b, name, h, w, heads, 0);
}

tm_node *tm_window_token_table(tm_builder *b, const char *name, int h, int w, int heads)
{
    return window_table(b, name, h, w, heads, 3);
}

tm_node *tm_distance_biases(tm_builder *b, const char *name, int heads, int side)
{
    tm_param_attrs attrs = {
        .trained = true, .fit = TM_FIT_DISTANCES, .grid_h = side, .grid_w = side};
    return new_param(b, name, 2, (int64_t[]){heads, (int64_t)side * side}, attrs);
}

tm_node *tm_line_table(tm_builder *b, const char *name, int rows, int c)
{
    tm_param_attrs attrs = {.trained = true, .fit = TM_FIT_LINE, .resampling = {.bilinear = true}};
    return new_param(b, name, 2, (int64_t[]){rows, c}, attrs);
}

tm_node *tm_window_head_table(tm_builder *b, const char *name, int h, int w, int heads)
{
    tm_param_attrs attrs = {.trained = true, .fit = TM_FIT_WINDOW, .grid_h = h, .grid_w = w};
    return new_param(b, name, 3, (int64_t[]){heads, 2 * (int64_t)h - 1, 2 * (int64_t)w - 1}, attrs);
}

void tm_resample_as(const tm_graph *graph, const char *param, tm_resampling how)
{
    tm_node *node = tm_find_param(graph, param);
    if (node)
        ((tm_param_attrs *)node->attrs)->resampling = how;
}

tm_node *tm_param1(tm_builder *b, const char *name, int64_t d0)
{
    return tm_param(b, name, 1, (int64_t[]){d0});
}

tm_node *tm_param2(tm_builder *b, const char *name, int64_t d0, int64_t d1)
{
    return tm_param(b, name, 2, (int64_t[]){d0, d1});
}

tm_node *tm_param3(tm_builder *b, const char *name, int64_t d0, int64_t d1, int64_t d2)
{
    return tm_param(b, name, 3, (int64_t[]){d0, d1, d2});
}

tm_node *tm_param4(tm_builder *b, const char *name, int64_t d0, int64_t d1, int64_t d2, int64_t d3)
{
    return tm_param(b, name, 4, (int64_t[]){d0, d1, d2, d3});
}

void tm_unused_param(tm_builder *b, const char *name, int rank, const int64_t *dims, bool trained)
{
    new_param(b, name, rank, dims, (tm_param_attrs){.trained = trained, .unused = true});
}

tm_node *tm_literal(tm_builder *b, int rank, const int64_t *dims, const float *data)
{
    tm_node *node = tm_constant(b, &tm_op_literal, "literal", NULL, 0, 0, NULL, rank, dims);
    size_t bytes = (size_t)tm_element_count(node) * sizeof *data;
    float *copy = tm_arena_alloc(&b->graph->arena, bytes);
    if (copy)
        memcpy(copy, data, bytes);
    else
        tm_fail(&b->graph->error, TM_NO_MEMORY, "no memory for a constant of the model");
    node->attrs = copy;
    return node;
}

static bool literal_evaluate(const tm_node *node, const float *const *inputs, int64_t row,
                             int64_t rows, float *out)
{
    (void)inputs, (void)row, (void)rows;
    memcpy(out, node->attrs, (size_t)tm_element_count(node) * sizeof *out);
    return true;
}

const tm_op tm_op_param = {.name = "param", .stored = true};
const tm_op tm_op_literal = {.name = "literal", .evaluate = literal_evaluate};
