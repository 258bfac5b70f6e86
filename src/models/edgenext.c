/* SPDX-License-Identifier: Apache-2.0 */
/* timm's edgenext.py: EdgeNeXt (2206.10589). */
#include <stdio.h>
#include <string.h>

#include "layers/channel_attention.h"
#include "layers/classifier.h"
#include "layers/mlp.h"
#include "layers/patch_embed.h"
#include "layers/pos_embed_fourier.h"
#include "layers/taps.h"
#include "models/filters.h"
#include "models/model.h"

enum { STAGES = 4 };

typedef struct edgenext_variant {
    const char *name;
    int depths[STAGES], widths[STAGES];
    int heads; /* 8 */
    bool rw; /* the first block of a stage makes its map smaller; an overlapping stem; convolutions
                without bias */
} edgenext_variant;

static const edgenext_variant variants[] = {
    {"edgenext_xx_small", {2, 2, 6, 2}, {24, 48, 88, 168}, .heads = 4},
    {"edgenext_x_small", {3, 3, 9, 3}, {32, 64, 100, 192}, .heads = 4},
    {"edgenext_small", {3, 3, 9, 3}, {48, 96, 160, 304}, .rw = false},
    {"edgenext_base", {3, 3, 9, 3}, {80, 160, 288, 584}, .rw = false},
    {"edgenext_small_rw", {3, 3, 9, 3}, {48, 96, 192, 384}, .rw = true},
};

static const tm_norm norm = {.kind = TM_NORM_LAYER, .eps = 1e-6f};

static tm_node *stem(tm_builder *b, const edgenext_variant *v)
{
    tm_conv conv = {.out = v->widths[0],
                    .kernel = v->rw ? 9 : 4,
                    .stride = 4,
                    .padding = TM_PAD_EXPLICIT,
                    .pad = v->rw ? 4 : 0,
                    .bias = !v->rw};
    tm_push(b, "stem");
    tm_node *x = tm_normalize(b, "1", tm_conv2d(b, "0", b->graph->input, conv), norm);
    tm_pop(b);
    return x;
}

static tm_node *downsample(tm_builder *b, tm_node *x, int out)
{
    tm_conv conv = {.out = out, .kernel = 2, .stride = 2, .padding = TM_PAD_VALID, .bias = true};
    tm_push(b, "downsample");
    x = tm_conv2d(b, "1", tm_normalize(b, "0", x, norm), conv);
    tm_pop(b);
    return x;
}

/* gamma * mlp(norm x) */
static tm_node *inverted_bottleneck(tm_builder *b, tm_node *x)
{
    tm_ffn ffn = {.hidden = 4 * x->shape.c, .act = TM_ACT_GELU};
    x = tm_feed_forward(b, "mlp", tm_normalize(b, "norm", x, norm), ffn);
    return tm_mul(b, x, tm_param1(b, "gamma", x->shape.c));
}

static tm_node *conv_block(tm_builder *b, const edgenext_variant *v, tm_node *x, int out,
                           int kernel, int stride)
{
    tm_conv conv = {
        .out = out, .kernel = kernel, .stride = stride, .groups = TM_DEPTHWISE, .bias = !v->rw};
    tm_node *y = tm_conv2d(b, "conv_dw", x, conv);
    tm_node *shortcut = stride > 1 || out != x->shape.c ? y : x;
    return tm_add(b, shortcut, inverted_bottleneck(b, y));
}

/* The channels in `parts` parts: each but the last goes through a convolution, together with what
 * came out for the part before it. */
static tm_node *convolve_parts(tm_builder *b, const edgenext_variant *v, tm_node *x, int parts)
{
    int width = (x->shape.c + parts - 1) / parts;
    tm_conv conv = {.out = width, .kernel = 3, .groups = TM_DEPTHWISE, .bias = !v->rw};
    tm_node *out[STAGES], *y = NULL;
    for (int i = 0; i < parts - 1; i++) {
        char name[16];
        snprintf(name, sizeof name, "convs.%d", i);
        tm_node *part = tm_slice_c(b, x, i * width, width);
        out[i] = y = tm_conv2d(b, name, y ? tm_add(b, y, part) : part, conv);
    }
    int begin = (parts - 1) * width;
    out[parts - 1] = tm_slice_c(b, x, begin, x->shape.c - begin);
    return tm_concat_c(b, parts, out);
}

