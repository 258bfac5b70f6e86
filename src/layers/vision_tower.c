/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/vision_tower.h"

#include <string.h>

#include "layers/classifier.h"
#include "layers/patch_embed.h"
#include "layers/pool1d.h"
#include "layers/rotary.h"
#include "layers/taps.h"

tm_node *tm_tower_patches(tm_builder *b, int width, int patch)
{
    tm_require_whole_patches(b, patch);
    return tm_patch_embed(b, "patch_embed", b->graph->input, width, patch, true);
}

/* ---- blocks ---- */

static tm_node *attend(tm_builder *b, tm_node *x, int heads, tm_node *table)
{
    int width = x->shape.c;
    tm_rotation rotation = {.heads = heads, .half = true};
    tm_push(b, "attn");
    tm_node *qkv = tm_linear(b, "qkv", x, 3 * width, true);
    tm_node *q = tm_rotate(b, tm_slice_c(b, qkv, 0, width), table, rotation);
    tm_node *k = tm_rotate(b, tm_slice_c(b, qkv, width, width), table, rotation);
    tm_node *v = tm_slice_c(b, qkv, 2 * width, width);
    x = tm_linear(b, "proj", tm_attend(b, q, k, v, (tm_attention){.heads = heads}), width, true);
    tm_pop(b);
    return x;
}

static tm_node *block_of(tm_builder *b, tm_node *x, const tm_tower_block *block, tm_node *table)
{
    x = tm_add(b, x, attend(b, tm_normalize(b, "norm1", x, block->norm), block->heads, table));
    return tm_add(b, x,
                  tm_feed_forward(b, "mlp", tm_normalize(b, "norm2", x, block->norm), block->ffn));
}

tm_node *tm_tower_blocks(tm_builder *b, tm_node *x, int depth, const tm_tower_block *block,
                         const tm_norm *final, int patch)
{
    int h = x->shape.h, w = x->shape.w;
    bool norms = final && tm_option_norm_intermediates(b);
    tm_node *table = tm_rotary_table(b, h, w, x->shape.c / block->heads, (tm_rotary){0});
    x = tm_map_tokens(b, x);
    for (int i = 0; i < depth; i++) {
        tm_push(b, "blocks.%d", i);
        x = block_of(b, x, block, table);
        tm_pop(b);
        tm_tap_block(b, i, x, norms ? tm_normalize(b, "norm", x, *final) : x, 0, h, w, patch);
    }
    b->graph->default_features = 3;
    return tm_reshape(b, x, h, w, x->shape.c);
}

/* ---- what stands around the encoder ---- */

void tm_tower_classifier(tm_builder *b, tm_node *x, tm_layout layout, tm_norm norm)
{
    const char *pool = tm_average_or_none(b);
    b->graph->pruning = TM_PRUNING_OWN;
    tm_tap_output(b, TM_TAP_FINAL, x, layout);
    tm_tap_output(b, TM_TAP_FORWARD_FEATURES, x, layout);
    norm.no_affine = true;
    x = tm_normalize(b, "norm", tm_pool_tokens(b, tm_map_tokens(b, x), pool, 0), norm);
    tm_classifier(b, x, pool[0] ? TM_LAYOUT_VECTOR : TM_LAYOUT_TOKENS, "head");
}

int tm_tower_out_features(tm_builder *b, int asked, const tm_tower_width *table, size_t count)
{
    for (size_t i = 0; i < count && !asked; i++)
        if (b->options.tag && strcmp(table[i].tag, b->options.tag) == 0)
            asked = table[i].width;
    if (!asked)
        tm_refuse(b, "the projector's width (out_features) is not known for these weights");
    return asked ? asked : 1;
}

const char *tm_tower_pool(tm_builder *b, const char *projector)
{
    const char *pool = tm_pool_kind(b, projector);
    if (pool[0] && strcmp(pool, "avg") != 0 && strcmp(pool, projector) != 0)
        tm_refuse(b, "global pool '%s': this encoder has avg, %s, or none", pool, projector);
    return pool;
}

void tm_tap_embedding(tm_builder *b, const char *name, tm_node *y, tm_layout layout)
{
    tm_tap_output(b, TM_TAP_EMBEDDING, y, layout);
    b->graph->no_logits =
        tm_arena_printf(&b->graph->arena, "%s does not support classification use cases", name);
    if (b->options.num_classes > 0)
        tm_refuse(b, "%d classes: %s does not support classification use cases",
                  b->options.num_classes, name);
}

void tm_tower_encoder(tm_builder *b, const char *name, tm_node *x, tm_layout x_layout, tm_node *y,
                      tm_layout y_layout)
{
    b->graph->pruning = TM_PRUNING_OWN;
    tm_tap_output(b, TM_TAP_FINAL, x, x_layout);
    tm_tap_output(b, TM_TAP_FORWARD_FEATURES, x, x_layout);
    tm_tap_embedding(b, name, y, y_layout);
}

void tm_tower_build_encoder(tm_builder *b, const tm_tower *tower, const void *variant)
{
    const char *pool = tm_tower_pool(b, tower->projector);
    bool projects = strcmp(pool, tower->projector) == 0;
    tm_node *x = tower->encode(b, variant);
    tm_node *y = projects ? tower->project(b, variant, x) : tm_global_pool(b, x, pool);
    tm_layout layout = projects ? TM_LAYOUT_TOKENS : pool[0] ? TM_LAYOUT_VECTOR : TM_LAYOUT_NHWC;
    tm_tower_encoder(b, tower->encoder, x, TM_LAYOUT_NHWC, y, layout);
}

void tm_tower_build_classifier(tm_builder *b, const tm_tower *tower, const void *variant,
                               bool projects)
{
    tm_push(b, "encoder");
    tm_node *x = tower->encode(b, variant);
    if (projects)
        x = tower->project(b, variant, x);
    tm_pop(b);
    tm_tower_classifier(b, x, projects ? TM_LAYOUT_TOKENS : TM_LAYOUT_NHWC, tower->norm);
}
