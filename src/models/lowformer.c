/* SPDX-License-Identifier: Apache-2.0 */
/* timm's lowformer.py: LowFormer (2409.03460, 2603.26551). */
#include "models/lowformer.h"

#include <stdlib.h>

#include "layers/attention_biases.h"
#include "layers/classifier.h"
#include "layers/patch_embed.h"
#include "layers/taps.h"
#include "models/filters.h"
#include "models/model.h"

enum { EXPAND = 4 };

/* clang-format off */
static const tm_lowformer variants[] = {
    {.name = "lowformer_b0", .width = 16, .depths = {0, 1, 1, 3, 4}},
    {.name = "lowformer_b1", .width = 16, .depths = {0, 1, 1, 5, 5}, .down = 6},
    {.name = "lowformer_b15", .width = 20, .depths = {0, 1, 1, 6, 6}, .wide_head = true,
     .down = 6},
    {.name = "lowformer_b2", .width = 24, .depths = {0, 1, 1, 6, 6}, .wide_head = true,
     .down = 6},
    {.name = "lowformer_b3", .width = 32, .depths = {1, 2, 3, 6, 6}, .down = 6},
    {.name = "lowformer_e1", .width = 20, .depths = {0, 1, 1, 4, 4}, .wide_head = true,
     .down = 6, .no_attention = true, .no_mlp = true},
    {.name = "lowformer_e2", .width = 32, .depths = {1, 2, 3, 4, 4}, .down = 6,
     .no_attention = true, .no_mlp = true},
    {.name = "lowformer_e3", .width = 32, .depths = {1, 2, 3, 6, 6}, .down = 6, .no_mlp = true},
};
/* clang-format on */

typedef struct lowformer {
    tm_builder *b;
    const tm_lowformer *v;
    const tm_lowformer_kind *kind;
} lowformer;

static const tm_norm whole = {.kind = TM_NORM_GROUP, .groups = 1};

/* timm's ConvLayer: name.conv, name.norm; a kernel of 2x2 at stride 1 sees zeros above and on the
 * left. */
static tm_node *layer(const lowformer *m, const char *name, tm_node *x, tm_conv conv, bool norm,
                      tm_act_kind act)
{
    tm_builder *b = m->b;
    bool corner = conv.kernel == 2 && conv.stride < 2;
    if (conv.kernel == 2)
        conv.padding = TM_PAD_VALID;
    tm_push(b, "%s", name);
    if (corner)
        x = tm_pad2d(b, x, 1, 0, 1, 0, TM_PAD_ZERO);
    x = tm_conv2d(b, corner ? "conv.1" : "conv", x, conv);
    if (norm)
        x = tm_normalize(b, "norm", x, (tm_norm){.kind = TM_NORM_BATCH});
    tm_pop(b);
    return tm_activate(b, x, act);
}

typedef struct local_block {
    int out, stride, expand, kernel;
    bool bias;
} local_block;

/* timm's FusedMBConv */
static tm_node *fused(const lowformer *m, tm_node *x, local_block block)
{
    tm_conv spatial = {.out = block.expand * x->shape.c,
                       .kernel = block.kernel,
                       .stride = block.stride,
                       .groups = m->kind->groups,
                       .bias = block.bias};
    x = layer(m, "spatial_conv", x, spatial, true, TM_ACT_HARD_SWISH);
    return layer(m, "point_conv", x, (tm_conv){.out = block.out, .kernel = 1}, true, TM_ACT_NONE);
}

/* timm's MBConv, as it is at the end of a block */
static tm_node *depthwise(const lowformer *m, tm_node *x, int kernel)
{
    int c = x->shape.c;
    bool first = m->v->norm_expand, second = m->v->norm_depthwise;
    tm_conv expand = {.out = EXPAND * c, .kernel = 1, .groups = m->kind->groups, .bias = !first};
    tm_conv spatial = {
        .out = EXPAND * c, .kernel = kernel, .groups = TM_DEPTHWISE, .bias = !second};
    x = layer(m, "inverted_conv", x, expand, first, TM_ACT_HARD_SWISH);
    x = layer(m, "depth_conv", x, spatial, second, TM_ACT_HARD_SWISH);
    return layer(m, "point_conv", x, (tm_conv){.out = c, .kernel = 1}, true, TM_ACT_NONE);
}

