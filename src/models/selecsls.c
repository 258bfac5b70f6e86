/* SPDX-License-Identifier: Apache-2.0 */
/* timm's selecsls.py: SelecSLS (1907.00837), whose blocks also read the first block's output. */
#include <stdio.h>

#include "layers/classifier.h"
#include "layers/taps.h"
#include "models/model.h"

enum { MAX_BLOCKS = 13, HEAD_LAYERS = 4, LEVELS = 3 };

typedef struct selecsls_block {
    int middle, out;
    bool first; /* strided, of a level; the others read its output too */
} selecsls_block;

typedef struct selecsls_layer {
    int out, kernel, stride;
} selecsls_layer;

typedef struct selecsls_variant {
    const char *name;
    const selecsls_block *blocks;
    int ends[LEVELS]; /* the last block of each level */
    selecsls_layer head[HEAD_LAYERS];
} selecsls_variant;

/* clang-format off */
static const selecsls_block blocks_42[] = {
    {64, 64, true}, {64, 128, false}, {144, 144, true}, {144, 288, false}, {304, 304, true},
    {304, 480, false},
};
static const selecsls_block blocks_60[] = {
    {64, 64, true}, {64, 128, false}, {128, 128, true}, {128, 128, false}, {128, 288, false},
    {288, 288, true}, {288, 288, false}, {288, 288, false}, {288, 416, false},
};
static const selecsls_block blocks_84[MAX_BLOCKS] = {
    {64, 64, true}, {64, 144, false}, {144, 144, true}, {144, 144, false}, {144, 144, false},
    {144, 144, false}, {144, 304, false}, {304, 304, true}, {304, 304, false}, {304, 304, false},
    {304, 304, false}, {304, 304, false}, {304, 512, false},
};

static const selecsls_variant variants[] = {
    {"selecsls42", blocks_42, {1, 3, 5}, {{960, 3, 2}, {1024, 3, 1}, {1024, 3, 2}, {1280, 1, 1}}},
    {"selecsls42b", blocks_42, {1, 3, 5}, {{960, 3, 2}, {1024, 3, 1}, {1280, 3, 2}, {1024, 1, 1}}},
    {"selecsls60", blocks_60, {1, 4, 8}, {{756, 3, 2}, {1024, 3, 1}, {1024, 3, 2}, {1280, 1, 1}}},
    {"selecsls60b", blocks_60, {1, 4, 8}, {{756, 3, 2}, {1024, 3, 1}, {1280, 3, 2}, {1024, 1, 1}}},
    {"selecsls84", blocks_84, {1, 6, 12}, {{960, 3, 2}, {1024, 3, 1}, {1024, 3, 2}, {1280, 3, 1}}},
};
/* clang-format on */

static tm_node *conv(tm_builder *b, const char *name, tm_node *x, int out, int kernel, int stride)
{
    tm_push(b, "%s", name);
    x = tm_conv2d(b, "0", x, (tm_conv){.out = out, .kernel = kernel, .stride = stride});
    x = tm_normalize(b, "1", x, (tm_norm){.kind = TM_NORM_BATCH});
    tm_pop(b);
    return tm_activate(b, x, TM_ACT_RELU);
}

/* skip: the output of the level's first block; NULL in that block */
static tm_node *block(tm_builder *b, tm_node *x, tm_node *skip, selecsls_block p)
{
    tm_node *parts[4];
    parts[0] = conv(b, "conv1", x, p.middle, 3, p.first ? 2 : 1);
    x = conv(b, "conv2", parts[0], p.middle, 1, 1);
    parts[1] = conv(b, "conv3", x, p.middle / 2, 3, 1);
    x = conv(b, "conv4", parts[1], p.middle, 1, 1);
    parts[2] = conv(b, "conv5", x, p.middle / 2, 3, 1);
    parts[3] = skip;
    return conv(b, "conv6", tm_concat_c(b, skip ? 4 : 3, parts), p.out, 1, 1);
}

static tm_node *levels(tm_builder *b, const selecsls_variant *v, tm_node *x)
{
    tm_node *skip = NULL;
    for (int level = 0, i = 0; level < LEVELS; level++) {
        for (; i <= v->ends[level]; i++) {
            tm_push(b, "features.%d", i);
            x = block(b, x, v->blocks[i].first ? NULL : skip, v->blocks[i]);
            tm_pop(b);
            if (v->blocks[i].first)
                skip = x;
        }
        tm_tap_stage_of(b, "features", v->ends[level], x, 4 << level);
    }
    return x;
}

static void build(tm_builder *b, const void *variant)
{
    const selecsls_variant *v = variant;
    tm_node *x = conv(b, "stem", b->graph->input, 32, 3, 2);
    tm_tap_stage(b, "stem.2", x, 2);
    x = levels(b, v, x);
    for (int i = 0; i < HEAD_LAYERS; i++) {
        char module[32];
        snprintf(module, sizeof module, "head.%d", i);
        x = conv(b, module, x, v->head[i].out, v->head[i].kernel, v->head[i].stride);
        if (i % 2 == 1)
            tm_tap_stage(b, module, x, i == 1 ? 32 : 64);
    }
    b->graph->default_features = -5;
    tm_tap_final(b, x);
    tm_classifier_head(b, x, "avg", "fc");
}

const tm_family tm_family_selecsls = {.module = "selecsls", TM_VARIANTS(variants), .build = build};
