/* SPDX-License-Identifier: Apache-2.0 */
/* timm's mobilevit.py: MobileViT (2110.02178) and MobileViT V2 (2206.02680). */
#include <stdlib.h>

#include "layers/make_divisible.h"
#include "layers/mlp.h"
#include "layers/upsample.h"
#include "layers/vit_block.h"
#include "models/byobnet.h"
#include "models/model.h"

enum { PATCH = 2, ATTENDING = 3, FIRST_ATTENDING = 2 /* stages */ };

typedef struct mobilevit_variant {
    tm_byob net;
    int dims[ATTENDING]; /* of transformers; 0: of V2, half of the map's channels */
} mobilevit_variant;

/* clang-format off */
#define STAGE(depth, channels, stride, ratio) {TM_BYOB_BOTTLE, depth, channels, stride, 1, ratio}
#define NET(label, r, c0, c1, c2, c3, c4)                                                          \
    .name = label,                                                                                 \
    .stages = {STAGE(1, c0, 1, r), STAGE(3, c1, 2, r), STAGE(2, c2, 2, r), STAGE(2, c3, 2, r),     \
               STAGE(2, c4, 2, r)},                                                                \
    .stem_width = 16, .act = TM_ACT_SILU, .shortcut = TM_BYOB_IDENTITY, .inverted = true,          \
    .own = {0, 0, 2, 2, 2}
#define V2(label, factor)                                                                          \
    {.net = {.name = label,                                                                        \
             .stages = {STAGE(1, 64, 1, 2), STAGE(2, 128, 2, 2), STAGE(2, 256, 2, 2),              \
                        STAGE(2, 384, 2, 2), STAGE(2, 512, 2, 2)},                                 \
             .width = factor, .stem_width = 32, .act = TM_ACT_SILU,                                \
             .shortcut = TM_BYOB_IDENTITY, .inverted = true, .own = {0, 0, 2, 2, 2}}}

static const mobilevit_variant variants[] = {
    {.net = {NET("mobilevit_s", 4, 32, 64, 96, 128, 160), .features = 640},
     .dims = {144, 192, 240}},
    {.net = {NET("mobilevit_xs", 4, 32, 48, 64, 80, 96), .features = 384}, .dims = {96, 120, 144}},
    {.net = {NET("mobilevit_xxs", 2, 16, 24, 48, 64, 80), .features = 320}, .dims = {64, 80, 96}},
    V2("mobilevitv2_050", 0.5f),
    V2("mobilevitv2_075", 0.75f),
    V2("mobilevitv2_100", 1.0f),
    V2("mobilevitv2_125", 1.25f),
    V2("mobilevitv2_150", 1.5f),
    V2("mobilevitv2_175", 1.75f),
    V2("mobilevitv2_200", 2.0f),
};
/* clang-format on */

static const int depths[ATTENDING] = {2, 4, 3}; /* of transformers */
static const tm_norm token_norm = {.kind = TM_NORM_LAYER, .eps = 1e-5f};
static const tm_norm map_norm = {.kind = TM_NORM_GROUP, .groups = 1};

/* ---- pixels of the same place in all patches as sequences ---- */

static int whole_patches(int side)
{
    return (side + PATCH - 1) / PATCH * PATCH;
}

/* Of a map of h x w, to PATCH * PATCH rows of as many tokens as there are patches, or back. */
static tm_node *regroup(tm_builder *b, tm_node *x, int h, int w, bool back)
{
    int patches = h * w / (PATCH * PATCH), across = w / PATCH;
    int *from = malloc((size_t)h * (size_t)w * sizeof *from);
    if (!from) {
        tm_fail(&b->graph->error, TM_NO_MEMORY, "no memory for a map of %dx%d pixels", h, w);
        return x;
    }
    for (int i = 0; i < h * w; i++) {
        int place = i / patches, patch = i % patches;
        int pixel =
            (patch / across * PATCH + place / PATCH) * w + patch % across * PATCH + place % PATCH;
        from[back ? pixel : i] = back ? i : pixel;
    }
    x = back ? tm_gather_pixels(b, x, h, w, from)
             : tm_gather_pixels(b, x, PATCH * PATCH, patches, from);
    free(from);
    return x;
}

/* ---- the first version ---- */

static tm_node *transform(tm_builder *b, tm_node *x, int depth)
{
    tm_vit_block block = {.qkv = {.heads = 4},
                          .ffn = {.hidden = 2 * x->shape.c, .act = TM_ACT_SILU},
                          .norm = token_norm};
    int h = x->shape.h, w = x->shape.w;
    x = regroup(b, x, h, w, false);
    for (int i = 0; i < depth; i++) {
        tm_push(b, "transformer.%d", i);
        x = tm_block(b, x, &block);
        tm_pop(b);
    }
    return regroup(b, tm_normalize(b, "norm", x, token_norm), h, w, true);
}

