/* SPDX-License-Identifier: Apache-2.0 */
/* timm's inception_resnet_v2.py: Inception-ResNet-v2 (1602.07261). */
#include "layers/classifier.h"
#include "layers/inception.h"
#include "layers/taps.h"
#include "models/model.h"

typedef struct inception_variant {
    const char *name;
} inception_variant;

static const inception_variant variants[] = {{.name = "inception_resnet_v2"}};

/* clang-format off */
static const tm_inception_row stem_rows[] = {
    {TM_FROM_BLOCK, TM_INCEPTION_STRIDED, "conv2d_1a", 32, 3, 3},
    {TM_FROM_PREVIOUS, TM_INCEPTION_VALID, "conv2d_2a", 32, 3, 3},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "conv2d_2b", 64, 3, 3},
};
static const tm_inception_row stem_4_rows[] = {
    {TM_FROM_BLOCK, TM_INCEPTION_MAX, NULL, 0, 0, 0},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "conv2d_3b", 80, 1, 1},
    {TM_FROM_PREVIOUS, TM_INCEPTION_VALID, "conv2d_4a", 192, 3, 3},
};
static const tm_inception_row mixed_5b_rows[] = {
    {TM_FROM_BLOCK, TM_INCEPTION_CONV, "branch0", 96, 1, 1},
    {TM_FROM_BLOCK, TM_INCEPTION_CONV, "branch1.0", 48, 1, 1},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch1.1", 64, 5, 5},
    {TM_FROM_BLOCK, TM_INCEPTION_CONV, "branch2.0", 64, 1, 1},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch2.1", 96, 3, 3},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch2.2", 96, 3, 3},
    {TM_FROM_BLOCK, TM_INCEPTION_AVG, NULL, 0, 0, 0},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch3.1", 64, 1, 1},
};
static const tm_inception_row block35_rows[] = {
    {TM_FROM_BLOCK, TM_INCEPTION_CONV, "branch0", 32, 1, 1},
    {TM_FROM_BLOCK, TM_INCEPTION_CONV, "branch1.0", 32, 1, 1},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch1.1", 32, 3, 3},
    {TM_FROM_BLOCK, TM_INCEPTION_CONV, "branch2.0", 32, 1, 1},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch2.1", 48, 3, 3},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch2.2", 64, 3, 3},
};
static const tm_inception_row mixed_6a_rows[] = {
    {TM_FROM_BLOCK, TM_INCEPTION_STRIDED, "branch0", 384, 3, 3},
    {TM_FROM_BLOCK, TM_INCEPTION_CONV, "branch1.0", 256, 1, 1},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch1.1", 256, 3, 3},
    {TM_FROM_PREVIOUS, TM_INCEPTION_STRIDED, "branch1.2", 384, 3, 3},
    {TM_FROM_BLOCK, TM_INCEPTION_MAX, NULL, 0, 0, 0},
};
static const tm_inception_row block17_rows[] = {
    {TM_FROM_BLOCK, TM_INCEPTION_CONV, "branch0", 192, 1, 1},
    {TM_FROM_BLOCK, TM_INCEPTION_CONV, "branch1.0", 128, 1, 1},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch1.1", 160, 1, 7},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch1.2", 192, 7, 1},
};
static const tm_inception_row mixed_7a_rows[] = {
    {TM_FROM_BLOCK, TM_INCEPTION_CONV, "branch0.0", 256, 1, 1},
    {TM_FROM_PREVIOUS, TM_INCEPTION_STRIDED, "branch0.1", 384, 3, 3},
    {TM_FROM_BLOCK, TM_INCEPTION_CONV, "branch1.0", 256, 1, 1},
    {TM_FROM_PREVIOUS, TM_INCEPTION_STRIDED, "branch1.1", 288, 3, 3},
    {TM_FROM_BLOCK, TM_INCEPTION_CONV, "branch2.0", 256, 1, 1},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch2.1", 288, 3, 3},
    {TM_FROM_PREVIOUS, TM_INCEPTION_STRIDED, "branch2.2", 320, 3, 3},
    {TM_FROM_BLOCK, TM_INCEPTION_MAX, NULL, 0, 0, 0},
};
static const tm_inception_row block8_rows[] = {
    {TM_FROM_BLOCK, TM_INCEPTION_CONV, "branch0", 192, 1, 1},
    {TM_FROM_BLOCK, TM_INCEPTION_CONV, "branch1.0", 192, 1, 1},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch1.1", 224, 1, 3},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch1.2", 256, 3, 1},
};
static const tm_inception_row last_rows[] = {
    {TM_FROM_BLOCK, TM_INCEPTION_CONV, "conv2d_7b", 1536, 1, 1},
};
/* clang-format on */

