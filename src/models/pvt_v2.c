/* SPDX-License-Identifier: Apache-2.0 */
/* timm's pvt_v2.py: Pyramid Vision Transformer v2 (2106.13797). */
#include <stdio.h>

#include "layers/classifier.h"
#include "layers/reduced_attention.h"
#include "layers/taps.h"
#include "models/filters.h"
#include "models/model.h"

enum { STAGES = 4, LINEAR_POOL = 7 };

typedef struct pvt_variant {
    const char *name;
    int depths[STAGES];
    int dims[STAGES] /* 64, 128, 320, 512 */, heads[STAGES] /* 1, 2, 5, 8 */;
    bool linear;      /* k and v of a map that is pooled to 7 x 7 */
    bool narrow_mlps; /* four times the width in the first two stages too, not eight times */
} pvt_variant;

/* clang-format off */
static const pvt_variant variants[] = {
    {.name = "pvt_v2_b0", .depths = {2, 2, 2, 2}, .dims = {32, 64, 160, 256}},
    {.name = "pvt_v2_b1", .depths = {2, 2, 2, 2}},
    {.name = "pvt_v2_b2", .depths = {3, 4, 6, 3}},
    {.name = "pvt_v2_b2_li", .depths = {3, 4, 6, 3}, .linear = true},
    {.name = "pvt_v2_b3", .depths = {3, 4, 18, 3}},
    {.name = "pvt_v2_b4", .depths = {3, 8, 27, 3}},
    {.name = "pvt_v2_b5", .depths = {3, 6, 40, 3}, .narrow_mlps = true},
};
/* clang-format on */

static const int usual_dims[STAGES] = {64, 128, 320, 512}, usual_heads[STAGES] = {1, 2, 5, 8};
static const int reductions[STAGES] = {8, 4, 2, 1};
static const tm_norm norm = {.kind = TM_NORM_LAYER, .eps = 1e-6f};
static const tm_norm embed_norm = {.kind = TM_NORM_LAYER, .eps = 1e-5f};

static int dim_of(const pvt_variant *v, int stage)
{
    return v->dims[stage] ? v->dims[stage] : usual_dims[stage];
}

static tm_node *embed(tm_builder *b, const char *name, tm_node *x, int out, int kernel, int stride)
{
    tm_conv conv = {.out = out,
                    .kernel = kernel,
                    .stride = stride,
                    .padding = TM_PAD_EXPLICIT,
                    .pad = kernel / 2,
                    .bias = true};
    tm_push(b, "%s", name);
    x = tm_normalize(b, "norm", tm_conv2d(b, "proj", x, conv), embed_norm);
    tm_pop(b);
    return x;
}

static tm_node *attend(tm_builder *b, const pvt_variant *v, tm_node *x, int index)
{
    return tm_reduced_attention(
        b, "attn", x,
        (tm_reduced){.heads = v->heads[index] ? v->heads[index] : usual_heads[index],
                     .ratio = reductions[index],
                     .pool = v->linear ? LINEAR_POOL : 0});
}

static tm_node *feed_forward(tm_builder *b, const pvt_variant *v, tm_node *x, int index)
{
    int c = x->shape.c, hidden = (index < 2 && !v->narrow_mlps ? 8 : 4) * c;
    tm_push(b, "mlp");
    x = tm_linear(b, "fc1", x, hidden, true);
    if (v->linear)
        x = tm_activate(b, x, TM_ACT_RELU);
    x = tm_conv2d(b, "dwconv", x,
                  (tm_conv){.out = hidden, .kernel = 3, .groups = TM_DEPTHWISE, .bias = true});
    x = tm_linear(b, "fc2", tm_activate(b, x, TM_ACT_GELU), c, true);
    tm_pop(b);
    return x;
}

static tm_node *stage(tm_builder *b, const pvt_variant *v, tm_node *x, int index)
{
    if (index)
        x = embed(b, "downsample", x, dim_of(v, index), 3, 2);
    for (int i = 0; i < v->depths[index]; i++) {
        tm_push(b, "blocks.%d", i);
        x = tm_add(b, x, attend(b, v, tm_normalize(b, "norm1", x, norm), index));
        x = tm_add(b, x, feed_forward(b, v, tm_normalize(b, "norm2", x, norm), index));
        tm_pop(b);
    }
    return tm_normalize(b, "norm", x, norm);
}

static void build(tm_builder *b, const void *variant)
{
    const pvt_variant *v = variant;
    tm_node *x = embed(b, "patch_embed", b->graph->input, dim_of(v, 0), 7, 4);
    for (int i = 0; i < STAGES; i++) {
        tm_push(b, "stages.%d", i);
        x = stage(b, v, x, i);
        tm_pop(b);
        tm_tap_stage_of(b, "stages", i, x, 4 << i);
    }
    tm_tap_final(b, x);
    tm_classifier_head(b, x, tm_average_or_none(b), "head");
}

/* The authors number blocks, norms and embeddings from 1, outside of stages. */
static void rename_numbered(tm_state_dict *dict, tm_tensor_view *view)
{
    int stage, part, end = 0;
    sscanf(view->name, "block%4d.%4d.%n", &stage, &part, &end);
    if (end) {
        tm_state_rename(dict, view, "stages.%d.blocks.%d.%s", stage - 1, part, view->name + end);
        return;
    }
    sscanf(view->name, "norm%4d.%n", &stage, &end);
    if (end) {
        tm_state_rename(dict, view, "stages.%d.norm.%s", stage - 1, view->name + end);
        return;
    }
    sscanf(view->name, "patch_embed%4d.%n", &stage, &end);
    if (end && stage == 1)
        tm_state_rename(dict, view, "patch_embed.%s", view->name + end);
    else if (end)
        tm_state_rename(dict, view, "stages.%d.downsample.%s", stage - 1, view->name + end);
}

static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    (void)graph, (void)variant;
    if (tm_state_find(dict, "patch_embed.proj.weight"))
        return;
    tm_state_replace(dict, "dwconv.dwconv", "dwconv");
    for (size_t i = 0; i < dict->count; i++)
        rename_numbered(dict, &dict->tensors[i]);
}

static const tm_argument arguments[] = {
    TM_TAKES(pvt_variant, "depths", LIST, depths, TM_DEPTHS),
    TM_TAKES(pvt_variant, "embed_dims", LIST, dims, TM_WIDTHS),
    TM_TAKES(pvt_variant, "num_heads", LIST, heads, TM_HEADS),
    TM_TAKES(pvt_variant, "linear", FLAG, linear, TM_ANY),
};

const tm_family tm_family_pvt_v2 = {.module = "pvt_v2",
                                    TM_VARIANTS(variants),
                                    TM_ARGUMENTS(arguments),
                                    .build = build,
                                    .filter = filter};
