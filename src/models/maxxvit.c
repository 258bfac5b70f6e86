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
#define TF_NET .series = TF, .positions = POS_TF_TABLE, .blocks = MAXVIT
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
     .positions = POS_MLP, .mlp = 384},
    {.name = "coatnet_rmlp_0_rw_224", .series = RW_COAT, W96, .depths = {2, 3, 7, 2},
     .positions = POS_MLP},
    {.name = "coatnet_rmlp_1_rw_224", .series = RW_COAT, W96, .depths = {2, 6, 14, 2},
     .pool_stride = true, .max_pool = true, .early = true, .positions = POS_MLP, .mlp = 384},
    {.name = "coatnet_rmlp_1_rw2_224", .series = RW_COAT, W96, .depths = {2, 6, 14, 2},
     .positions = POS_MLP},
    {.name = "coatnet_rmlp_2_rw_224", .series = RW_COAT, W128, .depths = {2, 6, 14, 2},
     .silu_se = true, .layer_scale = true, .positions = POS_MLP},
    {.name = "coatnet_rmlp_2_rw_384", .same_as = "coatnet_rmlp_2_rw_224"},
    {.name = "coatnet_rmlp_3_rw_224", .series = RW_COAT, W192, .depths = {2, 6, 14, 2},
     .silu_se = true, .layer_scale = true, .positions = POS_MLP},
    {.name = "coatnet_nano_cc_224", .series = RW_COAT, .blocks = COATNET_MIXED, W64,
     .depths = {3, 4, 6, 3}, .pool_stride = true},
    {.name = "coatnext_nano_rw_224", .series = CONVNEXT, W64, .depths = {3, 4, 6, 3}},
    {.name = "coatnet_0_224", EVEN96, .depths = {2, 3, 5, 2}, .hidden = 768},
    {.name = "coatnet_1_224", EVEN96, .depths = {2, 6, 14, 2}, .hidden = 768},
    {.name = "coatnet_2_224", EVEN128, .depths = {2, 6, 14, 2}, .hidden = 1024},
    {.name = "coatnet_3_224", EVEN192, .depths = {2, 6, 14, 2}, .hidden = 1536},
    {.name = "coatnet_4_224", EVEN192, .depths = {2, 12, 28, 2}, .hidden = 1536},
    {.name = "coatnet_5_224", .dims = {256, 512, 1280, 2048}, .stem = {192, 192},
     .depths = {2, 12, 28, 2}, .hidden = 2048},
    {.name = "maxvit_pico_rw_256", .series = RW_MAX, .blocks = MAXVIT, W32, .depths = {2, 2, 5, 2}},
    {.name = "maxvit_nano_rw_256", .series = RW_MAX, .blocks = MAXVIT, W64, .depths = {1, 2, 3, 1}},
    {.name = "maxvit_tiny_rw_224", .series = RW_MAX, .blocks = MAXVIT, W64, .depths = {2, 2, 5, 2}},
    {.name = "maxvit_tiny_rw_256", .same_as = "maxvit_tiny_rw_224"},
    {.name = "maxvit_rmlp_pico_rw_256", .series = RW_MAX, .blocks = MAXVIT, W32,
     .depths = {2, 2, 5, 2}, .positions = POS_MLP},
    {.name = "maxvit_rmlp_nano_rw_256", .series = RW_MAX, .blocks = MAXVIT, W64,
     .depths = {1, 2, 3, 1}, .positions = POS_MLP},
    {.name = "maxvit_rmlp_tiny_rw_256", .series = RW_MAX, .blocks = MAXVIT, W64,
     .depths = {2, 2, 5, 2}, .positions = POS_MLP},
    {.name = "maxvit_rmlp_small_rw_224", .series = RW_MAX, .blocks = MAXVIT, W96,
     .depths = {2, 2, 5, 2}, .layer_scale = true, .positions = POS_MLP},
    {.name = "maxvit_rmlp_small_rw_256", .same_as = "maxvit_rmlp_small_rw_224"},
    {.name = "maxvit_rmlp_base_rw_224", .series = RW_MAX, .blocks = MAXVIT, W96,
     .depths = {2, 6, 14, 2}, .hidden = 768, .positions = POS_MLP},
    {.name = "maxvit_rmlp_base_rw_384", .same_as = "maxvit_rmlp_base_rw_224"},
    {.name = "maxvit_tiny_pm_256", .series = RW_MAX, .blocks = PARALLEL, W64,
     .depths = {2, 2, 5, 2}},
    {.name = "maxxvit_rmlp_nano_rw_256", .series = CONVNEXT, .blocks = MAXVIT, W64,
     .depths = {1, 2, 3, 1}, .layer_scale = true, .positions = POS_MLP},
    {.name = "maxxvit_rmlp_tiny_rw_256", .series = CONVNEXT, .blocks = MAXVIT, W64,
     .depths = {2, 2, 5, 2}, .layer_scale = true, .positions = POS_MLP},
    {.name = "maxxvit_rmlp_small_rw_256", .series = CONVNEXT, .blocks = MAXVIT, W96N,
     .depths = {2, 2, 5, 2}, .layer_scale = true, .positions = POS_MLP},
    {.name = "maxxvitv2_nano_rw_256", .series = CONVNEXT, .blocks = MAXVIT, W96N,
     .depths = {1, 2, 3, 1}, .grid_only = true, .layer_scale = true},
    {.name = "maxxvitv2_rmlp_base_rw_224", .series = CONVNEXT, .blocks = MAXVIT, W128,
     .depths = {2, 6, 12, 2}, .grid_only = true, .layer_scale = true, .positions = POS_MLP},
    {.name = "maxxvitv2_rmlp_base_rw_384", .same_as = "maxxvitv2_rmlp_base_rw_224"},
    {.name = "maxxvitv2_rmlp_large_rw_224", .series = CONVNEXT, .blocks = MAXVIT, W160,
     .depths = {2, 6, 16, 2}, .grid_only = true, .layer_scale = true, .hidden = 1280,
     .positions = POS_MLP},
    {.name = "maxvit_tiny_tf_224", TF_NET, EVEN64, .depths = {2, 2, 5, 2},
     .hidden = 512},
    {.name = "maxvit_tiny_tf_384", .same_as = "maxvit_tiny_tf_224"},
    {.name = "maxvit_tiny_tf_512", .same_as = "maxvit_tiny_tf_224"},
    {.name = "maxvit_small_tf_224", TF_NET, EVEN96, .depths = {2, 2, 5, 2},
     .hidden = 768},
    {.name = "maxvit_small_tf_384", .same_as = "maxvit_small_tf_224"},
    {.name = "maxvit_small_tf_512", .same_as = "maxvit_small_tf_224"},
    {.name = "maxvit_base_tf_224", TF_NET, EVEN96, .depths = {2, 6, 14, 2},
     .hidden = 768},
    {.name = "maxvit_base_tf_384", .same_as = "maxvit_base_tf_224"},
    {.name = "maxvit_base_tf_512", .same_as = "maxvit_base_tf_224"},
    {.name = "maxvit_large_tf_224", TF_NET, EVEN128, .depths = {2, 6, 14, 2},
     .hidden = 1024},
    {.name = "maxvit_large_tf_384", .same_as = "maxvit_large_tf_224"},
    {.name = "maxvit_large_tf_512", .same_as = "maxvit_large_tf_224"},
    {.name = "maxvit_xlarge_tf_224", TF_NET, EVEN192, .depths = {2, 6, 14, 2},
     .hidden = 1536},
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

