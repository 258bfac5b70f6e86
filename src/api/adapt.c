/* SPDX-License-Identifier: Apache-2.0 */
#include "api/adapt.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/ops.h"
#include "weights/formula.h"

/* The parameter as the file has it. */
static tm_node *file_param(tm_model *model, const tm_node *param, const tm_tensor_view *view)
{
    tm_param_attrs attrs = {.trained = true};
    return tm_constant(&model->builder, &tm_op_param, param->name, &attrs, sizeof attrs, 0, NULL,
                       view->rank, view->shape);
}

/* Everything that used the parameter uses the constant instead. */
static void become(tm_node *param, const tm_node *constant)
{
    int id = param->id;
    *param = *constant;
    param->id = id;
}

/* Calls act for NAME.weight and NAME.bias of each module in a list separated by commas. */
static void each_module(const char *list, void (*act)(void *context, const char *module),
                        void *context)
{
    char module[256];
    for (const char *p = list; *p;) {
        size_t n = strcspn(p, ",");
        if (n < sizeof module) {
            memcpy(module, p, n);
            module[n] = '\0';
            act(context, module);
        }
        p += n + (p[n] == ',');
    }
}

typedef struct adaptation {
    tm_model *model;
    const tm_weights *weights;
} adaptation;

/* Eight times the side. A file may state more with a few bytes, and the stored parameter is read
 * as a whole. */
enum { LARGER_MOST = 64 };

/* The file's tensor, where it is of a size that an adaptation may begin from. */
static const tm_tensor_view *find_stored(const adaptation *a, const tm_node *param)
{
    const tm_tensor_view *view = tm_weights_find(a->weights, param->name);
    bool sane = view && tm_view_elements(view) / LARGER_MOST <= (size_t)tm_element_count(param);
    return sane ? view : NULL;
}

/* ---- convolutions ---- */

/* Another kernel where it is a patch embedding; other input channels where `base`, the channels of
 * a picture that the checkpoint was trained on, is not 0. */
static void adapt_conv(const adaptation *a, tm_node *param, int64_t base)
{
    const tm_param_attrs *attrs = param->attrs;
    const tm_tensor_view *view = find_stored(a, param);
    if (!view || param->rank != 4 || view->rank != 4 || param->dims[0] != view->shape[0])
        return;
    int64_t from = view->shape[1], to = param->dims[1];
    bool kernel = memcmp(param->dims + 2, view->shape + 2, 2 * sizeof *view->shape) != 0;
    if ((kernel && (attrs->fit != TM_FIT_PATCH || view->shape[2] < 1 || view->shape[3] < 1)) ||
        (from != to && (base < 1 || (from != base && to * base != from))) ||
        (!kernel && from == to))
        return;
    tm_node *node = file_param(a->model, param, view);
    if (kernel)
        node =
            tm_const_resample_patch(&a->model->builder, node, param->dims + 2, attrs->resampling);
    if (from != to)
        node = tm_const_adapt_channels(&a->model->builder, node, base, to);
    become(param, node);
}

static void adapt_first_conv(void *context, const char *module)
{
    const adaptation *a = context;
    char name[300];
    snprintf(name, sizeof name, "%s.weight", module);
    tm_node *param = tm_find_param(&a->model->graph, name);
    if (param)
        adapt_conv(a, param, a->model->resolved.config.input_size[0]);
}

/* ---- position embeddings ---- */

/* Side of a square of `count`; 0: it is none. */
static int square_side(int64_t count)
{
    int side = count > 0 && count < INT32_MAX ? (int)(sqrt((double)count) + 0.5) : 0;
    return (int64_t)side * side == count ? side : 0;
}

/* The grid that the checkpoint's own pictures and patches make, where it has as many tokens. */
static bool trained_grid(const adaptation *a, int64_t tokens, int grid[2])
{
    const tm_tensor_view *patch = tm_weights_find(a->weights, "patch_embed.proj.weight");
    const int *size = a->model->resolved.config.input_size;
    if (!patch || patch->rank != 4 || patch->shape[2] < 1 || patch->shape[3] < 1)
        return false;
    grid[0] = (int)(size[1] / patch->shape[2]);
    grid[1] = (int)(size[2] / patch->shape[3]);
    return (int64_t)grid[0] * grid[1] == tokens;
}

