/* SPDX-License-Identifier: Apache-2.0 */
/* timm's gcvit.py: Global Context Vision Transformer (2206.09959). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "layers/classifier.h"
#include "layers/layer_scale.h"
#include "layers/make_divisible.h"
#include "layers/mlp.h"
#include "layers/squeeze_excite.h"
#include "layers/taps.h"
#include "layers/window.h"
#include "models/model.h"

enum { STAGES = 4, REDUCTION = 32 };

typedef struct gcvit_variant {
    const char *name;
    int depths[STAGES];
    int heads;        /* of the first stage, twice as many in each that follows */
    int width;        /* of the first stage, twice as many in each that follows; 64 */
    double mlp_ratio; /* 3 */
    bool layer_scale;
    int windows[STAGES], window_ratios[STAGES]; /* sides, or else parts of the picture's */
    bool no_qkv_bias;
    tm_act_kind act; /* GELU */
    double norm_eps; /* 1e-5 */
} gcvit_variant;

#define WIDE .mlp_ratio = 2, .layer_scale = true
static const gcvit_variant variants[] = {
    {"gcvit_base", {3, 4, 19, 5}, .heads = 4, .width = 128, WIDE},
    {"gcvit_small", {3, 4, 19, 5}, .heads = 3, .width = 96, WIDE},
    {"gcvit_tiny", {3, 4, 19, 5}, .heads = 2},
    {"gcvit_xtiny", {3, 4, 6, 5}, .heads = 2},
    {"gcvit_xxtiny", {2, 2, 6, 2}, .heads = 2},
};

typedef struct gcvit {
    tm_builder *b;
    const gcvit_variant *v;
    tm_norm norm;
    tm_act_kind act; /* of the stem and the MLPs; the other convolutions' is GELU */
} gcvit;

static tm_node *conv_block(tm_builder *b, const char *name, tm_node *x, tm_act_kind act)
{
    int c = x->shape.c;
    tm_squeeze squeeze = {.reduced = tm_divisible(0.25 * c, 8, 0), .act = act, .no_bias = true};
    tm_push(b, "%s", name);
    tm_node *y =
        tm_conv2d(b, "conv_dw", x, (tm_conv){.out = c, .kernel = 3, .groups = TM_DEPTHWISE});
    y = tm_squeeze_excite_with(b, "se", tm_activate(b, y, act), squeeze);
    y = tm_conv2d(b, "conv_pw", y, (tm_conv){.out = c, .kernel = 1});
    tm_pop(b);
    return tm_add(b, y, x);
}

static tm_node *downsample(const gcvit *m, const char *name, tm_node *x, int out, tm_act_kind act)
{
    tm_builder *b = m->b;
    tm_push(b, "%s", name);
    x = conv_block(b, "conv_block", tm_normalize(b, "norm1", x, m->norm), act);
    x = tm_conv2d(b, "reduction", x, (tm_conv){.out = out, .kernel = 3, .stride = 2});
    x = tm_normalize(b, "norm2", x, m->norm);
    tm_pop(b);
    return x;
}

/* The map made as small as one of its windows: queries that all windows share. */
static tm_node *global_query(tm_builder *b, tm_node *x, tm_window window)
{
    int least = x->shape.h < x->shape.w ? x->shape.h : x->shape.w;
    int side = window.h < window.w ? window.h : window.w;
    int halvings = (int)log2((double)least / side);
    tm_push(b, "global_block.blocks");
    for (int i = 0; i < halvings || i == 0; i++) {
        char name[16];
        snprintf(name, sizeof name, "conv%d", i + 1);
        x = conv_block(b, name, x, TM_ACT_GELU);
        if (halvings)
            x = tm_pool2d(b, x, (tm_pool){.max = true, .kernel = 3, .stride = 2, .pad = 1});
    }
    tm_pop(b);
    if (x->shape.h * x->shape.w != window.h * window.w)
        tm_refuse(b, "windows of %dx%d pixels: their common queries are %dx%d", window.h, window.w,
                  x->shape.h, x->shape.w);
    return x;
}

/* The query's pixels, once for each of so many windows. */
static tm_node *repeat(tm_builder *b, tm_node *query, int windows)
{
    int tokens = query->shape.h * query->shape.w;
    int *from = malloc((size_t)windows * (size_t)tokens * sizeof *from);
    if (!from) {
        tm_fail(&b->graph->error, TM_NO_MEMORY, "no memory for %d windows", windows);
        return query;
    }
    for (int i = 0; i < windows * tokens; i++)
        from[i] = i % tokens;
    query = tm_gather_pixels(b, query, windows, tokens, from);
    free(from);
    return query;
}

static tm_node *attend(const gcvit *m, tm_node *x, tm_node *query, int heads, tm_window window)
{
    tm_builder *b = m->b;
    tm_shape s = x->shape;
    int own = query ? 0 : s.c; /* channels of its own queries */
    int64_t offsets = (int64_t)(2 * window.h - 1) * (2 * window.w - 1);
    tm_push(b, "attn");
    tm_node *table = tm_param2(b, "rel_pos.relative_position_bias_table", offsets, heads);
    x = tm_linear(b, "qkv", tm_window_partition(b, x, window), own + 2 * s.c, !m->v->no_qkv_bias);
    tm_node *q = query ? repeat(b, query, x->shape.h) : tm_slice_c(b, x, 0, s.c);
    x = tm_attend(b, q, tm_slice_c(b, x, own, s.c), tm_slice_c(b, x, own + s.c, s.c),
                  (tm_attention){.heads = heads,
                                 .bias = tm_relative_position_bias(b, table, window.h, window.w)});
    x = tm_window_reverse(b, tm_linear(b, "proj", x, s.c, true), s.h, s.w, window);
    tm_pop(b);
    return x;
}

