/* SPDX-License-Identifier: Apache-2.0 */
/* timm's efficientvim.py: EfficientViM (2411.15241). */
#include <stdio.h>
#include <string.h>

#include "layers/classifier.h"
#include "layers/conv_bn_act.h"
#include "layers/make_divisible.h"
#include "layers/patch_embed.h"
#include "layers/squeeze_excite.h"
#include "models/filters.h"
#include "models/model.h"

enum { STAGES = 3, HEADS = STAGES + 1, STEM = 4, MIXED = 4 /* parts of a block */ };

typedef struct efficientvim_variant {
    const char *name;
    int dims[STAGES], depths[STAGES];
    int states[STAGES]; /* hidden states, each of a stage's width */
    bool distilled;
} efficientvim_variant;

/* clang-format off */
static const efficientvim_variant variants[] = {
    {"efficientvim_m1", {128, 192, 320}, {2, 2, 2}, {49, 25, 9}, false},
    {"efficientvim_m1_dist", {128, 192, 320}, {2, 2, 2}, {49, 25, 9}, true},
    {"efficientvim_m2", {128, 256, 512}, {2, 2, 2}, {49, 25, 9}, false},
    {"efficientvim_m2_dist", {128, 256, 512}, {2, 2, 2}, {49, 25, 9}, true},
    {"efficientvim_m3", {224, 320, 512}, {2, 2, 2}, {49, 25, 9}, false},
    {"efficientvim_m3_dist", {224, 320, 512}, {2, 2, 2}, {49, 25, 9}, true},
    {"efficientvim_m4", {224, 320, 512}, {3, 4, 2}, {64, 32, 16}, false},
    {"efficientvim_m4_dist", {224, 320, 512}, {3, 4, 2}, {64, 32, 16}, true},
};
/* clang-format on */

static const tm_norm norm = {.kind = TM_NORM_LAYER, .eps = 1e-5f};
static const tm_norm batch_norm = {.kind = TM_NORM_BATCH};

/* name.conv, name.norm */
static tm_node *conv_norm(tm_builder *b, const char *name, tm_node *x, tm_conv conv,
                          tm_act_kind act)
{
    tm_push(b, "%s", name);
    x = tm_conv_norm(b, "conv", "norm", x, conv);
    tm_pop(b);
    return tm_activate(b, x, act);
}

static tm_conv depthwise(const tm_node *x)
{
    return (tm_conv){.out = x->shape.c, .kernel = 3, .groups = TM_DEPTHWISE};
}

/* A convolution of one dimension, 1 long: a linear layer of tokens. */
static tm_node *project(tm_builder *b, const char *name, tm_node *x, int out)
{
    tm_push(b, "%s.conv", name);
    tm_node *weight = tm_param3(b, "weight", out, x->shape.c, 1);
    weight = tm_const_reshape(b, weight, 4, (int64_t[]){out, x->shape.c, 1, 1});
    x = tm_conv2d_with(b, NULL, x, weight, NULL, (tm_conv){.out = out, .kernel = 1});
    tm_pop(b);
    return x;
}

/* Hidden states, 1 x states x channels: sums of pixels, each state weighted by a softmax over all
 * of them. */
static tm_node *gather_states(tm_builder *b, tm_node *x, tm_node *weights, int states)
{
    tm_node *by_state = tm_transpose(b, weights);
    tm_node *mix = tm_softmax_c(b, tm_slice_w(b, by_state, 2 * states, states), 1);
    mix = tm_mul(b, mix, tm_slice_w(b, by_state, 0, states));
    return tm_matmul(b, mix, x);
}

/* timm's HSMSSD; the mixed map, and in *hidden the states. What A adds to the softmax is the same
 * for all pixels, so it changes nothing. */
static tm_node *mix_states(tm_builder *b, tm_node *x, int states, tm_node **hidden)
{
    int c = x->shape.c, h = x->shape.h, w = x->shape.w;
    tm_push(b, "mixer");
    tm_node *weights = project(b, "BCdt_proj", x, 3 * states);
    weights = tm_map_tokens(b, tm_conv2d(b, "dw.conv", weights, depthwise(weights)));
    tm_unused_param(b, "A", 1, (int64_t[]){states}, true);
    tm_node *state = gather_states(b, tm_map_tokens(b, x), weights, states);
    state = project(b, "hz_proj", state, 2 * c);
    tm_node *gate = tm_activate(b, tm_slice_c(b, state, c, c), TM_ACT_SILU);
    gate = tm_add(b, gate, tm_const_repeat(b, tm_param1(b, "D", 1), c));
    state = project(b, "out_proj", tm_mul(b, tm_slice_c(b, state, 0, c), gate), c);
    tm_pop(b);
    *hidden = state;
    x = tm_matmul(b, tm_slice_c(b, weights, states, states), state);
    return tm_reshape(b, x, h, w, c);
}