static void adapt_grid(const adaptation *a, tm_node *param)
{
    const tm_param_attrs *attrs = param->attrs;
    const tm_tensor_view *view = find_stored(a, param);
    if (!view || view->rank != 3 || view->shape[0] != 1 || view->shape[2] != param->dims[2])
        return;
    int64_t tokens = view->shape[1] - attrs->prefix;
    int from[2], to[2] = {attrs->grid_h, attrs->grid_w};
    bool known = trained_grid(a, tokens, from);
    if (view->shape[1] == param->dims[1] && (!known || memcmp(from, to, sizeof to) == 0))
        return;
    if (!known)
        from[0] = from[1] = square_side(tokens);
    if (from[0] < 1)
        return;
    tm_node *stored = file_param(a->model, param, view);
    become(param, tm_const_resample_grid(&a->model->builder, stored, attrs->prefix, from, to,
                                         attrs->resampling));
}

static void adapt_window(const adaptation *a, tm_node *param)
{
    const tm_param_attrs *attrs = param->attrs;
    const tm_tensor_view *view = find_stored(a, param);
    int side = view && view->rank == 2 && view->shape[1] == param->dims[1]
                   ? square_side(view->shape[0] - attrs->prefix)
                   : 0;
    int window = (side + 1) / 2, to[2] = {attrs->grid_h, attrs->grid_w};
    if (side % 2 == 0 || (window == to[0] && window == to[1]))
        return;
    tm_builder *b = &a->model->builder;
    tm_node *stored = file_param(a->model, param, view), *parts[2] = {stored};
    int64_t offsets = view->shape[0] - attrs->prefix;
    if (attrs->prefix)
        parts[0] = tm_const_slice(b, stored, 0, 0, offsets);
    parts[0] = tm_const_resample_window(b, parts[0], (int[]){window, window}, to);
    if (attrs->prefix)
        parts[1] = tm_const_slice(b, stored, 0, offsets, attrs->prefix);
    become(param, attrs->prefix ? tm_const_concat(b, 2, parts, 0) : parts[0]);
}

static void adapt_flat(const adaptation *a, tm_node *param)
{
    const tm_tensor_view *view = find_stored(a, param);
    if (view && view->rank == 4 && view->shape[0] == param->dims[0] &&
        tm_view_elements(view) == (size_t)tm_element_count(param))
        become(param, tm_const_reshape(&a->model->builder, file_param(a->model, param, view), 2,
                                       param->dims));
}

/* As a picture of every head. */
static void adapt_distances(const adaptation *a, tm_node *param)
{
    const tm_param_attrs *attrs = param->attrs;
    const tm_tensor_view *view = find_stored(a, param);
    int64_t heads = param->dims[0], count = param->dims[1];
    int side = view && view->rank == 2 && view->shape[0] == heads ? square_side(view->shape[1]) : 0;
    if (side < 1 || view->shape[1] == count)
        return;
    tm_builder *b = &a->model->builder;
    tm_node *grid = tm_const_permute(b, file_param(a->model, param, view), (int[]){1, 0});
    grid = tm_const_reshape(b, grid, 3, (int64_t[]){1, view->shape[1], heads});
    grid = tm_const_resample_grid(b, grid, 0, (int[]){side, side},
                                  (int[]){attrs->grid_h, attrs->grid_w}, attrs->resampling);
    grid = tm_const_reshape(b, grid, 2, (int64_t[]){count, heads});
    become(param, tm_const_permute(b, grid, (int[]){1, 0}));
}

/* As a picture one pixel wide. */
static void adapt_line(const adaptation *a, tm_node *param)
{
    const tm_param_attrs *attrs = param->attrs;
    const tm_tensor_view *view = find_stored(a, param);
    int64_t to = param->dims[0], c = param->dims[1];
    if (!view || view->rank != 2 || view->shape[1] != c || view->shape[0] == to ||
        view->shape[0] < 1)
        return;
    tm_builder *b = &a->model->builder;
    tm_node *grid = file_param(a->model, param, view);
    grid = tm_const_reshape(b, grid, 3, (int64_t[]){1, view->shape[0], c});
    grid = tm_const_resample_grid(b, grid, 0, (int[]){(int)view->shape[0], 1}, (int[]){(int)to, 1},
                                  attrs->resampling);
    become(param, tm_const_reshape(b, grid, 2, (int64_t[]){to, c}));
}

/* A side of a window whose table has `count` offsets along it; 0: it is none. */
static int window_side(int64_t count)
{
    return count > 0 && count < INT32_MAX && count % 2 ? (int)(count + 1) / 2 : 0;
}

