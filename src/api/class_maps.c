/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Class activation maps (https://arxiv.org/abs/1512.04150). Where the classifier is a linear layer
 * on the mean of the last map, the mean may as well be taken of what the layer makes of each place:
 * these are the maps. The layer stands in the graph twice, with one weight.
 */
#include <string.h>

#include "api/model.h"
#include "ops/ops.h"

static int64_t count_elements(const tm_node *node)
{
    return (int64_t)node->shape.h * node->shape.w * node->shape.c;
}

/* Past what moves and changes nothing. */
static tm_node *skip_views(tm_node *node)
{
    while (node->op && node->op->view && count_elements(node) == count_elements(node->inputs[0]))
        node = node->inputs[0];
    return node;
}

static bool is_linear(const tm_node *node)
{
    if (node->op != &tm_op_conv2d)
        return false;
    const tm_conv_attrs *attrs = node->attrs;
    return attrs->kernel_h == 1 && attrs->kernel_w == 1 && attrs->groups == 1 &&
           attrs->stride == 1 && node->shape.h == 1 && node->shape.w == 1;
}

static bool is_mean(const tm_node *node)
{
    return node->op == &tm_op_reduce_hw &&
           ((const tm_reduce_attrs *)node->attrs)->kind == TM_REDUCE_AVG;
}

static tm_status refuse(const tm_model *model, const char *why, const tm_node *node,
                        tm_error *error)
{
    return tm_fail(
        error, TM_USAGE,
        "%s has no class activation maps: its classifier would have to be a linear layer "
        "on the mean of a map, and %s (%s)",
        model->display, why, node->op ? node->op->name : "input");
}

static tm_status find(const tm_model *model, const tm_node **classifier, tm_node **map,
                      tm_error *error)
{
    const tm_tap *logits = tm_graph_tap(&model->graph, TM_TAP_LOGITS, 0);
    if (!logits || !model->options.num_classes)
        return tm_fail(error, TM_USAGE, "%s has no classifier, so no class activation maps",
                       model->display);
    *classifier = skip_views(logits->node);
    if (!is_linear(*classifier))
        return refuse(model, "its scores come from something else", *classifier, error);
    tm_node *pooled = skip_views((*classifier)->inputs[0]);
    if (pooled->op == &tm_op_slice_w)
        return refuse(model, "it reads one token", pooled, error);
    if (!is_mean(pooled))
        return refuse(model, "something stands between", pooled, error);
    *map = pooled->inputs[0];
    if ((*map)->shape.h * (*map)->shape.w == 1)
        return refuse(model, "that has one place", *map, error);
    return TM_OK;
}

tm_status tm_model_add_class_maps(tm_model *model, tm_error *error)
{
    const tm_node *classifier = NULL;
    tm_node *map = NULL;
    tm_status status = find(model, &classifier, &map, error);
    if (status)
        return status;
    const tm_conv_attrs *attrs = classifier->attrs;
    tm_conv conv = {
        .out = classifier->shape.c, .kernel = 1, .linear = classifier->inputs[1]->rank == 2};
    tm_node *maps = tm_conv2d_with(&model->builder, TM_CLASS_MAPS, map, classifier->inputs[1],
                                   attrs->bias ? classifier->inputs[2] : NULL, conv);
    tm_tap_output(&model->builder, TM_TAP_CLASS_MAPS, maps,
                  map->shape.h > 1 ? TM_LAYOUT_MAP : TM_LAYOUT_TOKENS);
    return TM_OK;
}