/* ---- attention on a smaller map ---- */

/* A map of h x w whose pixel comes from half its place in x; where x has four times the channels,
 * from those of its place among four, one pixel further down and right. */
static tm_node *spread(tm_builder *b, tm_node *x, int h, int w, bool phases)
{
    int parts = phases ? 4 : 1, across = x->shape.w,
        *from = malloc((size_t)h * (size_t)w * sizeof *from);
    if (!from) {
        tm_fail(&b->graph->error, TM_NO_MEMORY, "no memory for a map of %dx%d pixels", h, w);
        return x;
    }
    for (int i = 0; i < h * w; i++) {
        int y = i / w + phases, at = i % w + phases;
        from[i] = (y / 2 * across + at / 2) * parts + (phases ? y % 2 * 2 + at % 2 : 0);
    }
    x = tm_reshape(b, x, x->shape.h, across * parts, x->shape.c / parts);
    x = tm_gather_pixels(b, x, h, w, from);
    free(from);
    return x;
}

/* The weight [in, out, kernel, kernel] of a transposed convolution as that of a plain one, which
 * makes the stride x stride pixels that one pixel becomes as channels. */
static tm_node *transposed_weight(tm_builder *b, int in, int out, int taps, int stride)
{
    static const int backwards[] = {8, 7, 6, 5, 4, 3, 2, 1, 0};
    int rows = stride * stride * out, kernel = taps * stride;
    tm_node *weight = tm_param4(b, "weight", in, out, kernel, kernel);
    weight = tm_const_reshape(b, weight, 6, (int64_t[]){in, out, taps, stride, taps, stride});
    weight = tm_const_permute(b, weight, (int[]){2, 4, 3, 5, 1, 0});
    weight = tm_const_reshape(b, weight, 3, (int64_t[]){taps * taps, rows, in});
    weight = tm_const_gather(b, weight, taps * taps, backwards + 9 - taps * taps);
    weight = tm_const_permute(b, weight, (int[]){1, 2, 0});
    return tm_const_reshape(b, weight, 4, (int64_t[]){rows, in, taps, taps});
}

/* A transposed convolution to a map of h x w: 3x3 at stride 1, else 4x4 at stride 2. */
static tm_node *transposed(tm_builder *b, const char *name, tm_node *x, int out, int h, int w,
                           int stride)
{
    int taps = stride == 2 ? 2 : 3, parts = stride * stride;
    tm_conv conv = {.out = parts * out, .kernel = taps, .padding = TM_PAD_EXPLICIT, .pad = 1};
    tm_push(b, "%s", name);
    tm_node *weight = transposed_weight(b, x->shape.c, out, taps, stride);
    tm_node *bias = tm_const_repeat(b, tm_param1(b, "bias", out), parts);
    x = tm_conv2d_with(b, NULL, x, weight, bias, conv);
    tm_pop(b);
    return stride == 2 ? spread(b, x, h, w, true) : x;
}

static tm_node *grow(const lowformer *m, tm_node *x, int out, int h, int w, int stride)
{
    if (!m->kind->small)
        return transposed(m->b, "upsampling", x, out, h, w, stride);
    x = tm_conv2d(m->b, "upsampling.0", x, (tm_conv){.out = out, .kernel = 1, .bias = true});
    return stride == 2 ? spread(m->b, x, h, w, false) : x;
}