static const tm_choice positions[] = {
    {"bias", POS_TABLE}, {"mlp", POS_MLP}, {"bias_tf", POS_TF_TABLE}, {"", POS_NONE}, {NULL, 0}};

/* timm has a config of convolutions and one of attention below that of the network. */
#define MAXXVIT(name, kind, member, ...) TM_TAKES(tm_maxxvit, name, kind, member, __VA_ARGS__)
#define MAXXVIT_CONV(name, kind, member, ...) MAXXVIT("conv_" name, kind, member, __VA_ARGS__)
#define MAXXVIT_ATTN(name, kind, member, ...)                                                      \
    MAXXVIT("transformer_" name, kind, member, __VA_ARGS__)
static const tm_argument arguments[] = {
    MAXXVIT("embed_dim", LIST, dims, TM_WIDTHS),
    MAXXVIT("depths", LIST, depths, TM_DEPTHS),
    MAXXVIT("stem_width", INTEGERS, stem, TM_WIDTHS),
    MAXXVIT("head_hidden_size", INTEGER, hidden, 0, 65536),
    MAXXVIT_CONV("expand_ratio", NUMBER, conv_ratio, TM_RATIOS),
    MAXXVIT_CONV("kernel_size", INTEGER, conv_kernel, 1, 31),
    MAXXVIT_CONV("attn_ratio", NUMBER, se_ratio, TM_RATIOS),
    MAXXVIT_CONV("act_layer", ACT, conv_act, TM_ANY),
    MAXXVIT_ATTN("dim_head", INTEGER, head_width, TM_WIDTHS),
    MAXXVIT_ATTN("expand_ratio", NUMBER, ratio, TM_RATIOS),
    MAXXVIT_ATTN("window_size", INTEGERS, window, 1, 1024),
    MAXXVIT_ATTN("grid_size", INTEGERS, grid, 1, 1024),
    MAXXVIT_ATTN("partition_ratio", INTEGER, partition, 1, 1024),
    MAXXVIT_ATTN("no_block_attn", FLAG, grid_only, TM_ANY),
    MAXXVIT_ATTN("rel_pos_type", CHOICE, positions, TM_ANY, .choices = positions),
    MAXXVIT_ATTN("rel_pos_dim", INTEGER, mlp, TM_WIDTHS),
    MAXXVIT_ATTN("init_values", GIVEN, layer_scale, TM_ANY),
    MAXXVIT_ATTN("act_layer", ACT, act, TM_ANY),
};

const tm_family tm_family_maxxvit = {.module = "maxxvit",
                                     TM_VARIANTS(variants),
                                     TM_ARGUMENTS(arguments),
                                     .same_as = offsetof(tm_maxxvit, same_as),
                                     .build = tm_maxxvit_build,
                                     .filter = filter};
