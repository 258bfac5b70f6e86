/* SPDX-License-Identifier: Apache-2.0 */
/* timm's focalnet.py: Focal Modulation Networks (2203.11926). */
#include <stdio.h>

#include "layers/classifier.h"
#include "layers/layer_scale.h"
#include "layers/mlp.h"
#include "layers/taps.h"
#include "models/filters.h"
#include "models/model.h"

enum { STAGES = 4 };

typedef struct focalnet_variant {
    const char *name;
    int width, depth;    /* of the first stage; blocks of the third, 2 in the others */
    int levels[STAGES];  /* 2 */
    int windows[STAGES]; /* of the first level; 3 */
    double mlp_ratio;    /* 4 */
    bool overlap;        /* of the pixels that become one */
    bool post_norm;      /* norms after the branches, not before */
    bool modulator_norm; /* and one before the modulation's projection */
    bool mean;           /* of the contexts, not their sum */
    bool layer_scale;
    int head_hidden;
} focalnet_variant;

/* clang-format off */
#define LARGE .overlap = true, .post_norm = true, .layer_scale = true
static const focalnet_variant variants[] = {
    {.name = "focalnet_base_lrf", .width = 128, .depth = 18, .levels = {3, 3, 3, 3}},
    {.name = "focalnet_base_srf", .width = 128, .depth = 18},
    {.name = "focalnet_huge_fl3", .width = 352, .depth = 18, .levels = {3, 3, 3, 3}, LARGE,
     .modulator_norm = true},
    {.name = "focalnet_huge_fl4", .width = 352, .depth = 18, .levels = {4, 4, 4, 4}, LARGE,
     .modulator_norm = true},
    {.name = "focalnet_large_fl3", .width = 192, .depth = 18, .levels = {3, 3, 3, 3}, .windows = {5, 5, 5, 5},
     LARGE},
    {.name = "focalnet_large_fl4", .width = 192, .depth = 18, .levels = {4, 4, 4, 4}, LARGE},
    {.name = "focalnet_small_lrf", .width = 96, .depth = 18, .levels = {3, 3, 3, 3}},
    {.name = "focalnet_small_srf", .width = 96, .depth = 18},
    {.name = "focalnet_tiny_lrf", .width = 96, .depth = 6, .levels = {3, 3, 3, 3}},
    {.name = "focalnet_tiny_srf", .width = 96, .depth = 6},
    {.name = "focalnet_xlarge_fl3", .width = 256, .depth = 18, .levels = {3, 3, 3, 3}, .windows = {5, 5, 5, 5},
     LARGE},
    {.name = "focalnet_xlarge_fl4", .width = 256, .depth = 18, .levels = {4, 4, 4, 4}, LARGE},
};
/* clang-format on */

static const tm_norm norm = {.kind = TM_NORM_LAYER, .eps = 1e-5f};

static tm_node *downsample(tm_builder *b, const char *name, tm_node *x, int out, int stride,
                           bool overlap)
{
    tm_conv conv = {
        .out = out, .kernel = stride, .stride = stride, .padding = TM_PAD_EXPLICIT, .bias = true};
    if (overlap) {
        conv.kernel = stride == 4 ? 7 : 3;
        conv.pad = stride == 4 ? 2 : 1;
    }
    tm_push(b, "%s", name);
    x = tm_normalize(b, "norm", tm_conv2d(b, "proj", x, conv), norm);
    tm_pop(b);
    return x;
}

/* The mean of all pixels, weighted at every pixel by its gate. */
static tm_node *global_context(tm_builder *b, tm_node *context, tm_node *gate)
{
    tm_shape s = context->shape;
    tm_node *mean = tm_activate(b, tm_reduce_hw(b, context, TM_REDUCE_AVG), TM_ACT_GELU);
    return tm_reshape(b, tm_matmul(b, tm_reshape(b, gate, 1, s.h * s.w, 1), mean), s.h, s.w, s.c);
}

/* Contexts of growing windows, each gated, then all pixels; their sum scales the query. */
static tm_node *modulate(tm_builder *b, const focalnet_variant *v, int stage, tm_node *x)
{
    int c = x->shape.c, levels = v->levels[stage] ? v->levels[stage] : 2;
    int window = v->windows[stage] ? v->windows[stage] : 3;
    tm_push(b, "modulation");
    tm_node *all =
        tm_conv2d(b, "f", x, (tm_conv){.out = 2 * c + levels + 1, .kernel = 1, .bias = true});
    tm_node *context = tm_slice_c(b, all, c, c), *sum = NULL;
    for (int i = 0; i < levels; i++) {
        char name[32];
        snprintf(name, sizeof name, "focal_layers.%d.0", i);
        context = tm_conv2d(b, name, context,
                            (tm_conv){.out = c, .kernel = window + 2 * i, .groups = TM_DEPTHWISE});
        context = tm_activate(b, context, TM_ACT_GELU);
        tm_node *gated = tm_mul(b, context, tm_slice_c(b, all, 2 * c + i, 1));
        sum = sum ? tm_add(b, sum, gated) : gated;
    }
    sum = tm_add(b, sum, global_context(b, context, tm_slice_c(b, all, 2 * c + levels, 1)));
    if (v->mean)
        sum = tm_affine(b, sum, 1.0f / (float)(levels + 1), 0);
    sum = tm_conv2d(b, "h", sum, (tm_conv){.out = c, .kernel = 1, .bias = true});
    x = tm_mul(b, tm_slice_c(b, all, 0, c), sum);
    if (v->modulator_norm)
        x = tm_normalize(b, "norm", x, norm);
    x = tm_conv2d(b, "proj", x, (tm_conv){.out = c, .kernel = 1, .bias = true});
    tm_pop(b);
    return x;
}

