/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/graph.h"

static void out_of_memory(tm_graph *graph)
{
    tm_fail(&graph->error, TM_NO_MEMORY, "no memory for the model's graph");
}

/* Stands in for every node once the builder is out of memory, so that model code needs no checks.
 */
static tm_node *dummy_node(void)
{
    static _Thread_local tm_node dummy;
    dummy = (tm_node){.name = "", .shape = {1, 1, 1}};
    return &dummy;
}

/* The same for names. */
static const char no_name[] = "";

void tm_builder_init(tm_builder *b, tm_graph *graph, const tm_build_options *options)
{
    *graph = (tm_graph){0};
    *b = (tm_builder){.graph = graph, .options = *options};
    tm_buffer_puts(&b->scope, "");
    graph->input = tm_node_new(b, NULL, "input", NULL, 0, 0, NULL);
    graph->input->shape = (tm_shape){options->img_h, options->img_w, options->in_chans};
}

void tm_builder_done(tm_builder *b)
{
    if (b->scope.failed)
        out_of_memory(b->graph);
    tm_buffer_free(&b->scope);
}

void tm_graph_free(tm_graph *graph)
{
    free(graph->nodes);
    free(graph->taps);
    free(graph->params);
    tm_arena_free(&graph->arena);
    *graph = (tm_graph){0};
}

void tm_push(tm_builder *b, const char *format, ...)
{
    if (b->scope_depth == TM_MAX_SCOPES)
        TM_BUG("scopes nested too deep");
    b->scope_lengths[b->scope_depth++] = b->scope.length;
    char part[256];
    va_list args;
    va_start(args, format);
    vsnprintf(part, sizeof part, format, args);
    va_end(args);
    if (b->scope.length && part[0])
        tm_buffer_putc(&b->scope, '.');
    tm_buffer_puts(&b->scope, part);
}

void tm_pop(tm_builder *b)
{
    TM_ASSERT(b->scope_depth > 0);
    b->scope.length = b->scope_lengths[--b->scope_depth];
    if (b->scope.data)
        b->scope.data[b->scope.length] = '\0';
}

void tm_refuse(tm_builder *b, const char *format, ...)
{
    char message[256];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    tm_fail(&b->graph->error, TM_USAGE, "%s", message);
}

void tm_misfit(tm_builder *b, const char *what)
{
    if (!b->options.changed)
        TM_BUG(what);
    tm_refuse(b, "the model's arguments do not go together: %s", what);
}

int tm_option_output_stride(tm_builder *b)
{
    b->asked.output_stride = true;
    return b->options.output_stride;
}

const char *tm_option_global_pool(tm_builder *b)
{
    b->asked.global_pool = true;
    return b->options.global_pool;
}

bool tm_option_norm_intermediates(tm_builder *b)
{
    b->asked.norm_intermediates = true;
    return b->options.norm_intermediates;
}

void tm_refuse_unasked(tm_builder *b)
{
    const tm_build_options *o = &b->options;
    if (o->output_stride != 32 && !b->asked.output_stride)
        tm_refuse(b, "output stride %d: this family has no dilation, only its own stride",
                  o->output_stride);
    if (o->global_pool && !b->asked.global_pool)
        tm_refuse(b, "global pool '%s': this family has no choice of pools", o->global_pool);
    if (o->norm_intermediates && !b->asked.norm_intermediates)
        tm_refuse(b, "norm of intermediates: this model has none that they could go through");
}

const char *tm_scoped(tm_builder *b, const char *name)
{
    bool named = name && name[0];
    const char *scope = tm_buffer_text(&b->scope, &b->graph->error);
    if (!scope)
        return no_name;
    const char *full = tm_arena_printf(&b->graph->arena, "%s%s%s", scope,
                                       scope[0] && named ? "." : "", named ? name : "");
    if (full)
        return full;
    out_of_memory(b->graph);
    return no_name;
}

/* Makes room for one more element of an array that grows by doubling. */
static bool grow(void **array, int count, int *capacity, size_t element)
{
    if (count < *capacity)
        return true;
    int bigger = *capacity ? *capacity * 2 : 64;
    void *moved = realloc(*array, (size_t)bigger * element);
    if (!moved)
        return false;
    *array = moved;
    *capacity = bigger;
    return true;
}

tm_node *tm_node_new(tm_builder *b, const tm_op *op, const char *name, const void *attrs,
                     size_t attrs_size, int input_count, tm_node *const *inputs)
{
    tm_graph *graph = b->graph;
    tm_node *node = tm_arena_alloc(&graph->arena, sizeof *node);
    void *attrs_copy = attrs_size ? tm_arena_alloc(&graph->arena, attrs_size) : NULL;
    tm_node **inputs_copy = tm_arena_alloc(&graph->arena, (size_t)input_count * sizeof *inputs);
    if (!node || (attrs_size && !attrs_copy) || !inputs_copy ||
        !grow((void **)&graph->nodes, graph->node_count, &graph->node_capacity, sizeof node)) {
        out_of_memory(graph);
        return dummy_node();
    }
    if (attrs_size)
        memcpy(attrs_copy, attrs, attrs_size);
    if (input_count)
        memcpy(inputs_copy, inputs, (size_t)input_count * sizeof *inputs);
    *node = (tm_node){.op = op,
                      .name = name,
                      .id = graph->node_count,
                      .type = TM_DTYPE_F32,
                      .inputs = inputs_copy,
                      .input_count = input_count,
                      .attrs = attrs_copy};
    graph->nodes[graph->node_count++] = node;
    return node;
}