/* The map that is attended to, 1/stride of x a side. */
static tm_node *shrink(const lowformer *m, tm_node *x, int stride)
{
    tm_conv conv = {.out = x->shape.c,
                    .kernel = m->kind->small ? 2 : 2 * stride + 1,
                    .stride = stride,
                    .groups = TM_DEPTHWISE};
    int down = x->shape.h % stride, right = x->shape.w % stride;
    if (m->kind->small && (down || right))
        x = tm_pad2d(m->b, x, 0, down, 0, right, TM_PAD_ZERO);
    return layer(m, "conv_proj", x, conv, true, TM_ACT_NONE);
}

/* timm's ConvAttention */
static tm_node *attend(const lowformer *m, tm_node *x, int stride)
{
    tm_builder *b = m->b;
    int c = x->shape.c, heads = c < 60 ? 1 : c / 60, dim = c / heads / 2, all = heads * dim;
    tm_node *y = shrink(m, x, stride);
    int h = y->shape.h, w = y->shape.w;
    tm_node *weight = tm_param4(b, "pwise.weight", 3 * all, c, 1, 1);
    weight = tm_parts_first(b, weight, (tm_head_parts){heads, 3, {dim, dim, dim}});
    y = tm_conv2d_with(b, "pwise", tm_map_tokens(b, y), weight, NULL,
                       (tm_conv){.out = 3 * all, .kernel = 1});
    y = tm_attend(b, tm_slice_c(b, y, 0, all), tm_slice_c(b, y, all, all),
                  tm_slice_c(b, y, 2 * all, all), (tm_attention){.heads = heads});
    return grow(m, tm_reshape(b, y, h, w, all), c, x->shape.h, x->shape.w, stride);
}

/* ---- blocks ---- */

static tm_node *attention_branch(const lowformer *m, tm_node *x, int stride)
{
    tm_push(m->b, "%s.main", m->kind->attn);
    tm_node *y = m->v->no_mlp ? x : tm_normalize(m->b, "0", x, whole);
    if (!m->v->no_mlp)
        tm_push(m->b, "1");
    y = attend(m, y, stride);
    if (!m->v->no_mlp)
        tm_pop(m->b);
    tm_pop(m->b);
    return tm_add(m->b, x, y);
}

static tm_node *mlp_branch(const lowformer *m, tm_node *x)
{
    int c = x->shape.c;
    tm_push(m->b, "%s.main", m->kind->mlp);
    tm_node *y = tm_normalize(m->b, "0", x, whole);
    y = tm_conv2d(m->b, "1", y, (tm_conv){.out = EXPAND * c, .kernel = 1, .bias = true});
    y = tm_activate(m->b, y, TM_ACT_GELU);
    y = tm_conv2d(m->b, "3", y, (tm_conv){.out = c, .kernel = 1, .bias = true});
    tm_pop(m->b);
    return tm_add(m->b, x, y);
}

static tm_node *block(const lowformer *m, tm_node *x, int stride)
{
    int c = x->shape.c, kernel = m->kind->small ? 2 : 3;
    local_block local = {.out = c, .stride = 1, .expand = EXPAND, .kernel = kernel, .bias = true};
    if (!m->v->no_attention)
        x = attention_branch(m, x, stride);
    if (!m->v->no_mlp)
        x = mlp_branch(m, x);
    tm_push(m->b, "%s.main", m->kind->local);
    x = tm_add(m->b, x, c < 256 ? fused(m, x, local) : depthwise(m, x, kernel));
    tm_pop(m->b);
    return x;
}

static tm_node *stem(const lowformer *m, tm_node *x)
{
    int width = m->v->width;
    local_block local = {.out = width, .stride = 1, .expand = EXPAND, .kernel = 3};
    tm_push(m->b, "stem");
    x = layer(m, "0", x, (tm_conv){.out = width, .kernel = 3, .stride = 2}, true,
              TM_ACT_HARD_SWISH);
    for (int i = 1; i <= m->v->depths[0]; i++) {
        tm_push(m->b, "%d.main", i);
        x = tm_add(m->b, x, fused(m, x, local));
        tm_pop(m->b);
    }
    tm_pop(m->b);
    return x;
}