static tm_node *block(const gcvit *m, tm_node *x, tm_node *query, int heads, tm_window window)
{
    tm_builder *b = m->b;
    const gcvit_variant *v = m->v;
    double ratio = v->mlp_ratio > 0 ? v->mlp_ratio : 3;
    tm_ffn ffn = {.hidden = (int)(ratio * x->shape.c), .act = m->act};
    tm_node *y = attend(m, tm_normalize(b, "norm1", x, m->norm), query, heads, window);
    x = tm_add(b, x, v->layer_scale ? tm_layer_scale(b, "ls1", y) : y);
    y = tm_feed_forward(b, "mlp", tm_normalize(b, "norm2", x, m->norm), ffn);
    return tm_add(b, x, v->layer_scale ? tm_layer_scale(b, "ls2", y) : y);
}

/* A stage's windows, which have to divide its map. */
static tm_window windows_of(const gcvit *m, const tm_node *x, int stage)
{
    static const int usual[STAGES] = {32, 32, 16, 32};
    const gcvit_variant *v = m->v;
    int ratio = v->window_ratios[stage] ? v->window_ratios[stage] : usual[stage];
    tm_window window = {.h = m->b->options.img_h / ratio, .w = m->b->options.img_w / ratio};
    if (v->windows[stage])
        window.h = window.w = v->windows[stage];
    if (!window.h || !window.w || x->shape.h % window.h || x->shape.w % window.w) {
        tm_refuse(m->b, "windows of %dx%d pixels do not divide a map of %dx%d", window.h, window.w,
                  x->shape.h, x->shape.w);
        return (tm_window){.h = x->shape.h, .w = x->shape.w};
    }
    return window;
}

static tm_node *stage(const gcvit *m, tm_node *x, int index)
{
    tm_builder *b = m->b;
    if (index)
        x = downsample(m, "downsample", x, 2 * x->shape.c, TM_ACT_GELU);
    tm_window window = windows_of(m, x, index);
    tm_node *query = global_query(b, x, window);
    for (int i = 0; i < m->v->depths[index]; i++) {
        tm_push(b, "blocks.%d", i);
        x = block(m, x, i % 2 ? query : NULL, m->v->heads << index, window);
        tm_pop(b);
    }
    return index == STAGES - 1 ? tm_normalize(b, "norm", x, m->norm) : x;
}

static void build(tm_builder *b, const void *variant)
{
    const gcvit_variant *v = variant;
    gcvit m = {.b = b,
               .v = v,
               .norm = {.kind = TM_NORM_LAYER, .eps = v->norm_eps > 0 ? (float)v->norm_eps : 1e-5f},
               .act = v->act ? v->act : TM_ACT_GELU};
    tm_node *x = b->graph->input;
    if (x->shape.h % REDUCTION || x->shape.w % REDUCTION) {
        tm_refuse(b, "picture %dx%d: windows fit only sides that divide by %d", x->shape.h,
                  x->shape.w, REDUCTION);
        return;
    }
    x = tm_conv2d(
        b, "stem.conv1", x,
        (tm_conv){.out = v->width ? v->width : 64, .kernel = 3, .stride = 2, .bias = true});
    x = downsample(&m, "stem.down", x, x->shape.c, m.act);
    for (int i = 0; i < STAGES; i++) {
        tm_push(b, "stages.%d", i);
        x = stage(&m, x, i);
        tm_pop(b);
        tm_tap_stage_of(b, "stages", i, x, 4 << i);
    }
    tm_tap_final(b, x);
    tm_classifier_head(b, x, "avg", "head.fc");
}

#define GCVIT(name, kind, member, ...) TM_TAKES(gcvit_variant, name, kind, member, __VA_ARGS__)
#define THE_WIDE "gcvit_small gcvit_base"
static const tm_argument arguments[] = {
    GCVIT("window_ratio", INTEGERS, window_ratios, 1, 1024),
    GCVIT("window_size", INTEGERS, windows, 1, 64),
    GCVIT("embed_dim", INTEGER, width, TM_WIDTHS, THE_WIDE),
    GCVIT("mlp_ratio", NUMBER, mlp_ratio, TM_RATIOS, THE_WIDE),
    GCVIT("qkv_bias", NO_FLAG, no_qkv_bias, TM_ANY),
    GCVIT("layer_scale", GIVEN, layer_scale, TM_ANY, THE_WIDE),
    GCVIT("act_layer", ACT, act, TM_ANY),
    GCVIT("norm_eps", NUMBER, norm_eps, TM_EPSILONS),
};

const tm_family tm_family_gcvit = {
    .module = "gcvit", TM_VARIANTS(variants), TM_ARGUMENTS(arguments), .build = build};
