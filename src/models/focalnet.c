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
    int levels;          /* 2 */
    int window;          /* of the first level; 3 */
    bool large;          /* overlapping downsampling, norms after the branches, layer scale */
    bool modulator_norm; /* and one before the modulation's projection */
} focalnet_variant;

/* clang-format off */
static const focalnet_variant variants[] = {
    {.name = "focalnet_base_lrf", .width = 128, .depth = 18, .levels = 3},
    {.name = "focalnet_base_srf", .width = 128, .depth = 18},
    {.name = "focalnet_huge_fl3", .width = 352, .depth = 18, .levels = 3, .large = true,
     .modulator_norm = true},
    {.name = "focalnet_huge_fl4", .width = 352, .depth = 18, .levels = 4, .large = true,
     .modulator_norm = true},
    {.name = "focalnet_large_fl3", .width = 192, .depth = 18, .levels = 3, .window = 5,
     .large = true},
    {.name = "focalnet_large_fl4", .width = 192, .depth = 18, .levels = 4, .large = true},
    {.name = "focalnet_small_lrf", .width = 96, .depth = 18, .levels = 3},
    {.name = "focalnet_small_srf", .width = 96, .depth = 18},
    {.name = "focalnet_tiny_lrf", .width = 96, .depth = 6, .levels = 3},
    {.name = "focalnet_tiny_srf", .width = 96, .depth = 6},
    {.name = "focalnet_xlarge_fl3", .width = 256, .depth = 18, .levels = 3, .window = 5,
     .large = true},
    {.name = "focalnet_xlarge_fl4", .width = 256, .depth = 18, .levels = 4, .large = true},
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
static tm_node *modulate(tm_builder *b, const focalnet_variant *v, tm_node *x)
{
    int c = x->shape.c, levels = v->levels ? v->levels : 2, window = v->window ? v->window : 3;
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
    sum = tm_conv2d(b, "h", sum, (tm_conv){.out = c, .kernel = 1, .bias = true});
    x = tm_mul(b, tm_slice_c(b, all, 0, c), sum);
    if (v->modulator_norm)
        x = tm_normalize(b, "norm", x, norm);
    x = tm_conv2d(b, "proj", x, (tm_conv){.out = c, .kernel = 1, .bias = true});
    tm_pop(b);
    return x;
}

static tm_node *block(tm_builder *b, const focalnet_variant *v, tm_node *x)
{
    tm_ffn ffn = {.hidden = 4 * x->shape.c, .act = TM_ACT_GELU, .conv = true};
    if (!v->large) {
        x = tm_add(b, x, modulate(b, v, tm_normalize(b, "norm1", x, norm)));
        return tm_add(b, x, tm_feed_forward(b, "mlp", tm_normalize(b, "norm2", x, norm), ffn));
    }
    tm_node *y = tm_normalize(b, "norm1_post", modulate(b, v, x), norm);
    x = tm_add(b, x, tm_layer_scale(b, "ls1", y));
    y = tm_normalize(b, "norm2_post", tm_feed_forward(b, "mlp", x, ffn), norm);
    return tm_add(b, x, tm_layer_scale(b, "ls2", y));
}

static void build(tm_builder *b, const void *variant)
{
    const focalnet_variant *v = variant;
    tm_node *x = downsample(b, "stem", b->graph->input, v->width, 4, v->large);
    for (int i = 0; i < STAGES; i++) {
        tm_push(b, "layers.%d", i);
        if (i)
            x = downsample(b, "downsample", x, 2 * x->shape.c, 2, v->large);
        for (int j = 0; j < (i == 2 ? v->depth : 2); j++) {
            tm_push(b, "blocks.%d", j);
            x = block(b, v, x);
            tm_pop(b);
        }
        tm_pop(b);
        if (i < STAGES - 1)
            tm_tap_stage_of(b, "layers", i, x, 4 << i);
    }
    x = tm_tap_last_stage(b, "layers", STAGES - 1, x, 4 << (STAGES - 1), norm);
    tm_classifier_head(b, x, "avg", "head.fc");
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
        rename_view(dict, &dict->tensors[i], v->large);
        tm_reshape_to_param(dict, &dict->tensors[i], graph);
    }
}

const tm_family tm_family_focalnet = {
    .module = "focalnet", TM_VARIANTS(variants), .build = build, .filter = filter};