/* ---- parameters by name ---- */

/* FNV-1a */
static size_t hash_name(const char *name)
{
    uint64_t h = 0xCBF29CE484222325u;
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 0x100000001B3u;
    return (size_t)h;
}

/* The name's slot: where it stands, or the empty one where it would. */
static tm_node **param_slot(const tm_graph *graph, const char *name)
{
    size_t mask = graph->param_capacity - 1, i = hash_name(name) & mask;
    while (graph->params[i] && strcmp(graph->params[i]->name, name) != 0)
        i = (i + 1) & mask;
    return &graph->params[i];
}

tm_node *tm_find_param(const tm_graph *graph, const char *name)
{
    return graph->param_capacity ? *param_slot(graph, name) : NULL;
}

static bool grow_params(tm_graph *graph)
{
    tm_graph bigger = {.param_capacity = graph->param_capacity ? 2 * graph->param_capacity : 512};
    bigger.params = calloc(bigger.param_capacity, sizeof *bigger.params);
    if (!bigger.params)
        return false;
    for (size_t i = 0; i < graph->param_capacity; i++)
        if (graph->params[i])
            *param_slot(&bigger, graph->params[i]->name) = graph->params[i];
    free(graph->params);
    graph->params = bigger.params;
    graph->param_capacity = bigger.param_capacity;
    return true;
}

void tm_know_param(tm_builder *b, tm_node *param)
{
    tm_graph *graph = b->graph;
    if (2 * graph->param_count >= graph->param_capacity && !grow_params(graph)) {
        out_of_memory(graph);
        return;
    }
    *param_slot(graph, param->name) = param;
    graph->param_count++;
}

static void add_tap(tm_builder *b, tm_tap tap)
{
    tm_graph *graph = b->graph;
    if (!grow((void **)&graph->taps, graph->tap_count, &graph->tap_capacity, sizeof tap)) {
        out_of_memory(graph);
        return;
    }
    graph->taps[graph->tap_count++] = tap;
}

void tm_tap_feature(tm_builder *b, const char *module, tm_node *x, int reduction)
{
    tm_tap_feature_as(b, module, x, reduction, TM_LAYOUT_MAP);
}

void tm_tap_feature_as(tm_builder *b, const char *module, tm_node *x, int reduction,
                       tm_layout layout)
{
    const char *copy = tm_arena_strdup(&b->graph->arena, module);
    if (!copy)
        out_of_memory(b->graph);
    add_tap(b, (tm_tap){.kind = TM_TAP_FEATURE,
                        .index = tm_graph_tap_count(b->graph, TM_TAP_FEATURE),
                        .module = copy ? copy : no_name,
                        .reduction = reduction,
                        .layout = layout,
                        .node = x});
}

void tm_tap_intermediate(tm_builder *b, tm_node *x, tm_layout layout)
{
    int index = tm_graph_tap_count(b->graph, TM_TAP_INTERMEDIATE);
    add_tap(b, (tm_tap){.kind = TM_TAP_INTERMEDIATE, .index = index, .node = x, .layout = layout});
}

void tm_tap_prefix(tm_builder *b, tm_node *x)
{
    int index = tm_graph_tap_count(b->graph, TM_TAP_INTERMEDIATE) - 1;
    add_tap(b,
            (tm_tap){.kind = TM_TAP_PREFIX, .index = index, .node = x, .layout = TM_LAYOUT_TOKENS});
}

void tm_tap_output(tm_builder *b, tm_tap_kind kind, tm_node *x, tm_layout layout)
{
    int index = tm_graph_tap_count(b->graph, kind);
    add_tap(b, (tm_tap){.kind = kind, .index = index, .node = x, .layout = layout});
}

const tm_tap *tm_graph_tap(const tm_graph *graph, tm_tap_kind kind, int index)
{
    for (int i = 0; i < graph->tap_count; i++)
        if (graph->taps[i].kind == kind && graph->taps[i].index == index)
            return &graph->taps[i];
    return NULL;
}

int tm_graph_tap_count(const tm_graph *graph, tm_tap_kind kind)
{
    int count = 0;
    for (int i = 0; i < graph->tap_count; i++)
        count += graph->taps[i].kind == kind;
    return count;
}

bool tm_graph_is_default_feature(const tm_graph *graph, int index)
{
    int count = tm_graph_tap_count(graph, TM_TAP_FEATURE), n = graph->default_features;
    if (graph->chosen_features)
        return graph->chosen_features >> index & 1;
    return n > 0 ? index >= count - n : n == 0 || index < -n;
}