/* A table that has the heads first. */
static void adapt_head_window(const adaptation *a, tm_node *param)
{
    const tm_param_attrs *attrs = param->attrs;
    const tm_tensor_view *view = find_stored(a, param);
    if (!view || view->rank != 3 || view->shape[0] != param->dims[0])
        return;
    int from[2] = {window_side(view->shape[1]), window_side(view->shape[2])};
    int to[2] = {attrs->grid_h, attrs->grid_w};
    if (!from[0] || !from[1] || memcmp(from, to, sizeof to) == 0)
        return;
    tm_builder *b = &a->model->builder;
    int64_t heads = param->dims[0], offsets = view->shape[1] * view->shape[2];
    tm_node *table = file_param(a->model, param, view);
    table = tm_const_reshape(b, table, 2, (int64_t[]){heads, offsets});
    table = tm_const_permute(b, table, (int[]){1, 0});
    table = tm_const_resample_window(b, table, from, to);
    table = tm_const_permute(b, table, (int[]){1, 0});
    become(param, tm_const_reshape(b, table, 3, param->dims));
}

static void adapt_param(const adaptation *a, tm_node *param)
{
    switch (((const tm_param_attrs *)param->attrs)->fit) {
    case TM_FIT_EXACT:
        break;
    case TM_FIT_GRID:
        adapt_grid(a, param);
        break;
    case TM_FIT_PATCH:
        adapt_conv(a, param, 0);
        break;
    case TM_FIT_FLAT:
        adapt_flat(a, param);
        break;
    case TM_FIT_DISTANCES:
        adapt_distances(a, param);
        break;
    case TM_FIT_LINE:
        adapt_line(a, param);
        break;
    case TM_FIT_WINDOW:
        (param->rank == 3 ? adapt_head_window : adapt_window)(a, param);
        break;
    }
}

/* ---- classifier ---- */

typedef struct head_query {
    const char *name;
    bool found;
} head_query;

static void match_head(void *context, const char *module)
{
    head_query *q = context;
    size_t n = strlen(module);
    q->found = q->found || (n && strncmp(q->name, module, n) == 0 && q->name[n] == '.');
}

bool tm_is_head(const tm_model *model, const char *name)
{
    head_query q = {.name = name};
    each_module(model->resolved.config.classifier, match_head, &q);
    return q.found;
}

static void match_enclosing(void *context, const char *module)
{
    head_query *q = context;
    const char *dot = strrchr(module, '.');
    q->found = q->found || (dot && strncmp(q->name, module, (size_t)(dot - module) + 1) == 0);
}

/* Whether it lies in the module that encloses a classifier. */
static bool is_beside_head(const tm_model *model, const char *name)
{
    head_query q = {.name = name};
    each_module(model->resolved.config.classifier, match_enclosing, &q);
    return q.found;
}

static bool has_param(const tm_graph *graph, const char *name)
{
    for (int i = 0; i < graph->node_count; i++)
        if (graph->nodes[i]->op == &tm_op_param && strcmp(graph->nodes[i]->name, name) == 0)
            return true;
    return false;
}

bool tm_is_dropped_head(const tm_model *model, const char *name)
{
    bool headless = model->options.num_classes == 0;
    if ((headless || model->options.drop_head) && tm_is_head(model, name))
        return true;
    return headless && is_beside_head(model, name) && !has_param(&model->graph, name);
}

tm_status tm_param_from_formula(tm_node *param, tm_builder *b, tm_error *error)
{
    size_t count = (size_t)tm_element_count(param);
    float *values = tm_arena_alloc(&b->graph->arena, count * sizeof *values);
    if (!values)
        return tm_fail(error, TM_NO_MEMORY, "%s: no memory for its values", param->name);
    tm_formula_fill(param->name, param->rank, param->dims, 0, 1.0, 0, count, values);
    param->op = &tm_op_literal;
    param->attrs = values;
    return TM_OK;
}

tm_status tm_adapt(tm_model *model, const tm_weights *weights, tm_error *error)
{
    adaptation a = {model, weights};
    tm_graph *graph = &model->graph;
    int count = graph->node_count;
    tm_status status = TM_OK;
    if (tm_weights_is_formula(weights))
        return TM_OK;
    each_module(model->resolved.config.first_conv, adapt_first_conv, &a);
    for (int i = 0; i < count && !status; i++) {
        tm_node *node = graph->nodes[i];
        if (node->op != &tm_op_param)
            continue;
        if (model->options.drop_head && tm_is_head(model, node->name))
            status = tm_param_from_formula(node, &model->builder, error);
        else
            adapt_param(&a, node);
    }
    return status ? status : tm_model_check_graph(model, error);
}
