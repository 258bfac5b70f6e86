/* SPDX-License-Identifier: Apache-2.0 */
/* timm's convnext.py: ConvNeXt (2201.03545) and ConvNeXt V2 (2301.00808). */
#include <stdio.h>
#include <string.h>

#include "layers/classifier.h"
#include "layers/make_divisible.h"
#include "layers/mlp.h"
#include "layers/stages.h"
#include "layers/taps.h"
#include "models/filters.h"
#include "models/model.h"

typedef enum stem_kind {
    PATCH,          /* one 4x4 convolution of stride 4 */
    OVERLAP,        /* two 3x3 of stride 2 */
    OVERLAP_TIERED, /* the first of half the width */
    OVERLAP_ACT     /* an activation between */
} stem_kind;

typedef struct convnext_variant {
    const char *name;
    int depths[4], dims[4], kernels[4] /* 7 */;
    stem_kind stem;
    bool conv_mlp;      /* 1x1 convolutions in place of linear layers */
    bool response_norm; /* in the MLP, in place of layer scale */
    tm_norm_kind norm;  /* LAYER; RMS, SIMPLE */
    float norm_eps;     /* 1e-6 */
    tm_act_kind act;    /* GELU */
    bool norm_first;    /* final norm before the pool */
    int head_hidden;
} convnext_variant;