/* The last two stages attend, after a block more that makes the map smaller. */
static tm_node *stage(const lowformer *m, tm_node *x, int index)
{
    bool attends = index >= 2;
    local_block local = {.out = m->v->width << (index + 1),
                         .stride = 2,
                         .expand = m->v->down ? m->v->down : EXPAND,
                         .kernel = 3};
    for (int i = 0; i < m->v->depths[index + 1] + attends; i++) {
        tm_push(m->b, attends && i ? "stages.%d.%d" : "stages.%d.%d.main", index, i);
        if (i == 0)
            x = fused(m, x, local);
        else
            x = attends ? block(m, x, index == 2 ? 2 : 1) : tm_add(m->b, x, fused(m, x, local));
        tm_pop(m->b);
        local.stride = 1;
        local.expand = EXPAND;
    }
    return x;
}

/* Without a pool its layers see every pixel. */
static void head(const lowformer *m, tm_node *x)
{
    tm_builder *b = m->b;
    tm_layout layout;
    if (m->kind->average_only)
        tm_average_or_none(b);
    x = layer(m, m->kind->in_conv, x, (tm_conv){.out = m->v->wide_head ? 2304 : 1536, .kernel = 1},
              true, TM_ACT_HARD_SWISH);
    x = tm_head_pool(b, x, "avg", &layout);
    x = tm_linear(b, m->kind->linear, x, m->v->wide_head ? 2560 : 1600, false);
    x = tm_normalize(b, m->kind->norm, x, (tm_norm){.kind = TM_NORM_LAYER});
    x = tm_activate(b, x, TM_ACT_HARD_SWISH);
    tm_tap_output(b, TM_TAP_PRE_LOGITS, x, layout);
    if (b->options.num_classes > 0)
        x = tm_linear(b, m->kind->classifier, x, b->options.num_classes, true);
    tm_tap_output(b, TM_TAP_LOGITS, x, layout);
}

void tm_lowformer_build(tm_builder *b, const tm_lowformer *v, const tm_lowformer_kind *kind)
{
    lowformer m = {.b = b, .v = v, .kind = kind};
    tm_node *x = stem(&m, b->graph->input);
    for (int i = 0; i < TM_LOWFORMER_STAGES; i++) {
        x = stage(&m, x, i);
        tm_tap_stage_of(b, "stages", i, x, 4 << i);
    }
    tm_tap_final(b, x);
    head(&m, x);
}

static void build(tm_builder *b, const void *variant)
{
    static const tm_lowformer_kind kind = {.attn = "attn",
                                           .mlp = "mlp",
                                           .local = "local",
                                           .in_conv = "in_conv",
                                           .linear = "pre_classifier.0",
                                           .norm = "pre_classifier.1",
                                           .classifier = "classifier",
                                           .groups = 1};
    tm_lowformer_build(b, variant, &kind);
}

static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    static const tm_replacement names[] = {{"backbone.input_stem.", "stem."},
                                           {"backbone.stages.", "stages."},
                                           {"head.opseq.", "head."},
                                           {"head.op_list.0.", "in_conv."},
                                           {"head.op_list.2.linear.", "pre_classifier.0."},
                                           {"head.op_list.2.norm.", "pre_classifier.1."},
                                           {"head.op_list.3.linear.", "classifier."},
                                           {".op_list.", "."},
                                           {".total.0.0.", ".attn."},
                                           {".total.0.1.", ".mlp."},
                                           {".total.0.", ".attn."},
                                           {".total.1.", ".local."},
                                           {".conv_proj.0.", ".conv_proj.conv."},
                                           {".conv_proj.1.", ".conv_proj.norm."},
                                           {".pwise.0.", ".pwise."}};
    (void)graph, (void)variant;
    if (!tm_state_find(dict, "stem.0.conv.weight"))
        tm_replace_all(dict, names, sizeof names / sizeof *names);
}

const tm_family tm_family_lowformer = {
    .module = "lowformer", TM_VARIANTS(variants), .build = build, .filter = filter};