static tm_node *share(tm_builder *b, tm_node *alpha, int part)
{
    int64_t c = alpha->dims[1];
    return tm_const_reshape(b, tm_const_slice(b, alpha, 0, part, 1), 1, &c);
}

/* x + share * (y - x) */
static tm_node *blend(tm_builder *b, tm_node *x, tm_node *y, tm_node *alpha, int part)
{
    return tm_add(b, x, tm_mul(b, tm_sub(b, y, x), share(b, alpha, part)));
}

/* The same with a depthwise convolution as y: one that sees the pixel itself as well. */
static tm_node *blend_depthwise(tm_builder *b, const char *name, tm_node *x, tm_node *alpha,
                                int part)
{
    int64_t c = x->shape.c;
    tm_node *weight = share(b, alpha, part);
    tm_push(b, "%s", name);
    tm_branch conv = tm_conv_norm_branch(b, "conv", "norm", x, depthwise(x), batch_norm);
    conv.weight =
        tm_const_mul(b, conv.weight, tm_const_reshape(b, weight, 4, (int64_t[]){c, 1, 1, 1}));
    conv.bias = tm_const_mul(b, conv.bias, weight);
    tm_branch rest = {tm_const_affine(b, weight, -1.0f, 1.0f),
                      tm_const_affine(b, weight, 0.0f, 0.0f)};
    conv = tm_add_branch(b, conv, rest);
    x = tm_conv2d_with(b, "conv", x, conv.weight, conv.bias, depthwise(x));
    tm_pop(b);
    return x;
}

static tm_node *block(tm_builder *b, tm_node *x, int states, tm_node **hidden)
{
    int c = x->shape.c;
    tm_node *alpha = tm_const_sigmoid(b, tm_param2(b, "alpha", MIXED, c));
    x = blend_depthwise(b, "dwconv1", x, alpha, 0);
    x = blend(b, x, mix_states(b, tm_normalize(b, "norm", x, norm), states, hidden), alpha, 1);
    x = blend_depthwise(b, "dwconv2", x, alpha, 2);
    tm_node *y = conv_norm(b, "ffn.fc1", x, (tm_conv){.out = 4 * c, .kernel = 1}, TM_ACT_RELU);
    y = conv_norm(b, "ffn.fc2", y, (tm_conv){.out = c, .kernel = 1}, TM_ACT_NONE);
    return blend(b, x, y, alpha, 3);
}

static tm_node *merge_patches(tm_builder *b, tm_node *x, int out)
{
    int hidden = 4 * out;
    tm_conv spatial = {.out = hidden, .kernel = 3, .stride = 2, .groups = TM_DEPTHWISE};
    tm_push(b, "downsample");
    x = tm_add(b, x, conv_norm(b, "dwconv1", x, depthwise(x), TM_ACT_NONE));
    x = conv_norm(b, "conv.0", x, (tm_conv){.out = hidden, .kernel = 1}, TM_ACT_RELU);
    x = conv_norm(b, "conv.1", x, spatial, TM_ACT_RELU);
    x = tm_squeeze_excite(b, "conv.2", x, tm_divisible(0.25 * hidden, 8, 0));
    x = conv_norm(b, "conv.3", x, (tm_conv){.out = out, .kernel = 1}, TM_ACT_NONE);
    x = tm_add(b, x, conv_norm(b, "dwconv2", x, depthwise(x), TM_ACT_NONE));
    tm_pop(b);
    return x;
}

static tm_node *stem(tm_builder *b, int width)
{
    tm_node *x = b->graph->input;
    for (int i = 0; i < STEM; i++) {
        char name[24];
        snprintf(name, sizeof name, "patch_embed.conv.%d", i);
        x = conv_norm(b, name, x,
                      (tm_conv){.out = width >> (STEM - 1 - i), .kernel = 3, .stride = 2},
                      i < STEM - 1 ? TM_ACT_RELU : TM_ACT_NONE);
    }
    return x;
}

