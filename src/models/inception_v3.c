/* SPDX-License-Identifier: Apache-2.0 */
/* timm's inception_v3.py: Inception-v3 (1512.00567), without its auxiliary classifier. */
#include "layers/classifier.h"
#include "layers/inception.h"
#include "layers/taps.h"
#include "models/model.h"
#include "weights/state_dict.h"

typedef struct inception_variant {
    const char *name;
} inception_variant;

static const inception_variant variants[] = {{.name = "inception_v3"}};

/* clang-format off */
static const tm_inception_row stem_rows[] = {
    {TM_FROM_BLOCK, TM_INCEPTION_STRIDED, "Conv2d_1a_3x3", 32, 3, 3},
    {TM_FROM_PREVIOUS, TM_INCEPTION_VALID, "Conv2d_2a_3x3", 32, 3, 3},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "Conv2d_2b_3x3", 64, 3, 3},
};
static const tm_inception_row stem_4_rows[] = {
    {TM_FROM_BLOCK, TM_INCEPTION_MAX, NULL, 0, 0, 0},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "Conv2d_3b_1x1", 80, 1, 1},
    {TM_FROM_PREVIOUS, TM_INCEPTION_VALID, "Conv2d_4a_3x3", 192, 3, 3},
};
static const tm_inception_row inception_a_rows[] = {
    {TM_FROM_BLOCK, TM_INCEPTION_CONV, "branch1x1", 64, 1, 1},
    {TM_FROM_BLOCK, TM_INCEPTION_CONV, "branch5x5_1", 48, 1, 1},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch5x5_2", 64, 5, 5},
    {TM_FROM_BLOCK, TM_INCEPTION_CONV, "branch3x3dbl_1", 64, 1, 1},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch3x3dbl_2", 96, 3, 3},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch3x3dbl_3", 96, 3, 3},
    {TM_FROM_BLOCK, TM_INCEPTION_AVG_PADDED, NULL, 0, 0, 0},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch_pool", 0, 1, 1},
};
static const tm_inception_row inception_b_rows[] = {
    {TM_FROM_BLOCK, TM_INCEPTION_STRIDED, "branch3x3", 384, 3, 3},
    {TM_FROM_BLOCK, TM_INCEPTION_CONV, "branch3x3dbl_1", 64, 1, 1},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch3x3dbl_2", 96, 3, 3},
    {TM_FROM_PREVIOUS, TM_INCEPTION_STRIDED, "branch3x3dbl_3", 96, 3, 3},
    {TM_FROM_BLOCK, TM_INCEPTION_MAX, NULL, 0, 0, 0},
};
static const tm_inception_row inception_c_rows[] = {
    {TM_FROM_BLOCK, TM_INCEPTION_CONV, "branch1x1", 192, 1, 1},
    {TM_FROM_BLOCK, TM_INCEPTION_CONV, "branch7x7_1", 0, 1, 1},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch7x7_2", 0, 1, 7},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch7x7_3", 192, 7, 1},
    {TM_FROM_BLOCK, TM_INCEPTION_CONV, "branch7x7dbl_1", 0, 1, 1},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch7x7dbl_2", 0, 7, 1},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch7x7dbl_3", 0, 1, 7},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch7x7dbl_4", 0, 7, 1},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch7x7dbl_5", 192, 1, 7},
    {TM_FROM_BLOCK, TM_INCEPTION_AVG_PADDED, NULL, 0, 0, 0},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch_pool", 192, 1, 1},
};
static const tm_inception_row inception_d_rows[] = {
    {TM_FROM_BLOCK, TM_INCEPTION_CONV, "branch3x3_1", 192, 1, 1},
    {TM_FROM_PREVIOUS, TM_INCEPTION_STRIDED, "branch3x3_2", 320, 3, 3},
    {TM_FROM_BLOCK, TM_INCEPTION_CONV, "branch7x7x3_1", 192, 1, 1},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch7x7x3_2", 192, 1, 7},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch7x7x3_3", 192, 7, 1},
    {TM_FROM_PREVIOUS, TM_INCEPTION_STRIDED, "branch7x7x3_4", 192, 3, 3},
    {TM_FROM_BLOCK, TM_INCEPTION_MAX, NULL, 0, 0, 0},
};
static const tm_inception_row inception_e_rows[] = {
    {TM_FROM_BLOCK, TM_INCEPTION_CONV, "branch1x1", 320, 1, 1},
    {TM_FROM_BLOCK, TM_INCEPTION_CONV, "branch3x3_1", 384, 1, 1},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch3x3_2a", 384, 1, 3},
    {TM_FROM_SAME, TM_INCEPTION_CONV, "branch3x3_2b", 384, 3, 1},
    {TM_FROM_BLOCK, TM_INCEPTION_CONV, "branch3x3dbl_1", 448, 1, 1},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch3x3dbl_2", 384, 3, 3},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch3x3dbl_3a", 384, 1, 3},
    {TM_FROM_SAME, TM_INCEPTION_CONV, "branch3x3dbl_3b", 384, 3, 1},
    {TM_FROM_BLOCK, TM_INCEPTION_AVG_PADDED, NULL, 0, 0, 0},
    {TM_FROM_PREVIOUS, TM_INCEPTION_CONV, "branch_pool", 192, 1, 1},
};
/* clang-format on */

