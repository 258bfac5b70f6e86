/* SPDX-License-Identifier: Apache-2.0 */
/* timm's mambaout.py: MambaOut (2405.07992), gated convolutions; maps have their channels last. */
#include <stdio.h>
#include <string.h>

#include "layers/classifier.h"
#include "layers/layer_scale.h"
#include "models/filters.h"
#include "models/model.h"

typedef struct mambaout_variant {
    const char *name;
    int depths[4], dims[4];
    bool rework;       /* timm's own: norm before downsampling, layer scale, a plainer head */
    double expansion;  /* 8 / 3 */
    double conv_ratio; /* of the channels that are convolved to the block's; 1 */
    tm_act_kind act;   /* GELU */
} mambaout_variant;

/* clang-format off */
static const mambaout_variant variants[] = {
    {.name = "mambaout_base", .depths = {3, 4, 27, 3}, .dims = {128, 256, 512, 768}},
    {.name = "mambaout_base_plus_rw", .depths = {3, 4, 30, 3}, .dims = {128, 256, 512, 768},
     .rework = true, .expansion = 3, .conv_ratio = 1.5, .act = TM_ACT_SILU},
    {.name = "mambaout_base_short_rw", .depths = {3, 3, 25, 3}, .dims = {128, 256, 512, 768},
     .rework = true, .expansion = 3, .conv_ratio = 1.25},
    {.name = "mambaout_base_tall_rw", .depths = {3, 4, 30, 3}, .dims = {128, 256, 512, 768},
     .rework = true, .expansion = 2.5, .conv_ratio = 1.25},
    {.name = "mambaout_base_wide_rw", .depths = {3, 4, 27, 3}, .dims = {128, 256, 512, 768},
     .rework = true, .expansion = 3, .conv_ratio = 1.5, .act = TM_ACT_SILU},
    {.name = "mambaout_femto", .depths = {3, 3, 9, 3}, .dims = {48, 96, 192, 288}},
    {.name = "mambaout_kobe", .depths = {3, 3, 15, 3}, .dims = {48, 96, 192, 288}},
    {.name = "mambaout_small", .depths = {3, 4, 27, 3}, .dims = {96, 192, 384, 576}},
    {.name = "mambaout_small_rw", .depths = {3, 4, 27, 3}, .dims = {96, 192, 384, 576},
     .rework = true},
    {.name = "mambaout_tiny", .depths = {3, 3, 9, 3}, .dims = {96, 192, 384, 576}},
    {.name = "test_mambaout", .depths = {1, 1, 3, 1}, .dims = {16, 32, 48, 64}, .rework = true,
     .expansion = 3, .act = TM_ACT_SILU},
};
/* clang-format on */

typedef struct mambaout {
    tm_builder *b;
    const mambaout_variant *v;
    tm_act_kind act;
} mambaout;

static tm_node *norm(const mambaout *m, const char *name, tm_node *x)
{
    return tm_normalize(m->b, name, x, (tm_norm){.kind = TM_NORM_LAYER, .eps = 1e-6f});
}

static tm_node *conv_down(const mambaout *m, const char *name, tm_node *x, int out)
{
    return tm_conv2d(m->b, name, x, (tm_conv){.out = out, .kernel = 3, .stride = 2, .bias = true});
}

static tm_node *stem(const mambaout *m, tm_node *x)
{
    int out = m->v->dims[0];
    tm_push(m->b, "stem");
    x = conv_down(m, "conv1", x, out / 2);
    if (!m->v->rework)
        x = norm(m, "norm1", x);
    x = norm(m, "norm2", conv_down(m, "conv2", tm_activate(m->b, x, m->act), out));
    tm_pop(m->b);
    return x;
}

/* timm's GatedConvBlock: of what the gate meets, the last channels are convolved */
static tm_node *block(const mambaout *m, tm_node *shortcut)
{
    tm_builder *b = m->b;
    int dim = shortcut->shape.c;
    double ratio = m->v->conv_ratio > 0 ? m->v->conv_ratio : 1.0;
    int hidden = (int)((m->v->expansion > 0 ? m->v->expansion : 8 / 3.0) * dim);
    int convolved = (int)(ratio * dim);
    tm_node *x = tm_linear(b, "fc1", norm(m, "norm", shortcut), 2 * hidden, true);
    tm_node *gate = tm_activate(b, tm_slice_c(b, x, 0, hidden), m->act);
    tm_node *parts[] = {
        tm_slice_c(b, x, hidden, hidden - convolved),
        tm_conv2d(b, "conv", tm_slice_c(b, x, 2 * hidden - convolved, convolved),
                  (tm_conv){.out = convolved, .kernel = 7, .groups = TM_DEPTHWISE, .bias = true})};
    x = tm_linear(b, "fc2", tm_mul(b, gate, tm_concat_c(b, 2, parts)), dim, true);
    return tm_add(b, m->v->rework ? tm_layer_scale(b, "ls", x) : x, shortcut);
}

