/* SPDX-License-Identifier: Apache-2.0 */
/* timm's cpubone.py: CPUBone (2603.26425). */
#include <stdio.h>
#include <string.h>

#include "models/filters.h"
#include "models/lowformer.h"
#include "models/model.h"

/* clang-format off */
static const tm_lowformer variants[] = {
    {.name = "cpubone_nano", .width = 12, .depths = {0, 1, 1, 1, 2}},
    {.name = "cpubone_t0", .width = 12, .depths = {0, 1, 1, 2, 3}},
    {.name = "cpubone_s0", .width = 14, .depths = {0, 1, 1, 2, 3}},
    {.name = "cpubone_b0_bfrobust", .width = 16, .depths = {0, 1, 1, 3, 4}, .norm_expand = true,
     .norm_depthwise = true},
    {.name = "cpubone_b1_bfrobust", .width = 16, .depths = {0, 1, 1, 5, 5}, .down = 6,
     .norm_expand = true, .norm_depthwise = true},
    {.name = "cpubone_b1_dwnorm", .width = 16, .depths = {0, 1, 1, 5, 5}, .down = 6,
     .norm_depthwise = true},
    {.name = "cpubone_b2_bfrobust", .width = 20, .depths = {0, 1, 1, 6, 6}, .wide_head = true,
     .down = 6, .norm_expand = true, .norm_depthwise = true},
    {.name = "cpubone_b2pt5_dwnorm", .width = 24, .depths = {0, 1, 1, 6, 6}, .wide_head = true,
     .down = 6, .norm_depthwise = true},
    {.name = "cpubone_b3", .width = 32, .depths = {1, 2, 3, 6, 6}, .down = 6},
};
/* clang-format on */

static void build(tm_builder *b, const void *variant)
{
    static const tm_lowformer_kind kind = {.attn = "total.0.0",
                                           .mlp = "total.0.1",
                                           .local = "total.1",
                                           .in_conv = "head.in_conv",
                                           .linear = "head.pre_classifier.linear",
                                           .norm = "head.pre_classifier.norm",
                                           .classifier = "head.classifier.linear",
                                           .groups = 2,
                                           .small = true,
                                           .average_only = true};
    tm_lowformer_build(b, variant, &kind);
}

/* What a bias before a norm adds, the norm's mean takes off. */
static void fold_bias(tm_state_dict *dict, const tm_tensor_view *bias, const tm_graph *graph)
{
    const char *end = strstr(bias->name, ".conv.");
    char mean[256];
    snprintf(mean, sizeof mean, "%.*s.norm.running_mean", (int)(end - bias->name), bias->name);
    tm_tensor_view *view = tm_state_find(dict, mean);
    const tm_node *param = tm_find_param(graph, mean);
    if (view && param)
        tm_subtract_vector(dict, view, bias, param->dims[0]);
}

static bool is_expanding_bias(const char *name)
{
    static const char *const ends[] = {".inverted_conv.conv.bias", ".depth_conv.conv.bias",
                                       ".inverted_conv.conv.1.bias", ".depth_conv.conv.1.bias"};
    size_t length = strlen(name);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (length > strlen(ends[i]) && strcmp(name + length - strlen(ends[i]), ends[i]) == 0)
            return true;
    return false;
}

static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    static const tm_replacement names[] = {{".conv_proj.0.", ".conv_proj.conv."},
                                           {".conv_proj.1.", ".conv_proj.norm."},
                                           {".pwise.0.", ".pwise."},
                                           {"head.op_list.0.", "head.in_conv."},
                                           {"head.op_list.2.", "head.pre_classifier."},
                                           {"head.op_list.3.", "head.classifier."},
                                           {"backbone.input_stem.", "stem."},
                                           {"backbone.stages.", "stages."},
                                           {".op_list.", "."}};
    const tm_lowformer *v = variant;
    if (tm_state_find(dict, "stem.0.conv.weight"))
        return;
    tm_replace_all(dict, names, sizeof names / sizeof *names);
    for (size_t i = v->norm_expand ? dict->count : 0; i-- > 0;) {
        tm_tensor_view bias = dict->tensors[i];
        if (!is_expanding_bias(bias.name))
            continue;
        fold_bias(dict, &bias, graph);
        tm_state_drop(dict, &dict->tensors[i]);
    }
}

const tm_family tm_family_cpubone = {
    .module = "cpubone", TM_VARIANTS(variants), .build = build, .filter = filter};