static const tm_inception_block stem = TM_INCEPTION_BLOCK(stem_rows);
static const tm_inception_block stem_4 = TM_INCEPTION_BLOCK(stem_4_rows);
static const tm_inception_block mixed_5b = TM_INCEPTION_BLOCK(mixed_5b_rows);
static const tm_inception_block block35 = TM_INCEPTION_BLOCK(block35_rows);
static const tm_inception_block mixed_6a = TM_INCEPTION_BLOCK(mixed_6a_rows);
static const tm_inception_block block17 = TM_INCEPTION_BLOCK(block17_rows);
static const tm_inception_block mixed_7a = TM_INCEPTION_BLOCK(mixed_7a_rows);
static const tm_inception_block block8 = TM_INCEPTION_BLOCK(block8_rows);
static const tm_inception_block last = TM_INCEPTION_BLOCK(last_rows);

static tm_node *mixed(tm_builder *b, const char *name, tm_node *x, tm_inception_block block)
{
    tm_push(b, "%s", name);
    x = tm_inception(b, x, block, 0);
    tm_pop(b);
    return x;
}

/* x + scale * conv2d(block x), in the scope */
static tm_node *residual(tm_builder *b, tm_node *x, tm_inception_block block, float scale)
{
    tm_conv conv = {.out = x->shape.c, .kernel = 1, .bias = true};
    tm_node *y = tm_conv2d(b, "conv2d", tm_inception(b, x, block, 0), conv);
    return tm_add(b, tm_affine(b, y, scale, 0.0f), x);
}

static tm_node *repeat(tm_builder *b, const char *name, tm_node *x, int count,
                       tm_inception_block block, float scale)
{
    for (int i = 0; i < count; i++) {
        tm_push(b, "%s.%d", name, i);
        x = tm_activate(b, residual(b, x, block, scale), TM_ACT_RELU);
        tm_pop(b);
    }
    return x;
}

static void build(tm_builder *b, const void *variant)
{
    (void)variant;
    tm_node *x = tm_inception(b, b->graph->input, stem, 0);
    tm_tap_stage(b, "conv2d_2b", x, 2);
    x = tm_inception(b, x, stem_4, 0);
    tm_tap_stage(b, "conv2d_4a", x, 4);
    x = tm_pool2d(b, x, (tm_pool){.max = true, .kernel = 3, .stride = 2});
    x = repeat(b, "repeat", mixed(b, "mixed_5b", x, mixed_5b), 10, block35, 0.17f);
    tm_tap_stage(b, "repeat", x, 8);
    x = repeat(b, "repeat_1", mixed(b, "mixed_6a", x, mixed_6a), 20, block17, 0.1f);
    tm_tap_stage(b, "repeat_1", x, 16);
    x = repeat(b, "repeat_2", mixed(b, "mixed_7a", x, mixed_7a), 9, block8, 0.2f);
    tm_push(b, "block8");
    x = residual(b, x, block8, 1.0f);
    tm_pop(b);
    x = tm_inception(b, x, last, 0);
    tm_tap_stage(b, "conv2d_7b", x, 32);
    tm_tap_final(b, x);
    tm_classifier_head(b, x, "avg", "classif");
}

const tm_family tm_family_inception_resnet_v2 = {
    .module = "inception_resnet_v2", TM_VARIANTS(variants), .build = build};
