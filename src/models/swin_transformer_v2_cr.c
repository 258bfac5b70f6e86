/* SPDX-License-Identifier: Apache-2.0 */
/* timm's swin_transformer_v2_cr.py: Swin Transformer V2 (2111.09883) as its paper tells it, before
 * its authors' code. */
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "layers/classifier.h"
#include "layers/mlp.h"
#include "layers/patch_embed.h"
#include "layers/taps.h"
#include "layers/window.h"
#include "models/filters.h"
#include "models/model.h"
#include "models/swin.h"

enum {
    STAGES = TM_SWIN_STAGES,
    PATCH = 4,
    WINDOWS = 8 /* a side of the first stage */,
    META = 384
};

typedef struct swin_cr_variant {
    const char *name, *same_as;
    int width; /* of the first stage, twice as much in each that follows */
    int heads[STAGES], depths[STAGES];
    bool stage_norm; /* at the end of every stage, not of the last alone */
    int norm_period; /* a norm after every so many blocks */
    tm_swin_any any;
} swin_cr_variant;

/* clang-format off */
static const swin_cr_variant variants[] = {
    {.name = "swinv2_cr_base_224", .width = 128, .heads = {4, 8, 16, 32}, .depths = {2, 2, 18, 2}},
    {.name = "swinv2_cr_base_384", .same_as = "swinv2_cr_base_224"},
    {.name = "swinv2_cr_base_ns_224", .width = 128, .heads = {4, 8, 16, 32}, .depths = {2, 2, 18, 2},
     .stage_norm = true},
    {.name = "swinv2_cr_giant_224", .width = 512, .heads = {16, 32, 64, 128}, .depths = {2, 2, 42, 2},
     .norm_period = 6},
    {.name = "swinv2_cr_giant_384", .same_as = "swinv2_cr_giant_224"},
    {.name = "swinv2_cr_huge_224", .width = 352, .heads = {8, 16, 32, 64}, .depths = {2, 2, 18, 2},
     .norm_period = 6},
    {.name = "swinv2_cr_huge_384", .width = 352, .heads = {11, 22, 44, 88}, .depths = {2, 2, 18, 2},
     .norm_period = 6},
    {.name = "swinv2_cr_large_224", .width = 192, .heads = {6, 12, 24, 48}, .depths = {2, 2, 18, 2}},
    {.name = "swinv2_cr_large_384", .same_as = "swinv2_cr_large_224"},
    {.name = "swinv2_cr_small_224", .width = 96, .heads = {3, 6, 12, 24}, .depths = {2, 2, 18, 2}},
    {.name = "swinv2_cr_small_384", .same_as = "swinv2_cr_small_224"},
    {.name = "swinv2_cr_small_ns_224", .width = 96, .heads = {3, 6, 12, 24}, .depths = {2, 2, 18, 2},
     .stage_norm = true},
    {.name = "swinv2_cr_small_ns_256", .same_as = "swinv2_cr_small_ns_224"},
    {.name = "swinv2_cr_tiny_224", .width = 96, .heads = {3, 6, 12, 24}, .depths = {2, 2, 6, 2}},
    {.name = "swinv2_cr_tiny_384", .same_as = "swinv2_cr_tiny_224"},
    {.name = "swinv2_cr_tiny_ns_224", .width = 96, .heads = {3, 6, 12, 24}, .depths = {2, 2, 6, 2},
     .stage_norm = true},
};
/* clang-format on */

static const tm_norm norm = {.kind = TM_NORM_LAYER, .eps = 1e-5f};

static float log_distance(int d)
{
    return d < 0 ? -logf(1.0f - (float)d) : logf(1.0f + (float)d);
}

/* All offsets between two pixels of a window, down and across: [offsets, 2] */
static tm_node *offsets(tm_builder *b, tm_window window)
{
    int down = 2 * window.h - 1, across = 2 * window.w - 1, count = down * across;
    float *values = malloc(2 * (size_t)count * sizeof *values);
    if (!values) {
        tm_fail(&b->graph->error, TM_NO_MEMORY, "no memory for %d offsets", count);
        return tm_literal(b, 2, (int64_t[]){1, 2}, (float[]){0.0f, 0.0f});
    }
    for (int i = 0; i < count; i++) {
        values[2 * i] = log_distance(i / across - (window.h - 1));
        values[2 * i + 1] = log_distance(i % across - (window.w - 1));
    }
    tm_node *node = tm_literal(b, 2, (int64_t[]){count, 2}, values);
    free(values);
    return node;
}

/* A small network gives every offset a bias for each head. */
static tm_node *position_bias(tm_builder *b, int heads, tm_window window)
{
    tm_push(b, "meta_mlp");
    tm_node *x = tm_const_linear(b, offsets(b, window), tm_param2(b, "fc1.weight", META, 2),
                                 tm_param1(b, "fc1.bias", META));
    x = tm_const_clamp(b, x, 0.0f, INFINITY);
    x = tm_const_linear(b, x, tm_param2(b, "fc2.weight", heads, META),
                        tm_param1(b, "fc2.bias", heads));
    tm_pop(b);
    return tm_relative_position_bias(b, x, window.h, window.w);
}

/* The logits of every head's cosines are scaled by exp(logit_scale), at most 100. Norms without
 * weights leave vectors of length sqrt(head), so the products are divided by head. */