static tm_node *split_transpose_block(tm_builder *b, const edgenext_variant *v, tm_node *x,
                                      int stage)
{
    static const int parts[STAGES] = {2, 2, 3, 4};
    int h = x->shape.h, w = x->shape.w, dim = x->shape.c;
    tm_node *y = tm_map_tokens(b, convolve_parts(b, v, x, parts[stage]));
    if (stage == 1)
        y = tm_add(b, y, tm_fourier_positions(b, "pos_embd", h, w, dim));
    tm_node *attn = tm_normalize(b, "norm_xca", y, norm);
    attn = tm_cross_covariance_attention(b, "xca", attn, v->heads ? v->heads : 8);
    y = tm_add(b, y, tm_mul(b, attn, tm_param1(b, "gamma_xca", dim)));
    return tm_add(b, x, inverted_bottleneck(b, tm_reshape(b, y, h, w, dim)));
}

static tm_node *stage(tm_builder *b, const edgenext_variant *v, tm_node *x, int index)
{
    static const int kernels[STAGES] = {3, 5, 7, 9};
    int last = v->depths[index] - 1;
    tm_push(b, "stages.%d", index);
    if (index && !v->rw)
        x = downsample(b, x, v->widths[index]);
    for (int i = 0; i <= last; i++) {
        tm_push(b, "blocks.%d", i);
        int stride = index && v->rw && i == 0 ? 2 : 1;
        if (index && i == last)
            x = split_transpose_block(b, v, x, index);
        else
            x = conv_block(b, v, x, v->widths[index], kernels[index], stride);
        tm_pop(b);
    }
    tm_pop(b);
    return x;
}

static void build(tm_builder *b, const void *variant)
{
    const edgenext_variant *v = variant;
    tm_node *x = stem(b, v);
    for (int i = 0; i < STAGES; i++) {
        x = stage(b, v, x, i);
        tm_tap_stage_of(b, "stages", i, x, 4 << i);
    }
    tm_tap_final(b, x);
    tm_norm_mlp_head(b, "head", x, (tm_mlp_head){.pool = "avg", .norm = norm});
}

/* The authors' stages.I.J, and downsample_layers.I.J before them. */
static void move_stages(tm_state_dict *dict)
{
    for (size_t i = 0; i < dict->count; i++) {
        tm_tensor_view *view = &dict->tensors[i];
        int stage, block, end = 0;
        sscanf(view->name, "stages.%4d.%4d%n", &stage, &block, &end);
        if (end) {
            tm_state_rename(dict, view, "stages.%d.blocks.%d%s", stage, block, view->name + end);
            continue;
        }
        sscanf(view->name, "downsample_layers.%4d.%4d%n", &stage, &block, &end);
        if (end)
            tm_state_rename(dict, view, "stages.%d.downsample.%d%s", stage, block,
                            view->name + end);
    }
}

static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    static const tm_replacement names[] = {
        {"dwconv", "conv_dw"}, {"pwconv", "mlp.fc"}, {"head.", "head.fc."}};
    (void)variant;
    if (tm_state_find(dict, "head.norm.weight") || tm_state_find(dict, "norm_pre.weight"))
        return;
    tm_state_replace(dict, "downsample_layers.0.", "stem.");
    move_stages(dict);
    tm_replace_all(dict, names, sizeof names / sizeof *names);
    tm_state_replace_prefix(dict, "norm.", "head.norm.");
    for (size_t i = 0; i < dict->count; i++)
        if (dict->tensors[i].rank == 2 && !strstr(dict->tensors[i].name, "head"))
            tm_reshape_to_param(dict, &dict->tensors[i], graph);
}

static const tm_argument arguments[] = {
    TM_TAKES(edgenext_variant, "depths", LIST, depths, 2, 200),
    TM_TAKES(edgenext_variant, "dims", LIST, widths, TM_WIDTHS),
};

const tm_family tm_family_edgenext = {.module = "edgenext",
                                      TM_VARIANTS(variants),
                                      TM_ARGUMENTS(arguments),
                                      .build = build,
                                      .filter = filter};