static tm_node *stage(tm_builder *b, const efficientvim_variant *v, tm_node *x, int index,
                      tm_node **hidden)
{
    char module[16], name[16];
    snprintf(module, sizeof module, "stages.%d", index);
    snprintf(name, sizeof name, "norm.%d", index);
    tm_push(b, "%s", module);
    for (int i = 0; i < v->depths[index]; i++) {
        tm_push(b, "blocks.%d", i);
        x = block(b, x, v->states[index], hidden);
        tm_pop(b);
    }
    tm_pop(b);
    tm_tap_feature(b, module, x, 16 << index);
    bool normed = tm_option_norm_intermediates(b);
    tm_tap_intermediate(b, normed ? tm_normalize(b, name, x, norm) : x, TM_LAYOUT_MAP);
    *hidden = tm_normalize(b, name, *hidden, norm);
    return x;
}

/* The mean of what each part says, weighted by a softmax; 0 classes: nothing but the names. */
static tm_node *classify(tm_builder *b, tm_node *const *parts, const char *weights,
                         const char *heads)
{
    int64_t count = HEADS;
    if (!b->options.num_classes) {
        tm_unused_param(b, weights, 1, &count, true);
        return NULL;
    }
    tm_node *share = tm_constant_activation(b, tm_param1(b, weights, HEADS), 1, 1, HEADS), *sum;
    share = tm_softmax_c(b, share, 1);
    for (int i = 0; i < HEADS; i++) {
        char name[24];
        snprintf(name, sizeof name, "%s.%d", heads, i);
        tm_node *said = tm_linear(b, name, parts[i], b->options.num_classes, true);
        said = tm_mul(b, said, tm_slice_c(b, share, i, 1));
        sum = i ? tm_add(b, sum, said) : said;
    }
    return sum;
}

static void head(tm_builder *b, const efficientvim_variant *v, tm_node *const *states)
{
    tm_node *parts[HEADS];
    if (!tm_average_or_none(b)[0])
        tm_refuse(b, "global pool '': the model's answer is then its four forward_features");
    for (int i = 0; i < HEADS; i++)
        parts[i] = tm_reduce_hw(b, states[i], TM_REDUCE_AVG);
    tm_node *x = tm_concat_c(b, HEADS, parts);
    tm_tap_output(b, TM_TAP_PRE_LOGITS, x, TM_LAYOUT_VECTOR);
    tm_node *logits = classify(b, parts, "weights", "heads");
    if (v->distilled) {
        tm_node *other = classify(b, parts, "weights_dist", "heads_dist");
        logits = logits ? tm_affine(b, tm_add(b, logits, other), 0.5f, 0.0f) : NULL;
    }
    tm_tap_output(b, TM_TAP_LOGITS, logits ? logits : x, TM_LAYOUT_VECTOR);
}

static void build(tm_builder *b, const void *variant)
{
    const efficientvim_variant *v = variant;
    b->graph->pruning = TM_PRUNING_OWN;
    tm_node *x = stem(b, v->dims[0]), *states[HEADS];
    for (int i = 0; i < STAGES; i++) {
        x = stage(b, v, x, i, &states[i]);
        if (i + 1 < STAGES) {
            tm_push(b, "stages.%d", i);
            x = merge_patches(b, x, v->dims[i + 1]);
            tm_pop(b);
        }
    }
    b->graph->pruning = TM_PRUNING_OWN;
    states[STAGES] = tm_map_tokens(b, tm_normalize(b, "norm.3", x, norm));
    for (int i = 0; i < HEADS; i++) {
        tm_node *channels = tm_transpose(b, states[i]); /* timm's are [N,C,L] */
        tm_tap_output(b, TM_TAP_FORWARD_FEATURES, channels, TM_LAYOUT_TOKENS);
        tm_tap_output(b, TM_TAP_FINAL, channels, TM_LAYOUT_TOKENS);
    }
    head(b, v, states);
}

/* The authors' norms have weights of the shape that they are multiplied in. */
static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    const efficientvim_variant *v = variant;
    if (!v->distilled) {
        tm_state_drop_prefix(dict, "heads_dist.");
        tm_state_drop_prefix(dict, "weights_dist");
    }
    for (size_t i = 0; i < dict->count; i++)
        if (strstr(dict->tensors[i].name, "norm."))
            tm_reshape_to_param(dict, &dict->tensors[i], graph);
}

static const tm_argument arguments[] = {
    TM_TAKES(efficientvim_variant, "embed_dim", LIST, dims, TM_WIDTHS),
    TM_TAKES(efficientvim_variant, "depths", LIST, depths, TM_DEPTHS),
    TM_TAKES(efficientvim_variant, "state_dim", LIST, states, 1, 4096),
};

const tm_family tm_family_efficientvim = {.module = "efficientvim",
                                          TM_VARIANTS(variants),
                                          TM_ARGUMENTS(arguments),
                                          .build = build,
                                          .filter = filter};
