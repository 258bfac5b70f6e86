/* SPDX-License-Identifier: Apache-2.0 */
/* timm's beit.py: BEiT (2106.08254) and BEiT v2 (2208.06366), the Eva class with learned biases for
 * offsets between patches. */
#include <string.h>

#include "models/eva.h"
#include "models/filters.h"

/* clang-format off */
static const tm_eva variants[] = {
    {.name = "beit_base_patch16_224", .rel_pos = true, .no_pos_embed = true, .layer_scale = true},
    {.name = "beit_base_patch16_384", .same_as = "beit_base_patch16_224"},
    {.name = "beit_large_patch16_224", .width = 1024, .depth = 24, .heads = 16, .rel_pos = true,
     .no_pos_embed = true, .layer_scale = true},
    {.name = "beit_large_patch16_384", .same_as = "beit_large_patch16_224"},
    {.name = "beit_large_patch16_512", .same_as = "beit_large_patch16_224"},
    {.name = "beitv2_base_patch16_224", .same_as = "beit_base_patch16_224"},
    {.name = "beitv2_large_patch16_224", .same_as = "beit_large_patch16_224"},
};
/* clang-format on */

static void build(tm_builder *b, const void *variant)
{
    const char *pool = b->options.global_pool;
    if (pool && *pool && strcmp(pool, "avg") != 0 && strcmp(pool, "token") != 0)
        tm_refuse(b, "global pool '%s': only avg or token pooling (or none) is supported", pool);
    tm_eva_build(b, variant);
}

static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    (void)graph, (void)variant;
    tm_drop_containing(dict, "relative_position_index");
}

const tm_family tm_family_beit = {.module = "beit",
                                  TM_VARIANTS(variants),
                                  .same_as = offsetof(tm_eva, same_as),
                                  .arguments = tm_eva_arguments,
                                  .argument_count = TM_BEIT_ARGUMENTS,
                                  .build = build,
                                  .filter = filter};
