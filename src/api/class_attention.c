/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the token that the classifier reads takes of each patch in the last attention before it
 * (https://arxiv.org/abs/2104.14294 draws it). That attention is found, not named by the families:
 * from the scores back, as long as each step goes from one token to one token.
 */
#include <stdlib.h>

#include "api/model.h"
#include "ops/ops.h"

enum { NONE = -1 };

/* How far the scores were followed. */
typedef struct trace {
    const tm_graph *graph;
    int *tokens;           /* of each node the one that the scores are made of, or NONE */
    bool *needed;          /* by the attention */
    const tm_node *attend; /* the last one; NULL: there is none */
    const tm_node *other;  /* joins tokens, too, and not for that one; NULL: nothing does */
} trace;

static int count_tokens(const tm_node *node)
{
    return node->shape.h * node->shape.w;
}

static bool is_linear(const tm_node *node)
{
    const tm_conv_attrs *attrs = node->attrs;
    return attrs->kernel_h == 1 && attrs->kernel_w == 1 && attrs->stride == 1;
}

/* Whether each of its tokens is made of no more than one token of each input. */
static bool keeps_tokens(const tm_node *node)
{
    static const tm_op *const ops[] = {
        &tm_op_act,      &tm_op_affine,   &tm_op_binary, &tm_op_constant_activation,
        &tm_op_concat_c, &tm_op_concat_w, &tm_op_rotate, &tm_op_slice_c,
        &tm_op_slice_w};
    if (node->op == &tm_op_conv2d)
        return is_linear(node);
    if (node->op == &tm_op_norm)
        return ((const tm_norm_attrs *)node->attrs)->kind != TM_NORM_GROUP;
    if (node->op == &tm_op_reshape)
        return count_tokens(node) == count_tokens(node->inputs[0]);
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (node->op == ops[i])
            return true;
    return false;
}

/* The token of input i that is in a node's token; NONE, or beyond the input's: none is. */
static int token_of_input(const tm_node *node, int i, int token)
{
    int channel, first;
    if (node->op == &tm_op_slice_w)
        return token + ((const tm_slice_attrs *)node->attrs)->begin;
    if (node->op == &tm_op_concat_w) {
        node->op->part_offset(node, i, &channel, &first);
        return token - first;
    }
    return count_tokens(node->inputs[i]) == 1 ? 0 : token;
}

static void follow_inputs(trace *t, const tm_node *node)
{
    for (int i = 0; i < node->input_count; i++) {
        const tm_node *input = node->inputs[i];
        int token = token_of_input(node, i, t->tokens[node->id]), *known = &t->tokens[input->id];
        if (!input->constant && token >= 0 && token < count_tokens(input) &&
            (*known == NONE || token < *known))
            *known = token;
    }
}

/* Users before inputs: the first node that joins tokens is the last one that computes. Of a
 * teacher's token beside the class's, the latter counts, which stands before it. */
static void follow(trace *t, const tm_node *scores)
{
    t->tokens[scores->id] = 0;
    for (int i = scores->id; i >= 0 && !t->other; i--) {
        const tm_node *node = t->graph->nodes[i];
        if (t->tokens[i] == NONE)
            continue;
        if (keeps_tokens(node)) {
            follow_inputs(t, node);
        } else if (!t->attend && node->op == &tm_op_attend) {
            t->attend = node;
            t->needed[i] = true;
            tm_graph_mark_needed(t->graph, t->needed);
        } else if (!t->needed[i]) {
            t->other = node;
        }
    }
}

static tm_status refuse(const tm_model *model, const char *why, const tm_node *node,
                        tm_error *error)
{
    return tm_fail(error, TM_USAGE,
                   "%s has no attention of a class token: its scores would have to come from one "
                   "token of one attention, and %s (%s)",
                   model->display, why, node->op ? node->op->name : "input");
}

/* Patches are the last keys. Before them stand the prefix that the model's blocks tell, or a class
 * token that joins them late, or nothing, where a token of no picture asks. */
static bool has_patches(const tm_model *model, const trace *t, const tm_tap *map)
{
    const tm_graph *graph = &model->graph;
    const tm_tap *prefix = tm_graph_tap(graph, TM_TAP_PREFIX, map->index);
    const tm_node *q = t->attend->inputs[0], *k = t->attend->inputs[1];
    int before = k->shape.w - count_tokens(map->node);
    bool alone = q->shape.w == 1 && k->shape.w > 1;
    if (!alone && t->tokens[t->attend->id] >= before)
        return false;
    return before == (prefix ? prefix->node->shape.w : 1) || (alone && before == 0);
}

static tm_status check(const tm_model *model, const trace *t, const tm_tap *map, tm_error *error)
{
    if (!t->attend && !t->other)
        return refuse(model, "nothing joins tokens", model->graph.input, error);
    if (!t->attend)
        return refuse(model, "something else joins tokens behind it", t->other, error);
    if (t->other)
        return refuse(model, "something joins tokens beside it", t->other, error);
    const tm_attend_attrs *attrs = t->attend->attrs;
    if (t->attend->shape.h > 1 || attrs->mask || attrs->places || attrs->mixed)
        return refuse(model, "that is an attention of parts of a map", t->attend, error);
    if (!map || map->layout != TM_LAYOUT_MAP || !has_patches(model, t, map))
        return refuse(model, "its tokens are not the patches of the last map", t->attend, error);
    return TM_OK;
}

static void add(tm_model *model, const trace *t, const tm_shape grid)
{
    tm_builder *b = &model->builder;
    const tm_node *q = t->attend->inputs[0];
    tm_push(b, TM_CLASS_ATTENTION);
    tm_node *x = tm_attention_of(b, t->attend, q->shape.w > 1 ? t->tokens[t->attend->id] : 0);
    x = tm_slice_c(b, x, x->shape.c - grid.h * grid.w, grid.h * grid.w);
    tm_pop(b);
    tm_tap_output(b, TM_TAP_CLASS_ATTENTION, tm_reshape(b, x, grid.h, grid.w, 1), TM_LAYOUT_MAP);
}

static tm_status find_and_add(tm_model *model, trace *t, tm_error *error)
{
    const tm_graph *graph = t->graph;
    int maps = tm_graph_tap_count(graph, TM_TAP_INTERMEDIATE);
    const tm_tap *map = maps ? tm_graph_tap(graph, TM_TAP_INTERMEDIATE, maps - 1) : NULL;
    for (int i = 0; i < graph->node_count; i++)
        t->tokens[i] = NONE;
    follow(t, tm_graph_tap(graph, TM_TAP_LOGITS, 0)->node);
    tm_status status = check(model, t, map, error);
    if (!status)
        add(model, t, map->node->shape);
    return status;
}

tm_status tm_model_add_class_attention(tm_model *model, tm_error *error)
{
    size_t count = (size_t)model->graph.node_count;
    if (!tm_graph_tap(&model->graph, TM_TAP_LOGITS, 0) || !model->options.num_classes)
        return tm_fail(error, TM_USAGE, "%s has no classifier, so no token that it reads",
                       model->display);
    trace t = {.graph = &model->graph,
               .tokens = malloc(count * sizeof *t.tokens),
               .needed = calloc(count, sizeof *t.needed)};
    tm_status status = t.tokens && t.needed
                           ? find_and_add(model, &t, error)
                           : tm_fail(error, TM_NO_MEMORY, "no memory for %zu nodes", count);
    free(t.tokens);
    free(t.needed);
    return status;
}