static tm_node *stage(const mambaout *m, tm_node *x, int index)
{
    tm_push(m->b, "stages.%d", index);
    if (index > 0) {
        tm_push(m->b, "downsample");
        if (m->v->rework)
            x = norm(m, "norm", x);
        x = conv_down(m, "conv", x, m->v->dims[index]);
        if (!m->v->rework)
            x = norm(m, "norm", x);
        tm_pop(m->b);
    }
    for (int i = 0; i < m->v->depths[index]; i++) {
        tm_push(m->b, "blocks.%d", i);
        x = block(m, x);
        tm_pop(m->b);
    }
    tm_pop(m->b);
    return x;
}

/* timm's MlpHead, which pools by the mean alone and norms twice, and ClNormMlpClassifierHead */
static void head(const mambaout *m, tm_node *x)
{
    tm_builder *b = m->b;
    const char *pool = tm_pool_kind(b, "avg");
    if (strcmp(pool, "catavgmax") == 0 || (!m->v->rework && strstr(pool, "max")))
        tm_refuse(b, "global pool '%s': this head has avg%s", pool,
                  m->v->rework ? ", max and avgmax" : "");
    tm_push(b, "head");
    x = norm(m, "norm", tm_global_pool(b, x, pool));
    x = tm_activate(b, tm_linear(b, "pre_logits.fc", x, 4 * x->shape.c, true), TM_ACT_GELU);
    if (!m->v->rework)
        x = norm(m, "pre_logits.norm", x);
    tm_classifier(b, x, pool[0] ? TM_LAYOUT_VECTOR : TM_LAYOUT_NHWC, "fc");
    tm_pop(b);
}

static void build(tm_builder *b, const void *variant)
{
    mambaout m = {.b = b, .v = variant};
    m.act = m.v->act ? m.v->act : TM_ACT_GELU;
    tm_node *x = stem(&m, b->graph->input);
    for (int i = 0; i < 4; i++) {
        char module[32];
        snprintf(module, sizeof module, "stages.%d", i);
        x = stage(&m, x, i);
        tm_tap_feature_as(b, module, x, 4 << i, TM_LAYOUT_NHWC);
        tm_tap_intermediate(b, x, TM_LAYOUT_MAP);
    }
    tm_tap_output(b, TM_TAP_FINAL, x, TM_LAYOUT_NHWC);
    tm_tap_output(b, TM_TAP_FORWARD_FEATURES, x, TM_LAYOUT_NHWC);
    head(&m, x);
}

/* The authors' names. */
static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    static const tm_replacement heads[] = {{"head.fc1.", "head.pre_logits.fc."},
                                           {"head.norm.", "head.pre_logits.norm."},
                                           {"head.fc2.", "head.fc."}};
    (void)graph, (void)variant;
    if (tm_state_find(dict, "stem.conv1.weight"))
        return;
    tm_state_replace(dict, "downsample_layers.0.", "stem.");
    for (size_t i = 0; i < dict->count; i++) {
        tm_tensor_view *view = &dict->tensors[i];
        int at, block, end = 0;
        if (sscanf(view->name, "stages.%d.%d%n", &at, &block, &end) == 2 && end)
            tm_state_rename(dict, view, "stages.%d.blocks.%d%s", at, block, view->name + end);
        else if (sscanf(view->name, "downsample_layers.%d%n", &at, &end) == 1 && end)
            tm_state_rename(dict, view, "stages.%d.downsample%s", at, view->name + end);
    }
    tm_replace_all(dict, heads, sizeof heads / sizeof *heads);
    tm_state_replace_prefix(dict, "norm.", "head.norm.");
}

static const tm_argument arguments[] = {
    TM_TAKES(mambaout_variant, "depths", LIST, depths, TM_DEPTHS),
    TM_TAKES(mambaout_variant, "dims", LIST, dims, TM_WIDTHS),
    TM_TAKES(mambaout_variant, "conv_ratio", NUMBER, conv_ratio, TM_RATIOS),
    TM_TAKES(mambaout_variant, "expansion_ratio", NUMBER, expansion, TM_RATIOS),
};

const tm_family tm_family_mambaout = {.module = "mambaout",
                                      TM_VARIANTS(variants),
                                      TM_ARGUMENTS(arguments),
                                      .build = build,
                                      .filter = filter};