/* clang-format off */
static const convnext_variant variants[] = {
    {.name = "convnext_atto", .depths = {2, 2, 6, 2}, .dims = {40, 80, 160, 320}, .conv_mlp = true},
    {.name = "convnext_atto_ols", .depths = {2, 2, 6, 2}, .dims = {40, 80, 160, 320},
     .stem = OVERLAP_TIERED, .conv_mlp = true},
    {.name = "convnext_atto_rms", .depths = {2, 2, 6, 2}, .dims = {40, 80, 160, 320},
     .conv_mlp = true, .norm = TM_NORM_RMS},
    {.name = "convnext_base", .depths = {3, 3, 27, 3}, .dims = {128, 256, 512, 1024}},
    {.name = "convnext_femto", .depths = {2, 2, 6, 2}, .dims = {48, 96, 192, 384},
     .conv_mlp = true},
    {.name = "convnext_femto_ols", .depths = {2, 2, 6, 2}, .dims = {48, 96, 192, 384},
     .stem = OVERLAP_TIERED, .conv_mlp = true},
    {.name = "convnext_large", .depths = {3, 3, 27, 3}, .dims = {192, 384, 768, 1536}},
    {.name = "convnext_large_mlp", .depths = {3, 3, 27, 3}, .dims = {192, 384, 768, 1536},
     .head_hidden = 1536},
    {.name = "convnext_nano", .depths = {2, 2, 8, 2}, .dims = {80, 160, 320, 640},
     .conv_mlp = true},
    {.name = "convnext_nano_ols", .depths = {2, 2, 8, 2}, .dims = {80, 160, 320, 640},
     .stem = OVERLAP, .conv_mlp = true},
    {.name = "convnext_pico", .depths = {2, 2, 6, 2}, .dims = {64, 128, 256, 512},
     .conv_mlp = true},
    {.name = "convnext_pico_ols", .depths = {2, 2, 6, 2}, .dims = {64, 128, 256, 512},
     .stem = OVERLAP_TIERED, .conv_mlp = true},
    {.name = "convnext_small", .depths = {3, 3, 27, 3}, .dims = {96, 192, 384, 768}},
    {.name = "convnext_tiny", .depths = {3, 3, 9, 3}, .dims = {96, 192, 384, 768}},
    {.name = "convnext_tiny_hnf", .depths = {3, 3, 9, 3}, .dims = {96, 192, 384, 768},
     .conv_mlp = true, .norm_first = true},
    {.name = "convnext_xlarge", .depths = {3, 3, 27, 3}, .dims = {256, 512, 1024, 2048}},
    {.name = "convnext_xxlarge", .depths = {3, 4, 30, 3}, .dims = {384, 768, 1536, 3072},
     .norm_eps = 1e-5f},
    {.name = "convnext_zepto_rms", .depths = {2, 2, 4, 2}, .dims = {32, 64, 128, 256},
     .conv_mlp = true, .norm = TM_NORM_SIMPLE},
    {.name = "convnext_zepto_rms_ols", .depths = {2, 2, 4, 2}, .dims = {32, 64, 128, 256},
     .stem = OVERLAP_ACT, .conv_mlp = true, .norm = TM_NORM_SIMPLE},
    {.name = "convnextv2_atto", .depths = {2, 2, 6, 2}, .dims = {40, 80, 160, 320},
     .conv_mlp = true, .response_norm = true},
    {.name = "convnextv2_base", .depths = {3, 3, 27, 3}, .dims = {128, 256, 512, 1024},
     .response_norm = true},
    {.name = "convnextv2_femto", .depths = {2, 2, 6, 2}, .dims = {48, 96, 192, 384},
     .conv_mlp = true, .response_norm = true},
    {.name = "convnextv2_huge", .depths = {3, 3, 27, 3}, .dims = {352, 704, 1408, 2816},
     .response_norm = true},
    {.name = "convnextv2_large", .depths = {3, 3, 27, 3}, .dims = {192, 384, 768, 1536},
     .response_norm = true},
    {.name = "convnextv2_nano", .depths = {2, 2, 8, 2}, .dims = {80, 160, 320, 640},
     .conv_mlp = true, .response_norm = true},
    {.name = "convnextv2_pico", .depths = {2, 2, 6, 2}, .dims = {64, 128, 256, 512},
     .conv_mlp = true, .response_norm = true},
    {.name = "convnextv2_small", .depths = {3, 3, 27, 3}, .dims = {96, 192, 384, 768},
     .response_norm = true},
    {.name = "convnextv2_tiny", .depths = {3, 3, 9, 3}, .dims = {96, 192, 384, 768},
     .response_norm = true},
    {.name = "test_convnext", .depths = {1, 2, 4, 2}, .dims = {24, 32, 48, 64}, .norm_eps = 1e-5f,
     .act = TM_ACT_GELU_TANH},
    {.name = "test_convnext2", .depths = {1, 1, 1, 1}, .dims = {32, 64, 96, 128}, .norm_eps = 1e-5f,
     .act = TM_ACT_GELU_TANH},
    {.name = "test_convnext3", .depths = {1, 1, 1, 1}, .dims = {32, 64, 96, 128},
     .kernels = {7, 5, 5, 3}, .norm_eps = 1e-5f, .act = TM_ACT_SILU},
};
/* clang-format on */

typedef struct convnext {
    tm_builder *b;
    const convnext_variant *v;
    tm_norm norm;
    tm_act_kind act;
} convnext;

static tm_node *stem(const convnext *m, tm_node *x)
{
    tm_builder *b = m->b;
    int width = m->v->dims[0];
    tm_push(b, "stem");
    if (m->v->stem == PATCH) {
        x = tm_conv2d(
            b, "0", x,
            (tm_conv){
                .out = width, .kernel = 4, .stride = 4, .padding = TM_PAD_VALID, .bias = true});
        x = tm_normalize(b, "1", x, m->norm);
    } else {
        int first = m->v->stem == OVERLAP_TIERED ? tm_divisible(width / 2, 8, 0.9) : width;
        bool act = m->v->stem == OVERLAP_ACT;
        x = tm_conv2d(b, "0", x, (tm_conv){.out = first, .kernel = 3, .stride = 2, .bias = true});
        if (act)
            x = tm_activate(b, x, m->act);
        x = tm_conv2d(b, act ? "2" : "1", x,
                      (tm_conv){.out = width, .kernel = 3, .stride = 2, .bias = true});
        x = tm_normalize(b, act ? "3" : "2", x, m->norm);
    }
    tm_pop(b);
    return x;
}

