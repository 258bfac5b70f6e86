/* SPDX-License-Identifier: Apache-2.0 */
/* timm's gcvit.py: Global Context Vision Transformer (2206.09959). */
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
    int heads; /* of the first stage, twice as many in each that follows; of 32 channels */
    bool wide; /* MLPs of twice the width in place of three times, layer scale */
} gcvit_variant;

static const gcvit_variant variants[] = {
    {"gcvit_base", {3, 4, 19, 5}, 4, true},   {"gcvit_small", {3, 4, 19, 5}, 3, true},
    {"gcvit_tiny", {3, 4, 19, 5}, 2, false},  {"gcvit_xtiny", {3, 4, 6, 5}, 2, false},
    {"gcvit_xxtiny", {2, 2, 6, 2}, 2, false},
};

static const int window_ratios[STAGES] = {32, 32, 16, 32}; /* of the picture */
static const tm_norm norm = {.kind = TM_NORM_LAYER, .eps = 1e-5f};

static tm_node *conv_block(tm_builder *b, const char *name, tm_node *x)
{
    int c = x->shape.c;
    tm_squeeze squeeze = {
        .reduced = tm_divisible(0.25 * c, 8, 0), .act = TM_ACT_GELU, .no_bias = true};
    tm_push(b, "%s", name);
    tm_node *y =
        tm_conv2d(b, "conv_dw", x, (tm_conv){.out = c, .kernel = 3, .groups = TM_DEPTHWISE});
    y = tm_squeeze_excite_with(b, "se", tm_activate(b, y, TM_ACT_GELU), squeeze);
    y = tm_conv2d(b, "conv_pw", y, (tm_conv){.out = c, .kernel = 1});
    tm_pop(b);
    return tm_add(b, y, x);
}

static tm_node *downsample(tm_builder *b, const char *name, tm_node *x, int out)
{
    tm_push(b, "%s", name);
    x = conv_block(b, "conv_block", tm_normalize(b, "norm1", x, norm));
    x = tm_conv2d(b, "reduction", x, (tm_conv){.out = out, .kernel = 3, .stride = 2});
    x = tm_normalize(b, "norm2", x, norm);
    tm_pop(b);
    return x;
}

/* The map made as small as one of its windows: queries that all windows share. */
static tm_node *global_query(tm_builder *b, tm_node *x, tm_window window)
{
    int least = x->shape.h < x->shape.w ? x->shape.h : x->shape.w, i = 0;
    int side = window.h < window.w ? window.h : window.w;
    tm_push(b, "global_block.blocks");
    do {
        char name[16];
        snprintf(name, sizeof name, "conv%d", ++i);
        x = conv_block(b, name, x);
        if (least > side)
            x = tm_pool2d(b, x, (tm_pool){.max = true, .kernel = 3, .stride = 2, .pad = 1});
        least /= 2;
    } while (least > side);
    tm_pop(b);
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

static tm_node *attend(tm_builder *b, tm_node *x, tm_node *query, int heads, tm_window window)
{
    tm_shape s = x->shape;
    int own = query ? 0 : s.c; /* channels of its own queries */
    int64_t offsets = (int64_t)(2 * window.h - 1) * (2 * window.w - 1);
    tm_push(b, "attn");
    tm_node *table = tm_param2(b, "rel_pos.relative_position_bias_table", offsets, heads);
    x = tm_linear(b, "qkv", tm_window_partition(b, x, window), own + 2 * s.c, true);
    tm_node *q = query ? repeat(b, query, x->shape.h) : tm_slice_c(b, x, 0, s.c);
    x = tm_attend(b, q, tm_slice_c(b, x, own, s.c), tm_slice_c(b, x, own + s.c, s.c),
                  (tm_attention){.heads = heads,
                                 .bias = tm_relative_position_bias(b, table, window.h, window.w)});
    x = tm_window_reverse(b, tm_linear(b, "proj", x, s.c, true), s.h, s.w, window);
    tm_pop(b);
    return x;
}

static tm_node *block(tm_builder *b, const gcvit_variant *v, tm_node *x, tm_node *query, int heads,
                      tm_window window)
{
    tm_ffn ffn = {.hidden = (v->wide ? 2 : 3) * x->shape.c, .act = TM_ACT_GELU};
    tm_node *y = attend(b, tm_normalize(b, "norm1", x, norm), query, heads, window);
    x = tm_add(b, x, v->wide ? tm_layer_scale(b, "ls1", y) : y);
    y = tm_feed_forward(b, "mlp", tm_normalize(b, "norm2", x, norm), ffn);
    return tm_add(b, x, v->wide ? tm_layer_scale(b, "ls2", y) : y);
}

static tm_node *stage(tm_builder *b, const gcvit_variant *v, tm_node *x, int index)
{
    tm_window window = {.h = b->options.img_h / window_ratios[index],
                        .w = b->options.img_w / window_ratios[index]};
    if (index)
        x = downsample(b, "downsample", x, 2 * x->shape.c);
    tm_node *query = global_query(b, x, window);
    for (int i = 0; i < v->depths[index]; i++) {
        tm_push(b, "blocks.%d", i);
        x = block(b, v, x, i % 2 ? query : NULL, v->heads << index, window);
        tm_pop(b);
    }
    return index == STAGES - 1 ? tm_normalize(b, "norm", x, norm) : x;
}

static void build(tm_builder *b, const void *variant)
{
    const gcvit_variant *v = variant;
    tm_node *x = b->graph->input;
    if (x->shape.h % REDUCTION || x->shape.w % REDUCTION) {
        tm_refuse(b, "picture %dx%d: windows fit only sides that divide by %d", x->shape.h,
                  x->shape.w, REDUCTION);
        return;
    }
    x = tm_conv2d(b, "stem.conv1", x,
                  (tm_conv){.out = 32 * v->heads, .kernel = 3, .stride = 2, .bias = true});
    x = downsample(b, "stem.down", x, x->shape.c);
    for (int i = 0; i < STAGES; i++) {
        tm_push(b, "stages.%d", i);
        x = stage(b, v, x, i);
        tm_pop(b);
        tm_tap_stage_of(b, "stages", i, x, 4 << i);
    }
    tm_tap_final(b, x);
    tm_classifier_head(b, x, "avg", "head.fc");
}

const tm_family tm_family_gcvit = {.module = "gcvit", TM_VARIANTS(variants), .build = build};
