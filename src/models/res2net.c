/* SPDX-License-Identifier: Apache-2.0 */
/* timm's res2net.py: Res2Net and Res2NeXt (1904.01169). */
#include "layers/res2_block.h"
#include "models/model.h"
#include "models/resnet.h"

typedef struct res2net_variant {
    const char *name;
    int layers[4], base_width, scale, cardinality /* 1 */, deep_stem;
} res2net_variant;

/* clang-format off */
static const res2net_variant variants[] = {
    {.name = "res2net50_14w_8s", .layers = {3, 4, 6, 3}, .base_width = 14, .scale = 8},
    {.name = "res2net50_26w_4s", .layers = {3, 4, 6, 3}, .base_width = 26, .scale = 4},
    {.name = "res2net50_26w_6s", .layers = {3, 4, 6, 3}, .base_width = 26, .scale = 6},
    {.name = "res2net50_26w_8s", .layers = {3, 4, 6, 3}, .base_width = 26, .scale = 8},
    {.name = "res2net50_48w_2s", .layers = {3, 4, 6, 3}, .base_width = 48, .scale = 2},
    {.name = "res2net50d", .layers = {3, 4, 6, 3}, .base_width = 26, .scale = 4, .deep_stem = 32},
    {.name = "res2net101_26w_4s", .layers = {3, 4, 23, 3}, .base_width = 26, .scale = 4},
    {.name = "res2net101d", .layers = {3, 4, 23, 3}, .base_width = 26, .scale = 4,
     .deep_stem = 32},
    {.name = "res2next50", .layers = {3, 4, 6, 3}, .base_width = 4, .scale = 4, .cardinality = 8},
};
/* clang-format on */

static tm_node *branch(tm_builder *b, const void *variant, tm_node *x, tm_resnet_place place)
{
    const res2net_variant *v = variant;
    int cardinality = v->cardinality ? v->cardinality : 1;
    return tm_res2_bottleneck(
        b, x,
        (tm_res2_block){.out = place.planes * 4,
                        .width = place.planes * v->base_width / 64 * cardinality,
                        .scale = v->scale,
                        .cardinality = cardinality,
                        .stride = place.stride,
                        .dilation = place.first_dilation,
                        .first = place.stride > 1 || place.project});
}

static void build(tm_builder *b, const void *variant)
{
    const res2net_variant *v = variant;
    tm_resnet_design design = {
        .bottleneck = true, .layers = v->layers, .deep_stem = v->deep_stem, .branch = branch};
    tm_build_resnet(b, &design, v);
}

static const tm_argument arguments[] = {
    TM_TAKES(res2net_variant, "layers", LIST, layers, TM_DEPTHS),
    TM_TAKES(res2net_variant, "base_width", INTEGER, base_width, TM_WIDTHS),
    TM_TAKES(res2net_variant, "cardinality", INTEGER, cardinality, 1, 1024),
};

const tm_family tm_family_res2net = {
    .module = "res2net", TM_VARIANTS(variants), TM_ARGUMENTS(arguments), .build = build};