static const tm_inception_block stem = TM_INCEPTION_BLOCK(stem_rows);
static const tm_inception_block stem_4 = TM_INCEPTION_BLOCK(stem_4_rows);

static const struct mixed {
    const char *name;
    tm_inception_block block;
    int width;     /* of the rows that leave it open */
    int reduction; /* of a feature; 0: none */
} blocks[] = {
    {"Mixed_5b", TM_INCEPTION_BLOCK(inception_a_rows), 32, 0},
    {"Mixed_5c", TM_INCEPTION_BLOCK(inception_a_rows), 64, 0},
    {"Mixed_5d", TM_INCEPTION_BLOCK(inception_a_rows), 64, 8},
    {"Mixed_6a", TM_INCEPTION_BLOCK(inception_b_rows), 0, 0},
    {"Mixed_6b", TM_INCEPTION_BLOCK(inception_c_rows), 128, 0},
    {"Mixed_6c", TM_INCEPTION_BLOCK(inception_c_rows), 160, 0},
    {"Mixed_6d", TM_INCEPTION_BLOCK(inception_c_rows), 160, 0},
    {"Mixed_6e", TM_INCEPTION_BLOCK(inception_c_rows), 192, 16},
    {"Mixed_7a", TM_INCEPTION_BLOCK(inception_d_rows), 0, 0},
    {"Mixed_7b", TM_INCEPTION_BLOCK(inception_e_rows), 0, 0},
    {"Mixed_7c", TM_INCEPTION_BLOCK(inception_e_rows), 0, 32},
};

static void build(tm_builder *b, const void *variant)
{
    (void)variant;
    tm_node *x = tm_inception(b, b->graph->input, stem, 0);
    tm_tap_stage(b, "Conv2d_2b_3x3", x, 2);
    x = tm_inception(b, x, stem_4, 0);
    tm_tap_stage(b, "Conv2d_4a_3x3", x, 4);
    x = tm_pool2d(b, x, (tm_pool){.max = true, .kernel = 3, .stride = 2});
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        tm_push(b, "%s", blocks[i].name);
        x = tm_inception(b, x, blocks[i].block, blocks[i].width);
        tm_pop(b);
        if (blocks[i].reduction)
            tm_tap_stage(b, blocks[i].name, x, blocks[i].reduction);
    }
    tm_tap_final(b, x);
    tm_classifier_head(b, x, "avg", "fc");
}

/* The auxiliary classifier of torchvision's checkpoint serves training alone. */
static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    (void)graph, (void)variant;
    tm_state_drop_prefix(dict, "AuxLogits.");
}

const tm_family tm_family_inception_v3 = {
    .module = "inception_v3", TM_VARIANTS(variants), .build = build, .filter = filter};