static tm_node *first_block(const tm_byob_net *m, tm_node *x, const tm_byob_at *at, int dim,
                            int depth)
{
    tm_builder *b = m->b;
    int h = x->shape.h, w = x->shape.w, whole_h = whole_patches(h), whole_w = whole_patches(w);
    bool fits = h == whole_h && w == whole_w;
    tm_conv local = {.out = at->in, .kernel = 3, .dilation = at->dilation[0]};
    tm_node *y = tm_byob_conv(m, "conv_kxk", x, local, true);
    y = tm_conv2d(b, "conv_1x1", y, (tm_conv){.out = dim, .kernel = 1});
    y = transform(b, fits ? y : tm_resize_bilinear(b, y, whole_h, whole_w, false), depth);
    if (!fits)
        y = tm_resize_bilinear(b, y, h, w, false);
    y = tm_byob_conv(m, "conv_proj", y, (tm_conv){.out = at->out, .kernel = 1}, true);
    y = tm_concat_c(b, 2, (tm_node *[]){x, y});
    return tm_byob_conv(m, "conv_fusion", y, (tm_conv){.out = at->out, .kernel = 3}, true);
}

/* ---- V2 ---- */

/* timm's LinearSelfAttention: one score for each token weighs the keys of a row, whose sum scales
 * all of its values. */
static tm_node *attend(tm_builder *b, tm_node *x)
{
    int rows = x->shape.h, tokens = x->shape.w, c = x->shape.c;
    tm_push(b, "attn");
    x = tm_conv2d(b, "qkv_proj", x, (tm_conv){.out = 1 + 2 * c, .kernel = 1, .bias = true});
    tm_node *scores = tm_reshape(b, tm_slice_c(b, x, 0, 1), rows, 1, tokens);
    tm_node *context = tm_matmul(b, tm_softmax_c(b, scores, 1), tm_slice_c(b, x, 1, c));
    x = tm_mul(b, tm_activate(b, tm_slice_c(b, x, 1 + c, c), TM_ACT_RELU), context);
    x = tm_conv2d(b, "out_proj", x, (tm_conv){.out = c, .kernel = 1, .bias = true});
    tm_pop(b);
    return x;
}

static tm_node *transform_linear(tm_builder *b, tm_node *x, int depth)
{
    tm_ffn ffn = {.hidden = 2 * x->shape.c, .act = TM_ACT_SILU, .conv = true};
    int h = x->shape.h, w = x->shape.w;
    x = regroup(b, x, h, w, false);
    for (int i = 0; i < depth; i++) {
        tm_push(b, "transformer.%d", i);
        x = tm_add(b, x, attend(b, tm_normalize(b, "norm1", x, map_norm)));
        x = tm_add(b, x, tm_feed_forward(b, "mlp", tm_normalize(b, "norm2", x, map_norm), ffn));
        tm_pop(b);
    }
    return regroup(b, tm_normalize(b, "norm", x, map_norm), h, w, true);
}

/* A map that was made larger to fit stays so. */
static tm_node *second_block(const tm_byob_net *m, tm_node *x, const tm_byob_at *at, int depth)
{
    tm_conv local = {
        .out = at->in, .kernel = 3, .dilation = at->dilation[0], .groups = TM_DEPTHWISE};
    int h = whole_patches(x->shape.h), w = whole_patches(x->shape.w);
    if (h != x->shape.h || w != x->shape.w)
        x = tm_resize_bilinear(m->b, x, h, w, true);
    x = tm_byob_conv(m, "conv_kxk", x, local, true);
    x = tm_conv2d(m->b, "conv_1x1", x,
                  (tm_conv){.out = tm_divisible(0.5 * at->in, 8, 0.9), .kernel = 1});
    x = transform_linear(m->b, x, depth);
    return tm_byob_conv(m, "conv_proj", x, (tm_conv){.out = at->out, .kernel = 1}, false);
}

static tm_node *own_block(const tm_byob_net *m, tm_node *x, const tm_byob_at *at)
{
    const mobilevit_variant *v = (const void *)m->v; /* which its net begins */
    int stage = at->stage_index - FIRST_ATTENDING;
    return v->dims[stage] ? first_block(m, x, at, v->dims[stage], depths[stage])
                          : second_block(m, x, at, depths[stage]);
}

static void build(tm_builder *b, const void *variant)
{
    const mobilevit_variant *v = variant;
    tm_byob_build(b, &v->net, own_block);
}

const tm_family tm_family_mobilevit = {
    .module = "mobilevit", TM_VARIANTS(variants), .build = build};
