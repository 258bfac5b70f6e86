/* SPDX-License-Identifier: Apache-2.0 */
/* timm's maxxvit.py: CoAtNet (2106.04803), MaxViT (2204.01697) and their kin with ConvNeXt's
 * blocks.
 */
#include "models/maxxvit.h"

#include "models/filters.h"

/* clang-format off */
#define W32 .dims = {32, 64, 128, 256}, .stem = {24, 32}
#define W64 .dims = {64, 128, 256, 512}, .stem = {32, 64}
#define W96 .dims = {96, 192, 384, 768}, .stem = {32, 64}
#define W96N .dims = {96, 192, 384, 768}, .stem = {48, 96}
#define W128 .dims = {128, 256, 512, 1024}, .stem = {64, 128}
#define W160 .dims = {160, 320, 640, 1280}, .stem = {80, 160}
#define W192 .dims = {192, 384, 768, 1536}, .stem = {96, 192}
#define EVEN64 .dims = {64, 128, 256, 512}, .stem = {64, 64}
#define EVEN96 .dims = {96, 192, 384, 768}, .stem = {64, 64}
#define EVEN128 .dims = {128, 256, 512, 1024}, .stem = {128, 128}
#define EVEN192 .dims = {192, 384, 768, 1536}, .stem = {192, 192}
#define TEST .dims = {32, 64, 96, 128}, .stem = {16, 32}

