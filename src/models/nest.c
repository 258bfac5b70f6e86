/* SPDX-License-Identifier: Apache-2.0 */
/* timm's nest.py: Nested Transformer (2105.12723). */

#include "layers/classifier.h"
#include "layers/mlp.h"
#include "layers/patch_embed.h"
#include "layers/taps.h"
#include "layers/window.h"
#include "models/model.h"

enum { LEVELS = 3, PATCH = 4 };

typedef enum padding { SYMMETRIC, TENSORFLOW } padding;

typedef struct nest_variant {
    const char *name;
    int depths[LEVELS], dims[LEVELS], heads[LEVELS];
    padding pad;
    int patch;    /* 4 */
    double ratio; /* of MLPs; 4 */
    bool no_qkv_bias;
} nest_variant;

static const nest_variant variants[] = {
    {"nest_base", {2, 2, 20}, {128, 256, 512}, {4, 8, 16}, .pad = SYMMETRIC},
    {"nest_base_jx", {2, 2, 20}, {128, 256, 512}, {4, 8, 16}, .pad = TENSORFLOW},
    {"nest_small", {2, 2, 20}, {96, 192, 384}, {3, 6, 12}, .pad = SYMMETRIC},
    {"nest_small_jx", {2, 2, 20}, {96, 192, 384}, {3, 6, 12}, .pad = TENSORFLOW},
    {"nest_tiny", {2, 2, 8}, {96, 192, 384}, {3, 6, 12}, .pad = SYMMETRIC},
    {"nest_tiny_jx", {2, 2, 8}, {96, 192, 384}, {3, 6, 12}, .pad = TENSORFLOW},
};

static const tm_norm norm = {.kind = TM_NORM_LAYER, .eps = 1e-6f};

/* timm's answer of the heads has the head as the inner index of its channels, so the columns of
 * what reads it are brought to the order of tm_attend. */
static tm_node *project(tm_builder *b, tm_node *x, int heads)
{
    int c = x->shape.c;
    tm_node *weight = tm_param2(b, "proj.weight", c, c);
    weight = tm_const_reshape(b, weight, 3, (int64_t[]){c, c / heads, heads});
    weight = tm_const_permute(b, weight, (int[]){0, 2, 1});
    weight = tm_const_reshape(b, weight, 2, (int64_t[]){c, c});
    return tm_conv2d_with(b, "proj", x, weight, tm_param1(b, "proj.bias", c),
                          (tm_conv){.out = c, .kernel = 1, .linear = true});
}

static tm_node *attend(tm_builder *b, const nest_variant *v, tm_node *x, int heads)
{
    int c = x->shape.c;
    tm_push(b, "attn");
    x = tm_linear(b, "qkv", x, 3 * c, !v->no_qkv_bias);
    x = tm_attend(b, tm_slice_c(b, x, 0, c), tm_slice_c(b, x, c, c), tm_slice_c(b, x, 2 * c, c),
                  (tm_attention){.heads = heads});
    x = project(b, x, heads);
    tm_pop(b);
    return x;
}

/* x is blocks x pixels of a block x channels */
static tm_node *add_positions(tm_builder *b, tm_node *x)
{
    tm_shape s = x->shape;
    tm_node *positions = tm_param4(b, "pos_embed", 1, s.h, s.w, s.c);
    positions = tm_const_reshape(b, positions, 2, (int64_t[]){(int64_t)s.h * s.w, s.c});
    return tm_reshape(b, tm_add(b, tm_map_tokens(b, x), positions), s.h, s.w, s.c);
}

static tm_node *aggregate(tm_builder *b, const nest_variant *v, tm_node *x, int out)
{
    bool same = v->pad == TENSORFLOW;
    tm_pool pool = {.max = true, .kernel = 3, .stride = 2, .pad = 1, .same = same};
    tm_conv conv = {
        .out = out, .kernel = 3, .padding = same ? TM_PAD_SAME : TM_PAD_DEFAULT, .bias = true};
    x = tm_normalize(b, "pool.norm", tm_conv2d(b, "pool.conv", x, conv), norm);
    return tm_pool2d(b, x, pool);
}

static tm_node *level(tm_builder *b, const nest_variant *v, tm_node *x, int index)
{
    if (index)
        x = aggregate(b, v, x, v->dims[index]);
    int h = x->shape.h, w = x->shape.w, across = 1 << (LEVELS - 1 - index);
    tm_window window = {.h = h / across, .w = w / across};
    double ratio = v->ratio > 0 ? v->ratio : 4;
    tm_ffn ffn = {.hidden = (int)(ratio * v->dims[index]), .act = TM_ACT_GELU};
    x = add_positions(b, tm_window_partition(b, x, window));
    for (int i = 0; i < v->depths[index]; i++) {
        tm_push(b, "transformer_encoder.%d", i);
        x = tm_add(b, x, attend(b, v, tm_normalize(b, "norm1", x, norm), v->heads[index]));
        x = tm_add(b, x, tm_feed_forward(b, "mlp", tm_normalize(b, "norm2", x, norm), ffn));
        tm_pop(b);
    }
    return tm_window_reverse(b, x, h, w, window);
}

static void build(tm_builder *b, const void *variant)
{
    const nest_variant *v = variant;
    tm_node *x = b->graph->input;
    int patch = v->patch ? v->patch : PATCH;
    if (x->shape.h != x->shape.w || x->shape.h % (patch << (LEVELS - 1))) {
        tm_refuse(b, "picture %dx%d: blocks fit only squares whose side divides by %d", x->shape.h,
                  x->shape.w, patch << (LEVELS - 1));
        return;
    }
    x = tm_patch_embed(b, "patch_embed", x, v->dims[0], patch, true);
    /* reductions are timm's, which are of patches of 4 whatever they are */
    for (int i = 0; i < LEVELS; i++) {
        tm_push(b, "levels.%d", i);
        x = level(b, v, x, i);
        tm_pop(b);
        if (i < LEVELS - 1)
            tm_tap_stage_of(b, "levels", i, x, PATCH << i);
    }
    x = tm_tap_last_stage(b, "levels", LEVELS - 1, x, PATCH << (LEVELS - 1), norm);
    tm_classifier_head(b, x, "avg", "head");
}

static const tm_choice paddings[] = {{"", SYMMETRIC}, {"same", TENSORFLOW}, {NULL, 0}};

static const tm_argument arguments[] = {
    TM_TAKES(nest_variant, "patch_size", INTEGER, patch, 1, 1024),
    TM_TAKES(nest_variant, "mlp_ratio", NUMBER, ratio, TM_RATIOS),
    TM_TAKES(nest_variant, "qkv_bias", NO_FLAG, no_qkv_bias, TM_ANY),
    TM_TAKES(nest_variant, "pad_type", CHOICE, pad, TM_ANY, .choices = paddings),
};

const tm_family tm_family_nest = {
    .module = "nest", TM_VARIANTS(variants), TM_ARGUMENTS(arguments), .build = build};