static tm_node *block(const convnext *m, tm_node *x, int kernel, int dilation)
{
    tm_builder *b = m->b;
    int c = x->shape.c;
    tm_node *y = tm_conv2d(b, "conv_dw", x,
                           (tm_conv){.out = c,
                                     .kernel = kernel,
                                     .dilation = dilation,
                                     .groups = TM_DEPTHWISE,
                                     .bias = true});
    y = tm_feed_forward(b, "mlp", tm_normalize(b, "norm", y, m->norm),
                        (tm_ffn){.hidden = 4 * c,
                                 .act = m->act,
                                 .conv = m->v->conv_mlp,
                                 .response_norm = m->v->response_norm});
    if (!m->v->response_norm)
        y = tm_mul(b, y, tm_param1(b, "gamma", c));
    return tm_add(b, y, x);
}

static tm_node *stage(const convnext *m, tm_node *x, int index, tm_stage s)
{
    tm_builder *b = m->b;
    const convnext_variant *v = m->v;
    bool spatial = s.stride > 1 || s.first_dilation != s.dilation;
    tm_push(b, "stages.%d", index);
    if (spatial || x->shape.c != v->dims[index]) {
        x = tm_normalize(b, "downsample.0", x, m->norm);
        x = tm_conv2d(b, "downsample.1", x,
                      (tm_conv){.out = v->dims[index],
                                .kernel = spatial ? 2 : 1,
                                .stride = s.stride,
                                .dilation = s.first_dilation,
                                .padding = s.dilation > 1 ? TM_PAD_SAME : TM_PAD_VALID,
                                .bias = true});
    }
    for (int i = 0; i < v->depths[index]; i++) {
        tm_push(b, "blocks.%d", i);
        x = block(m, x, v->kernels[index] ? v->kernels[index] : 7, s.dilation);
        tm_pop(b);
    }
    tm_pop(b);
    return x;
}

static tm_node *stages(const convnext *m, tm_node *x)
{
    tm_builder *b = m->b;
    tm_stages walk = tm_stages_begin(b, 4, 8);
    for (int i = 0; i < 4; i++) {
        char module[16];
        tm_stage s = tm_stages_next(&walk, i ? 2 : 1);
        x = stage(m, x, i, s);
        snprintf(module, sizeof module, "stages.%d", i);
        tm_tap_feature(b, module, x, s.reduction);
        bool norm = i == 3 && m->v->norm_first && tm_option_norm_intermediates(b);
        tm_tap_intermediate(b, norm ? tm_normalize(b, "norm_pre", x, m->norm) : x, TM_LAYOUT_MAP);
    }
    return x;
}

static void build(tm_builder *b, const void *variant)
{
    const convnext_variant *v = variant;
    convnext m = {.b = b,
                  .v = v,
                  .norm = {.kind = v->norm ? v->norm : TM_NORM_LAYER,
                           .eps = v->norm_eps > 0 ? v->norm_eps : 1e-6f},
                  .act = v->act ? v->act : TM_ACT_GELU};
    tm_node *x = stages(&m, stem(&m, b->graph->input));
    if (v->norm_first)
        x = tm_normalize(b, "norm_pre", x, m.norm);
    tm_tap_final(b, x);
    if (v->norm_first)
        tm_classifier_head(b, x, "avg", "head.fc");
    else
        tm_norm_mlp_head(
            b, "head", x,
            (tm_mlp_head){
                .pool = "avg", .norm = m.norm, .hidden = v->head_hidden, .act = TM_ACT_GELU});
}

/* ---- checkpoints ---- */