static tm_node *scaled_cosine(tm_builder *b, tm_node *q, int heads)
{
    int c = q->shape.c, head = c / heads;
    tm_node *scale = tm_const_clamp(b, tm_param1(b, "logit_scale", heads), -INFINITY, logf(100.0f));
    scale = tm_const_affine(b, tm_const_exp(b, scale), 1.0f / (float)head, 0.0f);
    scale = tm_const_repeat(b, tm_const_reshape(b, scale, 2, (int64_t[]){1, heads}), head);
    scale = tm_const_permute(b, scale, (int[]){1, 0});
    return tm_mul(b, q, tm_const_reshape(b, scale, 1, (int64_t[]){c}));
}

static tm_node *attend(tm_builder *b, tm_node *x, int heads, tm_window window)
{
    tm_shape s = x->shape;
    tm_norm length = {.kind = TM_NORM_RMS,
                      .groups = heads,
                      .eps = 1e-24f / (float)(s.c / heads),
                      .no_affine = true};
    tm_push(b, "attn");
    x = tm_linear(b, "qkv", tm_window_partition(b, x, window), 3 * s.c, true);
    tm_node *q = tm_normalize(b, "q", tm_slice_c(b, x, 0, s.c), length);
    tm_node *k = tm_normalize(b, "k", tm_slice_c(b, x, s.c, s.c), length);
    x = tm_attend(b, scaled_cosine(b, q, heads), k, tm_slice_c(b, x, 2 * s.c, s.c),
                  (tm_attention){.heads = heads,
                                 .scale = 1.0f,
                                 .bias = position_bias(b, heads, window),
                                 .mask = tm_window_mask(b, s.h, s.w, window)});
    x = tm_window_reverse(b, tm_linear(b, "proj", x, s.c, true), s.h, s.w, window);
    tm_pop(b);
    return x;
}

static bool ends_with_norm(const swin_cr_variant *v, int stage, int index, int depth)
{
    if (v->norm_period && (index + 1) % v->norm_period == 0)
        return true;
    return index == depth - 1 && (v->stage_norm || stage == STAGES - 1);
}

static tm_node *stage(tm_builder *b, const swin_cr_variant *v, tm_node *x, int index)
{
    int depth = v->depths[index];
    if (index)
        x = tm_patch_merging(b, "downsample", x, 2 * x->shape.c, norm);
    tm_shape first = tm_swin_map(b, 0, v->any), map = tm_swin_map(b, index, v->any);
    int side_h = first.h / WINDOWS, side_w = first.w / WINDOWS;
    tm_ffn ffn = {.hidden = 4 * x->shape.c, .act = TM_ACT_GELU};
    for (int i = 0; i < depth; i++) {
        tm_window window = tm_fit_window(map, side_h ? side_h : 1, side_w ? side_w : 1, i % 2 != 0);
        tm_push(b, "blocks.%d", i);
        tm_node *y = attend(b, x, v->heads[index], window);
        x = tm_add(b, x, tm_normalize(b, "norm1", y, norm));
        x = tm_add(b, x, tm_normalize(b, "norm2", tm_feed_forward(b, "mlp", x, ffn), norm));
        if (ends_with_norm(v, index, i, depth))
            x = tm_normalize(b, "norm3", x, norm);
        tm_pop(b);
    }
    return x;
}

static void build(tm_builder *b, const void *variant)
{
    const swin_cr_variant *v = variant;
    tm_node *x = tm_patch_embed(b, "patch_embed", b->graph->input, v->width, PATCH, true);
    x = tm_normalize(b, "patch_embed.norm", x, norm);
    for (int i = 0; i < STAGES; i++) {
        tm_push(b, "stages.%d", i);
        x = stage(b, v, x, i);
        tm_pop(b);
        tm_tap_stage_of(b, "stages", i, x, PATCH << i);
    }
    tm_tap_final(b, x);
    tm_classifier_head(b, x, "avg", "head.fc");
}

static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    (void)graph, (void)variant;
    if (tm_state_find(dict, "head.fc.weight"))
        return;
    for (size_t i = 0; i < dict->count; i++)
        if (strstr(dict->tensors[i].name, "tau")) {
            /* it would have to become log(1 / tau), and a filter computes nothing */
            tm_state_fail(dict, "tensor %s: of an old format, where the logits were divided by tau",
                          dict->tensors[i].name);
            return;
        }
    tm_state_replace(dict, "head.", "head.fc.");
}

static const tm_argument arguments[] = {
    TM_TAKES(swin_cr_variant, "embed_dim", INTEGER, width, TM_WIDTHS),
    TM_TAKES(swin_cr_variant, "depths", LIST, depths, TM_DEPTHS),
    TM_TAKES(swin_cr_variant, "num_heads", LIST, heads, TM_HEADS),
    TM_TAKES(swin_cr_variant, "extra_norm_period", INTEGER, norm_period, 0, 200),
    TM_TAKES(swin_cr_variant, "extra_norm_stage", FLAG, stage_norm, TM_ANY),
    TM_SWIN_TAKES_ANY(swin_cr_variant, any),
};

const tm_family tm_family_swin_transformer_v2_cr = {.module = "swin_transformer_v2_cr",
                                                    TM_VARIANTS(variants),
                                                    TM_ARGUMENTS(arguments),
                                                    .same_as = offsetof(swin_cr_variant, same_as),
                                                    .build = build,
                                                    .filter = filter};
