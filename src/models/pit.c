/* SPDX-License-Identifier: Apache-2.0 */
/* timm's pit.py: Pooling-based Vision Transformer (2103.16302). */
#include <stdio.h>
#include <string.h>

#include "layers/classifier.h"
#include "layers/distilled_head.h"
#include "layers/patch_embed.h"
#include "layers/vit_block.h"
#include "models/filters.h"
#include "models/model.h"

enum { STAGES = 3 };

typedef struct pit_variant {
    const char *name;
    int stride;       /* of the patches, which are twice as large */
    int dims[STAGES]; /* channels of a head */
    int depths[STAGES], heads[STAGES];
    bool distilled; /* a second token with a classifier of its own; both answers are averaged */
} pit_variant;

static const pit_variant variants[] = {
    {"pit_b_224", 7, {64, 64, 64}, {3, 6, 4}, {4, 8, 16}, false},
    {"pit_b_distilled_224", 7, {64, 64, 64}, {3, 6, 4}, {4, 8, 16}, true},
    {"pit_s_224", 8, {48, 48, 48}, {2, 6, 4}, {3, 6, 12}, false},
    {"pit_s_distilled_224", 8, {48, 48, 48}, {2, 6, 4}, {3, 6, 12}, true},
    {"pit_ti_224", 8, {32, 32, 32}, {2, 6, 4}, {2, 4, 8}, false},
    {"pit_ti_distilled_224", 8, {32, 32, 32}, {2, 6, 4}, {2, 4, 8}, true},
    {"pit_xs_224", 8, {48, 48, 48}, {2, 6, 4}, {2, 4, 8}, false},
    {"pit_xs_distilled_224", 8, {48, 48, 48}, {2, 6, 4}, {2, 4, 8}, true},
};

static const tm_norm norm = {.kind = TM_NORM_LAYER, .eps = 1e-6f};

/* The map, and the tokens beside it: class and distillation. */
typedef struct state {
    tm_node *map, *tokens;
} state;

static state pool(tm_builder *b, state x, int out)
{
    int in = x.map->shape.c;
    tm_conv conv = {.out = out, .kernel = 3, .stride = 2, .groups = in, .bias = true};
    tm_push(b, "pool");
    x.map = tm_conv2d(b, "conv", x.map, conv);
    x.tokens = tm_linear(b, "fc", x.tokens, out, true);
    tm_pop(b);
    return x;
}

static state stage(tm_builder *b, const pit_variant *v, state x, int index)
{
    int heads = v->heads[index], width = v->dims[index] * heads, prefix = v->distilled ? 2 : 1;
    tm_vit_block block = {
        .qkv = {.heads = heads}, .ffn = {.hidden = 4 * width, .act = TM_ACT_GELU}, .norm = norm};
    if (index)
        x = pool(b, x, width);
    tm_shape s = x.map->shape;
    tm_node *y = tm_concat_w(b, 2, (tm_node *[]){x.tokens, tm_map_tokens(b, x.map)});
    for (int i = 0; i < v->depths[index]; i++) {
        tm_push(b, "blocks.%d", i);
        y = tm_block(b, y, &block);
        tm_pop(b);
    }
    tm_node *rest = tm_slice_w(b, y, prefix, s.h * s.w);
    return (state){.map = tm_reshape(b, rest, s.h, s.w, s.c),
                   .tokens = tm_slice_w(b, y, 0, prefix)};
}

static void head(tm_builder *b, const pit_variant *v, tm_node *tokens)
{
    const char *kind = tm_pool_kind(b, "token");
    bool token = strcmp(kind, "token") == 0;
    if (kind[0] && !token)
        tm_refuse(b, "global pool '%s': this family has its token or no pool", kind);
    if (v->distilled && !token)
        tm_refuse(b, "global pool '%s': the distilled heads read their tokens", kind);
    if (v->distilled)
        tm_distilled_token_head(b, tokens);
    else
        tm_classifier(b, tokens, token ? TM_LAYOUT_VECTOR : TM_LAYOUT_TOKENS, "head");
}

static void build(tm_builder *b, const void *variant)
{
    const pit_variant *v = variant;
    int width = v->dims[0] * v->heads[0];
    tm_conv patches = {.out = width,
                       .kernel = 2 * v->stride,
                       .stride = v->stride,
                       .padding = TM_PAD_VALID,
                       .bias = true};
    tm_node *map = tm_conv2d(b, "patch_embed.conv", b->graph->input, patches);
    state x = {.map = tm_add_map_positions(b, "pos_embed", map),
               .tokens = tm_param3(b, "cls_token", 1, v->distilled ? 2 : 1, width)};
    for (int i = 0; i < STAGES; i++) {
        char module[24];
        snprintf(module, sizeof module, "transformers.%d", i);
        tm_push(b, "%s", module);
        x = stage(b, v, x, i);
        tm_pop(b);
        tm_tap_feature(b, module, x.map, v->stride << i);
        tm_tap_intermediate(b, x.map, TM_LAYOUT_MAP);
    }
    tm_node *tokens = tm_normalize(b, "norm", x.tokens, norm);
    b->graph->pruning = TM_PRUNING_OWN;
    tm_tap_output(b, TM_TAP_FINAL, tokens, TM_LAYOUT_TOKENS);
    tm_tap_output(b, TM_TAP_FORWARD_FEATURES, tokens, TM_LAYOUT_TOKENS);
    head(b, v, tokens);
}

static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    (void)graph, (void)variant;
    tm_state_replace(dict, "pools.0.", "transformers.1.pool.");
    tm_state_replace(dict, "pools.1.", "transformers.2.pool.");
}

static const tm_argument arguments[] = {
    TM_TAKES(pit_variant, "base_dims", LIST, dims, TM_WIDTHS),
    TM_TAKES(pit_variant, "depth", LIST, depths, TM_DEPTHS),
    TM_TAKES(pit_variant, "heads", LIST, heads, TM_HEADS),
};

const tm_family tm_family_pit = {.module = "pit",
                                 TM_VARIANTS(variants),
                                 TM_ARGUMENTS(arguments),
                                 .build = build,
                                 .filter = filter};
