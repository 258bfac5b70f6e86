/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/info_graph.h"

#include <string.h>

#include "base/escape.h"
#include "cli/info.h"
#include "graph/op.h"
#include "output/json.h"

/* ---- outputs ---- */

static void print_shape(tm_buffer *out, const tm_output *o)
{
    tm_buffer_putc(out, '[');
    for (int i = 0; i < o->rank; i++)
        tm_buffer_printf(out, "%s%lld", i ? "," : "", (long long)o->shape[i]);
    tm_buffer_putc(out, ']');
}

static bool is_kind(const tm_output *o, const char *kind)
{
    size_t n = strlen(kind);
    return strncmp(o->name, kind, n) == 0 && o->name[n] == '.';
}

static long long channels_of(const tm_output *o)
{
    return (long long)o->shape[o->channel_axis];
}

static void outputs_text(tm_buffer *out, const tm_model *model, const char *kind)
{
    for (size_t i = 0; i < tm_model_available(model); i++) {
        tm_output o;
        tm_model_describe(model, i, &o, NULL);
        if (!is_kind(&o, kind))
            continue;
        tm_buffer_printf(out, "  %3d  %-24s %5lld channels", o.index,
                         is_kind(&o, "features") ? o.module : "", channels_of(&o));
        if (o.reduction)
            tm_buffer_printf(out, "  1/%-4d", o.reduction);
        tm_buffer_puts(out, "  ");
        print_shape(out, &o);
        tm_buffer_putc(out, '\n');
    }
}

static void outputs_json(tm_buffer *out, const tm_model *model, const char *kind)
{
    bool first = true;
    tm_buffer_putc(out, '[');
    for (size_t i = 0; i < tm_model_available(model); i++) {
        tm_output o;
        tm_model_describe(model, i, &o, NULL);
        if (!is_kind(&o, kind))
            continue;
        tm_buffer_printf(out, "%s{\"index\":%d", first ? "" : ",", o.index);
        if (o.module)
            tm_info_member(out, "module", o.module);
        tm_buffer_printf(out, ",\"channels\":%lld", channels_of(&o));
        if (o.reduction)
            tm_buffer_printf(out, ",\"reduction\":%d", o.reduction);
        tm_buffer_puts(out, ",\"shape\":");
        print_shape(out, &o);
        tm_buffer_putc(out, '}');
        first = false;
    }
    tm_buffer_putc(out, ']');
}

/* ---- layers ---- */

static bool is_layer(const tm_node *node)
{
    return !node->constant && node->op;
}

static void layers_text(tm_buffer *out, const tm_graph *graph)
{
    for (int i = 0; i < graph->node_count; i++) {
        const tm_node *node = graph->nodes[i];
        if (!is_layer(node))
            continue;
        double macs = node->op->macs ? node->op->macs(node) : 0;
        tm_buffer_printf(out, "  %5d  %-18s %4dx%-4dx%-5d %10.3f MMACs  %s\n", i, node->op->name,
                         node->shape.h, node->shape.w, node->shape.c, macs * 1e-6, node->name);
    }
}

static void layers_json(tm_buffer *out, const tm_graph *graph)
{
    bool first = true;
    tm_buffer_putc(out, '[');
    for (int i = 0; i < graph->node_count; i++) {
        const tm_node *node = graph->nodes[i];
        if (!is_layer(node))
            continue;
        tm_buffer_printf(out, "%s{\"id\":%d,\"op\":\"%s\",\"name\":", first ? "" : ",", i,
                         node->op->name);
        tm_json_string(out, node->name);
        tm_buffer_printf(out, ",\"hwc\":[%d,%d,%d],\"inputs\":[", node->shape.h, node->shape.w,
                         node->shape.c);
        for (int k = 0, n = 0; k < node->input_count; k++)
            if (!node->inputs[k]->constant)
                tm_buffer_printf(out, "%s%d", n++ ? "," : "", node->inputs[k]->id);
        tm_buffer_puts(out, "]");
        if (node->op->macs) {
            tm_info_key(out, "macs");
            tm_json_f64(out, node->op->macs(node));
        }
        tm_buffer_putc(out, '}');
        first = false;
    }
    tm_buffer_putc(out, ']');
}