static tm_node *branch_end(tm_builder *b, const focalnet_variant *v, const char *norm_name,
                           const char *scale_name, tm_node *x)
{
    x = v->post_norm ? tm_normalize(b, norm_name, x, norm) : x;
    return v->layer_scale ? tm_layer_scale(b, scale_name, x) : x;
}

static tm_node *block(tm_builder *b, const focalnet_variant *v, int stage, tm_node *x)
{
    double ratio = v->mlp_ratio > 0 ? v->mlp_ratio : 4;
    tm_ffn ffn = {.hidden = (int)(ratio * x->shape.c), .act = TM_ACT_GELU, .conv = true};
    tm_node *y = v->post_norm ? x : tm_normalize(b, "norm1", x, norm);
    y = modulate(b, v, stage, y);
    x = tm_add(b, x, branch_end(b, v, "norm1_post", "ls1", y));
    y = v->post_norm ? x : tm_normalize(b, "norm2", x, norm);
    y = tm_feed_forward(b, "mlp", y, ffn);
    return tm_add(b, x, branch_end(b, v, "norm2_post", "ls2", y));
}

/* The last stage's taps and the head; one with a hidden layer has the norm behind its pool. */
static void finish(tm_builder *b, const focalnet_variant *v, tm_node *x)
{
    int last = STAGES - 1;
    if (!v->head_hidden) {
        x = tm_tap_last_stage(b, "layers", last, x, 4 << last, norm);
        tm_classifier_head(b, x, "avg", "head.fc");
        return;
    }
    tm_tap_stage_of(b, "layers", last, x, 4 << last);
    tm_tap_final(b, x);
    tm_norm_mlp_head(
        b, "head", x,
        (tm_mlp_head){.pool = "avg", .norm = norm, .hidden = v->head_hidden, .act = TM_ACT_TANH});
}

static void build(tm_builder *b, const void *variant)
{
    const focalnet_variant *v = variant;
    tm_node *x = downsample(b, "stem", b->graph->input, v->width, 4, v->overlap);
    for (int i = 0; i < STAGES; i++) {
        tm_push(b, "layers.%d", i);
        if (i)
            x = downsample(b, "downsample", x, 2 * x->shape.c, 2, v->overlap);
        for (int j = 0; j < (i == 2 ? v->depth : 2); j++) {
            tm_push(b, "blocks.%d", j);
            x = block(b, v, i, x);
            tm_pop(b);
        }
        tm_pop(b);
        if (i < STAGES - 1)
            tm_tap_stage_of(b, "layers", i, x, 4 << i);
    }
    finish(b, v, x);
}

/* Microsoft's checkpoints shrink the map at the end of a stage, and name the norms after a branch
 * as those before it. */
static void rename_view(tm_state_dict *dict, tm_tensor_view *view, bool post)
{
    int stage, part, index, end = 0;
    sscanf(view->name, "layers.%4d.downsample.%n", &stage, &end);
    if (end) {
        tm_state_rename(dict, view, "layers.%d.downsample.%s", stage + 1, view->name + end);
        return;
    }
    sscanf(view->name, "layers.%4d.blocks.%4d.norm%1d.%n", &stage, &part, &index, &end);
    if (end && post)
        tm_state_rename(dict, view, "layers.%d.blocks.%d.norm%d_post.%s", stage, part, index,
                        view->name + end);
}

static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    static const tm_replacement table[] = {{"gamma_1", "ls1.gamma"},
                                           {"gamma_2", "ls2.gamma"},
                                           {"patch_embed", "stem"},
                                           {"ln.", "norm."},
                                           {"head", "head.fc"}};
    const focalnet_variant *v = variant;
    if (tm_state_find(dict, "stem.proj.weight"))
        return;
    tm_replace_all(dict, table, sizeof table / sizeof *table);
    for (size_t i = 0; i < dict->count; i++) {
        rename_view(dict, &dict->tensors[i], v->post_norm);
        tm_reshape_to_param(dict, &dict->tensors[i], graph);
    }
}

#define FOCALNET(name, kind, member, ...)                                                          \
    TM_TAKES(focalnet_variant, name, kind, member, __VA_ARGS__)
#define THE_LARGE "focalnet_large_* focalnet_xlarge_* focalnet_huge_*"
static const tm_argument arguments[] = {
    FOCALNET("mlp_ratio", NUMBER, mlp_ratio, TM_RATIOS),
    FOCALNET("focal_levels", LIST, levels, 1, 16, .only = "*_srf"),
    FOCALNET("focal_windows", LIST, windows, 1, 63, "*_fl3"),
    FOCALNET("use_overlap_down", FLAG, overlap, TM_ANY, THE_LARGE),
    FOCALNET("use_post_norm", FLAG, post_norm, TM_ANY, THE_LARGE),
    FOCALNET("use_post_norm_in_modulation", FLAG, modulator_norm, TM_ANY, "focalnet_huge_*"),
    FOCALNET("normalize_modulator", FLAG, mean, TM_ANY),
    FOCALNET("head_hidden_size", INTEGER, head_hidden, TM_WIDTHS),
    FOCALNET("layerscale_value", GIVEN, layer_scale, TM_ANY, THE_LARGE),
};

const tm_family tm_family_focalnet = {.module = "focalnet",
                                      TM_VARIANTS(variants),
                                      TM_ARGUMENTS(arguments),
                                      .build = build,
                                      .filter = filter};
