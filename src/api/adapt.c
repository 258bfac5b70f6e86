/* SPDX-License-Identifier: Apache-2.0 */
#include "api/adapt.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/ops.h"
#include "weights/formula.h"

static bool same_dims(const tm_node *param, const tm_tensor_view *view)
{
    bool same = param->rank == view->rank;
    for (int i = 0; i < param->rank && same; i++)
        same = param->dims[i] == view->shape[i];
    return same;
}

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

/* ---- input channels ---- */

static void adapt_first_conv(void *context, const char *module)
{
    const adaptation *a = context;
    char name[300];
    snprintf(name, sizeof name, "%s.weight", module);
    tm_node *param = tm_find_param(&a->model->graph, name);
    const tm_tensor_view *view = tm_weights_find(a->weights, name);
    if (!param || !view || param->rank != 4 || view->rank != 4 || same_dims(param, view) ||
        param->dims[0] != view->shape[0] || param->dims[2] != view->shape[2] ||
        param->dims[3] != view->shape[3])
        return;
    int64_t base = a->model->resolved.config.input_size[0], from = view->shape[1];
    int64_t to = param->dims[1];
    if (base < 1 || (from != base && to * base != from))
        return;
    tm_node *stored = file_param(a->model, param, view);
    become(param, tm_const_adapt_channels(&a->model->builder, stored, base, to));
}

/* ---- position embedding ---- */

static void adapt_grid(const adaptation *a, tm_node *param)
{
    const tm_param_attrs *attrs = param->attrs;
    const tm_tensor_view *view = tm_weights_find(a->weights, param->name);
    if (!view || view->rank != 3 || view->shape[0] != 1 || view->shape[2] != param->dims[2])
        return;
    int64_t tokens = view->shape[1] - attrs->prefix;
    int side = tokens > 0 ? (int)(sqrt((double)tokens) + 0.5) : 0;
    if ((int64_t)side * side != tokens || !side || (side == attrs->grid_h && side == attrs->grid_w))
        return;
    tm_node *stored = file_param(a->model, param, view);
    int to[2] = {attrs->grid_h, attrs->grid_w};
    become(param, tm_const_resample_grid(&a->model->builder, stored, attrs->prefix,
                                         (int[]){side, side}, to));
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

static bool is_head(const tm_model *model, const char *name)
{
    head_query q = {.name = name};
    each_module(model->resolved.config.classifier, match_head, &q);
    return q.found;
}

bool tm_is_dropped_head(const tm_model *model, const char *name)
{
    return (model->options.num_classes == 0 || model->options.drop_head) && is_head(model, name);
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
        if (((const tm_param_attrs *)node->attrs)->grid_h)
            adapt_grid(&a, node);
        else if (model->options.drop_head && is_head(model, node->name))
            status = tm_param_from_formula(node, &model->builder, error);
    }
    return status;
}