void tm_info_graph_dot(tm_buffer *out, const tm_model *model)
{
    const tm_graph *graph = &model->graph;
    tm_buffer_puts(out, "digraph ");
    tm_json_string(out, model->display);
    tm_buffer_puts(out, " {\n  node [shape=box];\n  n0 [label=\"input\"];\n");
    for (int i = 0; i < graph->node_count; i++) {
        const tm_node *node = graph->nodes[i];
        if (!is_layer(node))
            continue;
        tm_buffer_printf(out, "  n%d [label=\"%s\\n", i, node->op->name);
        tm_text_escaped(out, node->name);
        tm_buffer_printf(out, "\\n%dx%dx%d\"];\n", node->shape.h, node->shape.w, node->shape.c);
        for (int k = 0; k < node->input_count; k++)
            if (!node->inputs[k]->constant)
                tm_buffer_printf(out, "  n%d -> n%d;\n", node->inputs[k]->id, i);
    }
    tm_buffer_puts(out, "}\n");
}

/* ---- all of it ---- */

static tm_status count(const tm_model *model, tm_model_facts *facts, tm_model_memory *memory,
                       tm_error *error)
{
    tm_status status = tm_model_count(model, facts, error);
    return status ? status : tm_model_measure(model, memory, error);
}

tm_status tm_info_graph_text(tm_buffer *out, const tm_model *model, const tm_info_parts *parts,
                             tm_error *error)
{
    tm_model_facts facts;
    tm_model_memory memory;
    tm_status status = count(model, &facts, &memory, error);
    if (status)
        return status;
    tm_buffer_printf(out, "%-15s %lld\n", "params", (long long)facts.params);
    tm_buffer_printf(out, "%-15s %.3f\n", "gmacs", facts.macs * 1e-9);
    tm_buffer_printf(out, "%-15s %.3f M elements\n", "activations", facts.activations * 1e-6);
    if (parts->features) {
        tm_buffer_puts(out, "features\n");
        outputs_text(out, model, "features");
    }
    if (parts->intermediates) {
        tm_buffer_puts(out, "intermediates\n");
        outputs_text(out, model, "image_intermediates");
    }
    if (parts->layers) {
        tm_buffer_puts(out, "layers\n");
        layers_text(out, &model->graph);
    }
    tm_buffer_printf(out, "%-15s weights %.1f MB, activations %.1f MB, %.1f MB in all\n", "memory",
                     tm_mebibytes(memory.weights), tm_mebibytes(memory.activations),
                     tm_mebibytes(memory.total));
    return TM_OK;
}

tm_status tm_info_graph_json(tm_buffer *out, const tm_model *model, const tm_info_parts *parts,
                             tm_error *error)
{
    tm_model_facts facts;
    tm_model_memory memory;
    tm_status status = count(model, &facts, &memory, error);
    if (status)
        return status;
    tm_buffer_printf(out, ",\"params\":%lld,\"gmacs\":", (long long)facts.params);
    tm_json_f64(out, facts.macs * 1e-9);
    tm_buffer_puts(out, ",\"mactivations\":");
    tm_json_f64(out, facts.activations * 1e-6);
    tm_info_key(out, "feature_info");
    outputs_json(out, model, "features");
    if (parts->intermediates) {
        tm_info_key(out, "intermediates");
        outputs_json(out, model, "image_intermediates");
    }
    if (parts->layers) {
        tm_info_key(out, "layers");
        layers_json(out, &model->graph);
    }
    tm_buffer_printf(out, ",\"memory\":{\"weights\":%zu,\"activations\":%zu,\"total\":%zu}",
                     memory.weights, memory.activations, memory.total);
    return TM_OK;
}

tm_status tm_info_pruned(tm_buffer *out, const tm_model *model, const tm_ints *indices, bool norm,
                         bool head, bool json, tm_error *error)
{
    int blocks[TM_INDICES_MAX], count = tm_graph_tap_count(&model->graph, TM_TAP_INTERMEDIATE);
    if (!count)
        return tm_fail(error, TM_USAGE, "%s has no intermediates to keep", model->display);
    tm_status status = tm_resolve_indices(indices, count, "block", model->display, blocks, error);
    if (status)
        return status;
    tm_model_facts facts;
    int64_t after;
    status = tm_model_count(model, &facts, error);
    if (!status)
        status = tm_model_count_pruned(model, blocks, indices->count, norm, head, &after, error);
    if (status)
        return status;
    if (json)
        tm_buffer_puts(out, ",\"pruned\":{\"intermediates\":[");
    else
        tm_buffer_printf(out, "%-15s blocks ", "pruned");
    for (size_t i = 0; i < indices->count; i++)
        tm_buffer_printf(out, "%s%d", i ? "," : "", blocks[i]);
    if (json)
        tm_buffer_printf(out, "],\"params_before\":%lld,\"params_after\":%lld}",
                         (long long)facts.params, (long long)after);
    else
        tm_buffer_printf(out, ": %lld -> %lld parameters\n", (long long)facts.params,
                         (long long)after);
    return TM_OK;
}