/* CLIP's projections are the classifier, without bias. */
static void from_open_clip(tm_state_dict *dict)
{
    static const tm_replacement table[] = {
        {"visual.head.proj.weight", "visual.trunk.head.fc.weight"},
        {"visual.head.mlp.fc1.", "visual.trunk.head.pre_logits.fc."},
        {"visual.head.mlp.fc2.weight", "visual.trunk.head.fc.weight"}};
    tm_replace_all(dict, table, sizeof table / sizeof *table);
    tm_state_keep_prefix(dict, "visual.trunk.");
    const tm_tensor_view *head = tm_state_find(dict, "head.fc.weight");
    if (head && head->rank == 2)
        tm_add_vector(dict, "head.fc.bias", head->shape[0], false);
}

/* Names of the numbered modules. */
static void rename_stages(tm_state_dict *dict)
{
    tm_state_replace(dict, "downsample_layers.0.", "stem.");
    for (size_t i = 0; i < dict->count; i++) {
        tm_tensor_view *view = &dict->tensors[i];
        int stage, part, end = 0;
        sscanf(view->name, "stages.%4d.%4d.%n", &stage, &part, &end);
        if (end) {
            tm_state_rename(dict, view, "stages.%d.blocks.%d.%s", stage, part, view->name + end);
            continue;
        }
        sscanf(view->name, "downsample_layers.%4d.%4d.%n", &stage, &part, &end);
        if (end)
            tm_state_rename(dict, view, "stages.%d.downsample.%d.%s", stage, part,
                            view->name + end);
    }
}

static void from_facebook(tm_state_dict *dict, const tm_graph *graph)
{
    static const tm_replacement table[] = {{"dwconv", "conv_dw"},
                                           {"pwconv", "mlp.fc"},
                                           {"grn.beta", "mlp.grn.bias"},
                                           {"grn.gamma", "mlp.grn.weight"},
                                           {"head.", "head.fc."}};
    tm_state_drop_prefix(dict, "projectors.");
    tm_state_drop_prefix(dict, "norms.");
    rename_stages(dict);
    tm_replace_all(dict, table, sizeof table / sizeof *table);
    tm_state_replace_prefix(dict, "norm.", "head.norm.");
    for (size_t i = 0; i < dict->count; i++) {
        tm_tensor_view *view = &dict->tensors[i];
        if (strstr(view->name, "grn.") || (view->rank == 2 && !strstr(view->name, "head")))
            tm_reshape_to_param(dict, view, graph);
    }
}

/* FCMAE's encoders end without a norm, so that timm leaves its own as it makes it. */
static void add_missing_norm(tm_state_dict *dict, const tm_graph *graph)
{
    const tm_node *norm = tm_find_param(graph, "head.norm.weight");
    if (!norm || tm_state_has_prefix(dict, "head."))
        return;
    tm_add_vector(dict, "head.norm.weight", norm->dims[0], true);
    tm_add_vector(dict, "head.norm.bias", norm->dims[0], false);
}

static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    (void)variant;
    if (tm_state_find(dict, "head.norm.weight") || tm_state_find(dict, "norm_pre.weight"))
        return;
    if (tm_state_find(dict, "visual.trunk.stem.0.weight")) {
        from_open_clip(dict);
        return;
    }
    from_facebook(dict, graph);
    add_missing_norm(dict, graph);
}

#define CONVNEXT(name, kind, member, ...)                                                          \
    TM_TAKES(convnext_variant, name, kind, member, __VA_ARGS__)
static const tm_argument arguments[] = {
    CONVNEXT("depths", LIST, depths, TM_DEPTHS),
    CONVNEXT("dims", LIST, dims, TM_WIDTHS),
    CONVNEXT("kernel_sizes", INTEGERS, kernels, 1, 63),
    CONVNEXT("conv_mlp", FLAG, conv_mlp, TM_ANY),
    CONVNEXT("head_hidden_size", INTEGER, head_hidden, TM_WIDTHS),
    CONVNEXT("head_norm_first", FLAG, norm_first, TM_ANY),
    CONVNEXT("act_layer", ACT, act, TM_ANY),
};

const tm_family tm_family_convnext = {.module = "convnext",
                                      TM_VARIANTS(variants),
                                      TM_ARGUMENTS(arguments),
                                      .build = build,
                                      .filter = filter};
