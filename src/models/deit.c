/* SPDX-License-Identifier: Apache-2.0 */
/* timm's deit.py: DeiT (2012.12877), with and without distillation, and DeiT III (2204.07118). */
#include "models/model.h"
#include "models/vision_transformer.h"
#include "weights/state_dict.h"

/* clang-format off */
static const tm_vit variants[] = {
    {.name = "deit3_base_patch16_224", .no_embed_class = true, .layer_scale = true},
    {.name = "deit3_base_patch16_384", .same_as = "deit3_base_patch16_224"},
    {.name = "deit3_huge_patch14_224", .patch = 14, .width = 1280, .depth = 32, .heads = 16,
     .no_embed_class = true, .layer_scale = true},
    {.name = "deit3_large_patch16_224", .width = 1024, .depth = 24, .heads = 16,
     .no_embed_class = true, .layer_scale = true},
    {.name = "deit3_large_patch16_384", .same_as = "deit3_large_patch16_224"},
    {.name = "deit3_medium_patch16_224", .width = 512, .heads = 8, .no_embed_class = true,
     .layer_scale = true},
    {.name = "deit3_small_patch16_224", .width = 384, .heads = 6, .no_embed_class = true,
     .layer_scale = true},
    {.name = "deit3_small_patch16_384", .same_as = "deit3_small_patch16_224"},
    {.name = "deit_base_distilled_patch16_224", .distilled = true},
    {.name = "deit_base_distilled_patch16_384", .same_as = "deit_base_distilled_patch16_224"},
    {.name = "deit_base_patch16_224"},
    {.name = "deit_base_patch16_384", .same_as = "deit_base_patch16_224"},
    {.name = "deit_small_distilled_patch16_224", .width = 384, .heads = 6, .distilled = true},
    {.name = "deit_small_patch16_224", .width = 384, .heads = 6},
    {.name = "deit_tiny_distilled_patch16_224", .width = 192, .heads = 3, .distilled = true},
    {.name = "deit_tiny_patch16_224", .width = 192, .heads = 3},
};
/* clang-format on */

static void build(tm_builder *b, const void *variant)
{
    tm_vit_build(b, variant);
}

static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    tm_vit_filter(dict, graph, variant);
    tm_state_replace(dict, "gamma_1", "ls1.gamma");
    tm_state_replace(dict, "gamma_2", "ls2.gamma");
}

const tm_family tm_family_deit = {.module = "deit",
                                  TM_VARIANTS(variants),
                                  .same_as = offsetof(tm_vit, same_as),
                                  .arguments = tm_vit_arguments,
                                  .argument_count = TM_VIT_ARGUMENTS - 1,
                                  .build = build,
                                  .filter = filter};
