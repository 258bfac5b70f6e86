/* SPDX-License-Identifier: Apache-2.0 */
/* timm's inception_v4.py: Inception-v4 (1602.07261). */
#include "layers/classifier.h"
#include "layers/inception.h"
#include "layers/taps.h"
#include "models/model.h"

typedef struct inception_variant {
    const char *name;
} inception_variant;

static const inception_variant variants[] = {{.name = "inception_v4"}};

/* clang-format off */
static const tm_inception_row stem_rows[] = {
    {TM_FROM_BLOCK, TM_INCEPTION_STRIDED, "features.0", 32, 3, 3},
    {TM_FROM_PREVIOUS, TM_INCEPTION_VALID, "features.1", 32, 3, 3},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "features.2", 64, 3, 3},
};
static const tm_inception_row mixed_3a_rows[] = {
    {TM_FROM_BLOCK, TM_INCEPTION_MAX, NULL, 0, 0, 0},
    {TM_FROM_BLOCK, TM_INCEPTION_STRIDED, "conv", 96, 3, 3},
};
static const tm_inception_row mixed_4a_rows[] = {
    {TM_FROM_BLOCK, TM_INCEPTION_CONV, "branch0.0", 64, 1, 1},
    {TM_FROM_PREVIOUS, TM_INCEPTION_VALID, "branch0.1", 96, 3, 3},
    {TM_FROM_BLOCK, TM_INCEPTION_CONV, "branch1.0", 64, 1, 1},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch1.1", 64, 1, 7},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch1.2", 64, 7, 1},
    {TM_FROM_PREVIOUS, TM_INCEPTION_VALID, "branch1.3", 96, 3, 3},
};
static const tm_inception_row mixed_5a_rows[] = {
    {TM_FROM_BLOCK, TM_INCEPTION_STRIDED, "conv", 192, 3, 3},
    {TM_FROM_BLOCK, TM_INCEPTION_MAX, NULL, 0, 0, 0},
};
static const tm_inception_row inception_a_rows[] = {
    {TM_FROM_BLOCK, TM_INCEPTION_CONV, "branch0", 96, 1, 1},
    {TM_FROM_BLOCK, TM_INCEPTION_CONV, "branch1.0", 64, 1, 1},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch1.1", 96, 3, 3},
    {TM_FROM_BLOCK, TM_INCEPTION_CONV, "branch2.0", 64, 1, 1},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch2.1", 96, 3, 3},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch2.2", 96, 3, 3},
    {TM_FROM_BLOCK, TM_INCEPTION_AVG, NULL, 0, 0, 0},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch3.1", 96, 1, 1},
};
static const tm_inception_row reduction_a_rows[] = {
    {TM_FROM_BLOCK, TM_INCEPTION_STRIDED, "branch0", 384, 3, 3},
    {TM_FROM_BLOCK, TM_INCEPTION_CONV, "branch1.0", 192, 1, 1},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch1.1", 224, 3, 3},
    {TM_FROM_PREVIOUS, TM_INCEPTION_STRIDED, "branch1.2", 256, 3, 3},
    {TM_FROM_BLOCK, TM_INCEPTION_MAX, NULL, 0, 0, 0},
};
static const tm_inception_row inception_b_rows[] = {
    {TM_FROM_BLOCK, TM_INCEPTION_CONV, "branch0", 384, 1, 1},
    {TM_FROM_BLOCK, TM_INCEPTION_CONV, "branch1.0", 192, 1, 1},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch1.1", 224, 1, 7},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch1.2", 256, 7, 1},
    {TM_FROM_BLOCK, TM_INCEPTION_CONV, "branch2.0", 192, 1, 1},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch2.1", 192, 7, 1},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch2.2", 224, 1, 7},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch2.3", 224, 7, 1},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch2.4", 256, 1, 7},
    {TM_FROM_BLOCK, TM_INCEPTION_AVG, NULL, 0, 0, 0},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch3.1", 128, 1, 1},
};
static const tm_inception_row reduction_b_rows[] = {
    {TM_FROM_BLOCK, TM_INCEPTION_CONV, "branch0.0", 192, 1, 1},
    {TM_FROM_PREVIOUS, TM_INCEPTION_STRIDED, "branch0.1", 192, 3, 3},
    {TM_FROM_BLOCK, TM_INCEPTION_CONV, "branch1.0", 256, 1, 1},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch1.1", 256, 1, 7},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch1.2", 320, 7, 1},
    {TM_FROM_PREVIOUS, TM_INCEPTION_STRIDED, "branch1.3", 320, 3, 3},
    {TM_FROM_BLOCK, TM_INCEPTION_MAX, NULL, 0, 0, 0},
};
static const tm_inception_row inception_c_rows[] = {
    {TM_FROM_BLOCK, TM_INCEPTION_CONV, "branch0", 256, 1, 1},
    {TM_FROM_BLOCK, TM_INCEPTION_CONV, "branch1_0", 384, 1, 1},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch1_1a", 256, 1, 3},
    {TM_FROM_SAME, TM_INCEPTION_CONV, "branch1_1b", 256, 3, 1},
    {TM_FROM_BLOCK, TM_INCEPTION_CONV, "branch2_0", 384, 1, 1},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch2_1", 448, 3, 1},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch2_2", 512, 1, 3},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch2_3a", 256, 1, 3},
    {TM_FROM_SAME, TM_INCEPTION_CONV, "branch2_3b", 256, 3, 1},
    {TM_FROM_BLOCK, TM_INCEPTION_AVG, NULL, 0, 0, 0},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch3.1", 256, 1, 1},
};
/* clang-format on */

static const tm_inception_block stem = TM_INCEPTION_BLOCK(stem_rows);

enum { FIRST = 3, LAST = 21 }; /* blocks among timm's "features" */

/* first: its place, where a kind of block begins; reduction: the last of them is a feature */
static const struct stage {
    int first, reduction;
    tm_inception_block block;
} stages[] = {
    {.first = 3, .reduction = 4, .block = TM_INCEPTION_BLOCK(mixed_3a_rows)},
    {.first = 4, .block = TM_INCEPTION_BLOCK(mixed_4a_rows)},
    {.first = 5, .block = TM_INCEPTION_BLOCK(mixed_5a_rows)},
    {.first = 6, .reduction = 8, .block = TM_INCEPTION_BLOCK(inception_a_rows)},
    {.first = 10, .block = TM_INCEPTION_BLOCK(reduction_a_rows)},
    {.first = 11, .reduction = 16, .block = TM_INCEPTION_BLOCK(inception_b_rows)},
    {.first = 18, .block = TM_INCEPTION_BLOCK(reduction_b_rows)},
    {.first = 19, .reduction = 32, .block = TM_INCEPTION_BLOCK(inception_c_rows)},
    {.first = LAST + 1},
};

static void build(tm_builder *b, const void *variant)
{
    (void)variant;
    tm_node *x = tm_inception(b, b->graph->input, stem, 0);
    tm_tap_stage(b, "features.2", x, 2);
    const struct stage *at = stages;
    for (int i = FIRST; i <= LAST; i++) {
        tm_push(b, "features.%d", i);
        x = tm_inception(b, x, at->block, 0);
        tm_pop(b);
        if (i + 1 < at[1].first)
            continue;
        if (at->reduction) {
            tm_tap_stage_of(b, "features", i, x, at->reduction);
        }
        at++;
    }
    tm_tap_final(b, x);
    tm_classifier_head(b, x, "avg", "last_linear");
}

const tm_family tm_family_inception_v4 = {
    .module = "inception_v4", TM_VARIANTS(variants), .build = build};