static const tm_maxxvit variants[] = {
    {.name = "coatnet_pico_rw_224", .series = RW_MAX, W64, .depths = {2, 3, 5, 2}},
    {.name = "coatnet_nano_rw_224", .series = RW_MAX, W64, .depths = {3, 4, 6, 3},
     .pool_stride = true},
    {.name = "coatnet_0_rw_224", .series = RW_COAT, W96, .depths = {2, 3, 7, 2},
     .pool_stride = true, .early = true},
    {.name = "coatnet_1_rw_224", .series = RW_COAT, W96, .depths = {2, 6, 14, 2}, .early = true},
    {.name = "coatnet_2_rw_224", .series = RW_COAT, W128, .depths = {2, 6, 14, 2},
     .silu_se = true},
    {.name = "coatnet_3_rw_224", .series = RW_COAT, W192, .depths = {2, 6, 14, 2},
     .silu_se = true, .layer_scale = true},
    {.name = "coatnet_bn_0_rw_224", .series = RW_COAT, W96, .depths = {2, 3, 7, 2},
     .early = true, .batch_norm = true},
    {.name = "coatnet_rmlp_nano_rw_224", .series = RW_MAX, W64, .depths = {3, 4, 6, 3},
     .mlp = 384},
    {.name = "coatnet_rmlp_0_rw_224", .series = RW_COAT, W96, .depths = {2, 3, 7, 2}, .mlp = 512},
    {.name = "coatnet_rmlp_1_rw_224", .series = RW_COAT, W96, .depths = {2, 6, 14, 2},
     .pool_stride = true, .max_pool = true, .early = true, .mlp = 384},
    {.name = "coatnet_rmlp_1_rw2_224", .series = RW_COAT, W96, .depths = {2, 6, 14, 2},
     .mlp = 512},
    {.name = "coatnet_rmlp_2_rw_224", .series = RW_COAT, W128, .depths = {2, 6, 14, 2},
     .silu_se = true, .layer_scale = true, .mlp = 512},
    {.name = "coatnet_rmlp_2_rw_384", .same_as = "coatnet_rmlp_2_rw_224"},
    {.name = "coatnet_rmlp_3_rw_224", .series = RW_COAT, W192, .depths = {2, 6, 14, 2},
     .silu_se = true, .layer_scale = true, .mlp = 512},
    {.name = "coatnet_nano_cc_224", .series = RW_COAT, .blocks = COATNET_MIXED, W64,
     .depths = {3, 4, 6, 3}, .pool_stride = true},
    {.name = "coatnext_nano_rw_224", .series = CONVNEXT, W64, .depths = {3, 4, 6, 3}},
    {.name = "coatnet_0_224", EVEN96, .depths = {2, 3, 5, 2}, .hidden = true},
    {.name = "coatnet_1_224", EVEN96, .depths = {2, 6, 14, 2}, .hidden = true},
    {.name = "coatnet_2_224", EVEN128, .depths = {2, 6, 14, 2}, .hidden = true},
    {.name = "coatnet_3_224", EVEN192, .depths = {2, 6, 14, 2}, .hidden = true},
    {.name = "coatnet_4_224", EVEN192, .depths = {2, 12, 28, 2}, .hidden = true},
    {.name = "coatnet_5_224", .dims = {256, 512, 1280, 2048}, .stem = {192, 192},
     .depths = {2, 12, 28, 2}, .hidden = true},
    {.name = "maxvit_pico_rw_256", .series = RW_MAX, .blocks = MAXVIT, W32, .depths = {2, 2, 5, 2}},
    {.name = "maxvit_nano_rw_256", .series = RW_MAX, .blocks = MAXVIT, W64, .depths = {1, 2, 3, 1}},
    {.name = "maxvit_tiny_rw_224", .series = RW_MAX, .blocks = MAXVIT, W64, .depths = {2, 2, 5, 2}},
    {.name = "maxvit_tiny_rw_256", .same_as = "maxvit_tiny_rw_224"},
    {.name = "maxvit_rmlp_pico_rw_256", .series = RW_MAX, .blocks = MAXVIT, W32,
     .depths = {2, 2, 5, 2}, .mlp = 512},
    {.name = "maxvit_rmlp_nano_rw_256", .series = RW_MAX, .blocks = MAXVIT, W64,
     .depths = {1, 2, 3, 1}, .mlp = 512},
    {.name = "maxvit_rmlp_tiny_rw_256", .series = RW_MAX, .blocks = MAXVIT, W64,
     .depths = {2, 2, 5, 2}, .mlp = 512},
    {.name = "maxvit_rmlp_small_rw_224", .series = RW_MAX, .blocks = MAXVIT, W96,
     .depths = {2, 2, 5, 2}, .layer_scale = true, .mlp = 512},
    {.name = "maxvit_rmlp_small_rw_256", .same_as = "maxvit_rmlp_small_rw_224"},
    {.name = "maxvit_rmlp_base_rw_224", .series = RW_MAX, .blocks = MAXVIT, W96,
     .depths = {2, 6, 14, 2}, .hidden = true, .mlp = 512},
    {.name = "maxvit_rmlp_base_rw_384", .same_as = "maxvit_rmlp_base_rw_224"},
    {.name = "maxvit_tiny_pm_256", .series = RW_MAX, .blocks = PARALLEL, W64,
     .depths = {2, 2, 5, 2}},
    {.name = "maxxvit_rmlp_nano_rw_256", .series = CONVNEXT, .blocks = MAXVIT, W64,
     .depths = {1, 2, 3, 1}, .layer_scale = true, .mlp = 512},
    {.name = "maxxvit_rmlp_tiny_rw_256", .series = CONVNEXT, .blocks = MAXVIT, W64,
     .depths = {2, 2, 5, 2}, .layer_scale = true, .mlp = 512},
    {.name = "maxxvit_rmlp_small_rw_256", .series = CONVNEXT, .blocks = MAXVIT, W96N,
     .depths = {2, 2, 5, 2}, .layer_scale = true, .mlp = 512},
    {.name = "maxxvitv2_nano_rw_256", .series = CONVNEXT, .blocks = MAXVIT, W96N,
     .depths = {1, 2, 3, 1}, .grid_only = true, .layer_scale = true},
    {.name = "maxxvitv2_rmlp_base_rw_224", .series = CONVNEXT, .blocks = MAXVIT, W128,
     .depths = {2, 6, 12, 2}, .grid_only = true, .layer_scale = true, .mlp = 512},
    {.name = "maxxvitv2_rmlp_base_rw_384", .same_as = "maxxvitv2_rmlp_base_rw_224"},
    {.name = "maxxvitv2_rmlp_large_rw_224", .series = CONVNEXT, .blocks = MAXVIT, W160,
     .depths = {2, 6, 16, 2}, .grid_only = true, .layer_scale = true, .hidden = true, .mlp = 512},
    {.name = "maxvit_tiny_tf_224", .series = TF, .blocks = MAXVIT, EVEN64, .depths = {2, 2, 5, 2},
     .hidden = true},
    {.name = "maxvit_tiny_tf_384", .same_as = "maxvit_tiny_tf_224"},
    {.name = "maxvit_tiny_tf_512", .same_as = "maxvit_tiny_tf_224"},
    {.name = "maxvit_small_tf_224", .series = TF, .blocks = MAXVIT, EVEN96, .depths = {2, 2, 5, 2},
     .hidden = true},
    {.name = "maxvit_small_tf_384", .same_as = "maxvit_small_tf_224"},
    {.name = "maxvit_small_tf_512", .same_as = "maxvit_small_tf_224"},
    {.name = "maxvit_base_tf_224", .series = TF, .blocks = MAXVIT, EVEN96, .depths = {2, 6, 14, 2},
     .hidden = true},
    {.name = "maxvit_base_tf_384", .same_as = "maxvit_base_tf_224"},
    {.name = "maxvit_base_tf_512", .same_as = "maxvit_base_tf_224"},
    {.name = "maxvit_large_tf_224", .series = TF, .blocks = MAXVIT, EVEN128, .depths = {2, 6, 14, 2},
     .hidden = true},
    {.name = "maxvit_large_tf_384", .same_as = "maxvit_large_tf_224"},
    {.name = "maxvit_large_tf_512", .same_as = "maxvit_large_tf_224"},
    {.name = "maxvit_xlarge_tf_224", .series = TF, .blocks = MAXVIT, EVEN192, .depths = {2, 6, 14, 2},
     .hidden = true},
    {.name = "maxvit_xlarge_tf_384", .same_as = "maxvit_xlarge_tf_224"},
    {.name = "maxvit_xlarge_tf_512", .same_as = "maxvit_xlarge_tf_224"},
    {.name = "test_maxvit", .series = RW_MAX, .blocks = MAXVIT, TEST, .depths = {1, 1, 1, 1}},
    {.name = "test_coatnet", .series = RW_MAX, TEST, .depths = {1, 1, 2, 1}, .pool_stride = true},
};
/* clang-format on */

/* Layers were once linear that are convolutions now, and the other way round. */
static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    (void)variant;
    for (size_t i = 0; i < dict->count; i++) {
        tm_tensor_view *view = &dict->tensors[i];
        const tm_node *param = tm_find_param(graph, view->name);
        if (param &&
            ((view->rank == 2 && param->rank == 4) || (view->rank == 4 && param->rank == 2)))
            tm_reshape_to_param(dict, view, graph);
    }
}

const tm_family tm_family_maxxvit = {.module = "maxxvit",
                                     TM_VARIANTS(variants),
                                     .same_as = offsetof(tm_maxxvit, same_as),
                                     .build = tm_maxxvit_build,
                                     .filter = filter};
