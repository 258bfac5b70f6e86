/* SPDX-License-Identifier: Apache-2.0 */
/* timm's vision_transformer.py: ViT (2010.11929, 2106.10270) and its kin: CLIP, SigLIP, DINOv2 and
 * registers (2309.16588), FlexiViT (2212.08013), BEiT-3, EVA, AIMv2 (2411.14402), RADIO, parallel
 * blocks (2203.09795, 2302.05442), differential attention (2410.05258). */
#include "models/vision_transformer.h"

#include <string.h>

#include "layers/attention_pool.h"
#include "layers/classifier.h"
#include "layers/distilled_head.h"
#include "layers/patch_embed.h"
#include "layers/pool1d.h"
#include "layers/taps.h"
#include "models/naflex.h"
#include "layers/vit_block.h"
#include "models/model.h"

enum { RADIO_GRID = 128 /* positions a side, as NaFlexVit has them */ };

/* clang-format off */
static const tm_vit variants[] = {
    {.name = "aimv2_1b_patch14_224", .patch = 14, .width = 2048, .depth = 24, .heads = 16,
     .mlp_ratio = 2.75, .ffn = TM_FFN_SWIGLU, .act = TM_ACT_SILU, .rms_norm = true,
     .norm_eps = 1e-5f, .embed_norm = true, .pool = "avg", .no_class_token = true,
     .no_fc_norm = true, .no_qkv_bias = true, .no_proj_bias = true},
    {.name = "aimv2_1b_patch14_336", .same_as = "aimv2_1b_patch14_224"},
    {.name = "aimv2_1b_patch14_448", .same_as = "aimv2_1b_patch14_224"},
    {.name = "aimv2_3b_patch14_224", .patch = 14, .width = 3072, .depth = 24, .heads = 24,
     .mlp_ratio = 2.6667, .ffn = TM_FFN_SWIGLU, .act = TM_ACT_SILU, .rms_norm = true,
     .norm_eps = 1e-5f, .embed_norm = true, .pool = "avg", .no_class_token = true,
     .no_fc_norm = true, .no_qkv_bias = true, .no_proj_bias = true},
    {.name = "aimv2_3b_patch14_336", .same_as = "aimv2_3b_patch14_224"},
    {.name = "aimv2_3b_patch14_448", .same_as = "aimv2_3b_patch14_224"},
    {.name = "aimv2_huge_patch14_224", .patch = 14, .width = 1536, .depth = 24, .mlp_ratio = 2.6667,
     .ffn = TM_FFN_SWIGLU, .act = TM_ACT_SILU, .rms_norm = true, .norm_eps = 1e-5f,
     .embed_norm = true, .pool = "avg", .no_class_token = true, .no_fc_norm = true,
     .no_qkv_bias = true, .no_proj_bias = true},
    {.name = "aimv2_huge_patch14_336", .same_as = "aimv2_huge_patch14_224"},
    {.name = "aimv2_huge_patch14_448", .same_as = "aimv2_huge_patch14_224"},
    {.name = "aimv2_large_patch14_224", .patch = 14, .width = 1024, .depth = 24, .heads = 8,
     .mlp_ratio = 2.75, .ffn = TM_FFN_SWIGLU, .act = TM_ACT_SILU, .rms_norm = true,
     .norm_eps = 1e-5f, .embed_norm = true, .pool = "avg", .no_class_token = true,
     .no_fc_norm = true, .no_qkv_bias = true, .no_proj_bias = true},
    {.name = "aimv2_large_patch14_336", .same_as = "aimv2_large_patch14_224"},
    {.name = "aimv2_large_patch14_448", .same_as = "aimv2_large_patch14_224"},
    {.name = "beit3_base_patch16_224", .norm_eps = 1e-5f, .pool = "avg", .sub_norms = true},
    {.name = "beit3_giant_patch14_224", .patch = 14, .width = 1408, .depth = 40, .heads = 16,
     .mlp_ratio = 4.3637, .norm_eps = 1e-5f, .pool = "avg", .sub_norms = true},
    {.name = "beit3_giant_patch14_336", .same_as = "beit3_giant_patch14_224"},
    {.name = "beit3_large_patch16_224", .width = 1024, .depth = 24, .heads = 16, .norm_eps = 1e-5f,
     .pool = "avg", .sub_norms = true},
    {.name = "eva_large_patch14_196", .patch = 14, .width = 1024, .depth = 24, .heads = 16,
     .pool = "avg"},
    {.name = "eva_large_patch14_336", .same_as = "eva_large_patch14_196"},
    {.name = "flexivit_base", .no_embed_class = true},
    {.name = "flexivit_large", .width = 1024, .depth = 24, .heads = 16, .no_embed_class = true},
    {.name = "flexivit_small", .width = 384, .heads = 6, .no_embed_class = true},
    {.name = "test_vit", .dynamic = true, .width = 64, .depth = 6, .heads = 2, .mlp_ratio = 3},
    {.name = "test_vit2", .dynamic = true, .width = 64, .depth = 8, .heads = 2, .mlp_ratio = 3, .registers = 1,
     .pool = "avg", .no_class_token = true, .layer_scale = true},
    {.name = "test_vit3", .width = 96, .depth = 9, .heads = 3, .mlp_ratio = 2, .registers = 1,
     .pool = "map", .no_class_token = true, .layer_scale = true, .pool_prefix = true},
    {.name = "test_vit4", .dynamic = true, .width = 96, .depth = 9, .heads = 3, .mlp_ratio = 3, .rms_norm = true,
     .registers = 1, .pool = "avg", .no_class_token = true, .layer_scale = true},
    {.name = "vit_base_patch14_dinov2", .patch = 14, .layer_scale = true},
    {.name = "vit_base_patch14_reg1_tipsv2", .patch = 14, .registers = 1, .no_embed_class = true,
     .layer_scale = true},
    {.name = "vit_base_patch14_reg4_dinov2", .patch = 14, .registers = 4, .no_embed_class = true,
     .layer_scale = true},
    {.name = "vit_base_patch16_18x2_224", .depth = 18, .block = TM_VIT_PARALLEL_THINGS,
     .layer_scale = true},
    {.name = "vit_base_patch16_224"},
    {.name = "vit_base_patch16_224_miil", .no_qkv_bias = true},
    {.name = "vit_base_patch16_384", .same_as = "vit_base_patch16_224"},
    {.name = "vit_base_patch16_clip_224", .norm_eps = 1e-5f, .pre_norm = true},
    {.name = "vit_base_patch16_clip_384", .same_as = "vit_base_patch16_clip_224"},
    {.name = "vit_base_patch16_clip_quickgelu_224", .act = TM_ACT_QUICK_GELU, .norm_eps = 1e-5f,
     .pre_norm = true},
    {.name = "vit_base_patch16_gap_224", .heads = 16, .pool = "avg", .no_class_token = true,
     .no_fc_norm = true},
    {.name = "vit_base_patch16_plus_240", .width = 896, .heads = 14, .layer_scale = true},
    {.name = "vit_base_patch16_plus_clip_240", .width = 896, .heads = 14, .norm_eps = 1e-5f,
     .pre_norm = true},
    {.name = "vit_base_patch16_radio_v3", .registers = 7, .no_embed_class = true,
     .no_final_norm = true, .layer_scale = true},
    {.name = "vit_base_patch16_reg4_gap_256", .registers = 4, .pool = "avg", .no_class_token = true,
     .no_embed_class = true},
    {.name = "vit_base_patch16_rpn_224", .block = TM_VIT_RES_POST, .pool = "avg",
     .no_class_token = true, .no_qkv_bias = true, .layer_scale = true},
    {.name = "vit_base_patch16_siglip_224", .pool = "map", .no_class_token = true},
    {.name = "vit_base_patch16_siglip_256", .same_as = "vit_base_patch16_siglip_224"},
    {.name = "vit_base_patch16_siglip_384", .same_as = "vit_base_patch16_siglip_224"},
    {.name = "vit_base_patch16_siglip_512", .same_as = "vit_base_patch16_siglip_224"},
    {.name = "vit_base_patch16_siglip_gap_224", .pool = "avg", .no_class_token = true,
     .no_fc_norm = true},
    {.name = "vit_base_patch16_siglip_gap_256", .same_as = "vit_base_patch16_siglip_gap_224"},
    {.name = "vit_base_patch16_siglip_gap_384", .same_as = "vit_base_patch16_siglip_gap_224"},
    {.name = "vit_base_patch16_siglip_gap_512", .same_as = "vit_base_patch16_siglip_gap_224"},
    {.name = "vit_base_patch16_xp_224", .block = TM_VIT_PARALLEL_SCALING, .rms_norm = true,
     .no_embed_class = true, .pre_norm = true, .no_qkv_bias = true, .qk_norm = true},
    {.name = "vit_base_patch32_224", .patch = 32},
    {.name = "vit_base_patch32_384", .same_as = "vit_base_patch32_224"},
    {.name = "vit_base_patch32_clip_224", .patch = 32, .norm_eps = 1e-5f, .pre_norm = true},
    {.name = "vit_base_patch32_clip_256", .same_as = "vit_base_patch32_clip_224"},
    {.name = "vit_base_patch32_clip_384", .same_as = "vit_base_patch32_clip_224"},
    {.name = "vit_base_patch32_clip_448", .same_as = "vit_base_patch32_clip_224"},
    {.name = "vit_base_patch32_clip_quickgelu_224", .patch = 32, .act = TM_ACT_QUICK_GELU,
     .norm_eps = 1e-5f, .pre_norm = true},
    {.name = "vit_base_patch32_plus_256", .patch = 32, .width = 896, .heads = 14,
     .layer_scale = true},
    {.name = "vit_base_patch32_siglip_256", .patch = 32, .act = TM_ACT_GELU_TANH, .pool = "map",
     .no_class_token = true},
    {.name = "vit_base_patch32_siglip_gap_256", .patch = 32, .act = TM_ACT_GELU_TANH, .pool = "avg",
     .no_class_token = true, .no_fc_norm = true},
    {.name = "vit_base_patch8_224", .patch = 8},
    {.name = "vit_betwixt_patch16_gap_256", .width = 640, .heads = 10, .pool = "avg",
     .no_class_token = true, .no_fc_norm = true, .no_qkv_bias = true, .layer_scale = true},
    {.name = "vit_betwixt_patch16_reg1_gap_256", .width = 640, .heads = 10, .registers = 1,
     .pool = "avg", .no_class_token = true, .no_embed_class = true, .layer_scale = true},
    {.name = "vit_betwixt_patch16_reg4_gap_256", .width = 640, .heads = 10, .registers = 4,
     .pool = "avg", .no_class_token = true, .no_embed_class = true, .layer_scale = true},
    {.name = "vit_betwixt_patch16_reg4_gap_384", .same_as = "vit_betwixt_patch16_reg4_gap_256"},
    {.name = "vit_betwixt_patch32_clip_224", .patch = 32, .width = 640, .heads = 10,
     .norm_eps = 1e-5f, .pre_norm = true},
    {.name = "vit_dlittle_patch16_reg1_gap_256", .width = 320, .depth = 14, .heads = 5,
     .mlp_ratio = 5.6, .registers = 1, .pool = "avg", .no_class_token = true,
     .no_embed_class = true, .layer_scale = true, .diff_attention = true},
    {.name = "vit_dpwee_patch16_reg1_gap_256", .width = 256, .depth = 16, .heads = 4,
     .mlp_ratio = 5, .block = TM_VIT_DIFF_PARALLEL_SCALING, .registers = 1, .pool = "avg",
     .no_class_token = true, .no_embed_class = true, .layer_scale = true},
    {.name = "vit_dwee_patch16_reg1_gap_256", .width = 256, .depth = 14, .heads = 4, .mlp_ratio = 5,
     .registers = 1, .pool = "avg", .no_class_token = true, .no_embed_class = true,
     .layer_scale = true, .diff_attention = true},
    {.name = "vit_giant_patch14_224", .patch = 14, .width = 1408, .depth = 40, .heads = 16,
     .mlp_ratio = 4.363636363636363},
    {.name = "vit_giant_patch14_clip_224", .patch = 14, .width = 1408, .depth = 40, .heads = 16,
     .mlp_ratio = 4.363636363636363, .norm_eps = 1e-5f, .pre_norm = true},
    {.name = "vit_giant_patch14_dinov2", .patch = 14, .width = 1536, .depth = 40, .heads = 24,
     .mlp_ratio = 5.33334, .ffn = TM_FFN_GLU, .act = TM_ACT_SILU, .layer_scale = true},
    {.name = "vit_giant_patch14_reg1_tipsv2", .patch = 14, .width = 1536, .depth = 40, .heads = 24,
     .mlp_ratio = 5.33334, .ffn = TM_FFN_GLU, .act = TM_ACT_SILU, .registers = 1,
     .no_embed_class = true, .layer_scale = true},
    {.name = "vit_giant_patch14_reg4_dinov2", .patch = 14, .width = 1536, .depth = 40, .heads = 24,
     .mlp_ratio = 5.33334, .ffn = TM_FFN_GLU, .act = TM_ACT_SILU, .registers = 4,
     .no_embed_class = true, .layer_scale = true},
    {.name = "vit_giant_patch16_gap_224", .width = 1408, .depth = 40, .heads = 16,
     .mlp_ratio = 4.363636363636363, .pool = "avg", .no_class_token = true, .no_fc_norm = true},
    {.name = "vit_giant_patch16_radio_v3", .width = 1536, .depth = 40, .heads = 24, .registers = 7,
     .no_embed_class = true, .no_final_norm = true},
    {.name = "vit_giantopt_patch16_siglip_256", .width = 1536, .depth = 40, .heads = 16,
     .act = TM_ACT_GELU_TANH, .pool = "map", .no_class_token = true},
    {.name = "vit_giantopt_patch16_siglip_384", .same_as = "vit_giantopt_patch16_siglip_256"},
    {.name = "vit_giantopt_patch16_siglip_gap_256", .width = 1536, .depth = 40, .heads = 16,
     .act = TM_ACT_GELU_TANH, .pool = "avg", .no_class_token = true, .no_fc_norm = true},
    {.name = "vit_giantopt_patch16_siglip_gap_384", .same_as = "vit_giantopt_patch16_siglip_gap_256"},
    {.name = "vit_gigantic_patch14_224", .patch = 14, .width = 1664, .depth = 48, .heads = 16,
     .mlp_ratio = 4.923076923076923},
    {.name = "vit_gigantic_patch14_clip_224", .patch = 14, .width = 1664, .depth = 48, .heads = 16,
     .mlp_ratio = 4.923076923076923, .norm_eps = 1e-5f, .pre_norm = true},
    {.name = "vit_gigantic_patch14_clip_378", .same_as = "vit_gigantic_patch14_clip_224"},
    {.name = "vit_gigantic_patch14_clip_quickgelu_224", .patch = 14, .width = 1664, .depth = 48,
     .heads = 16, .mlp_ratio = 4.923076923076923, .act = TM_ACT_QUICK_GELU, .norm_eps = 1e-5f,
     .pre_norm = true},
    {.name = "vit_huge_patch14_224", .patch = 14, .width = 1280, .depth = 32, .heads = 16},
    {.name = "vit_huge_patch14_clip_224", .patch = 14, .width = 1280, .depth = 32, .heads = 16,
     .norm_eps = 1e-5f, .pre_norm = true},
    {.name = "vit_huge_patch14_clip_336", .same_as = "vit_huge_patch14_clip_224"},
    {.name = "vit_huge_patch14_clip_378", .same_as = "vit_huge_patch14_clip_224"},
    {.name = "vit_huge_patch14_clip_quickgelu_224", .patch = 14, .width = 1280, .depth = 32,
     .heads = 16, .act = TM_ACT_QUICK_GELU, .norm_eps = 1e-5f, .pre_norm = true},
    {.name = "vit_huge_patch14_clip_quickgelu_378", .same_as = "vit_huge_patch14_clip_quickgelu_224"},
    {.name = "vit_huge_patch14_gap_224", .patch = 14, .width = 1280, .depth = 32, .heads = 16,
     .pool = "avg", .no_class_token = true, .no_fc_norm = true},
    {.name = "vit_huge_patch14_xp_224", .patch = 14, .width = 1280, .depth = 32, .heads = 16,
     .block = TM_VIT_PARALLEL_SCALING, .rms_norm = true, .no_embed_class = true, .pre_norm = true,
     .no_qkv_bias = true, .qk_norm = true},
    {.name = "vit_huge_patch16_gap_448", .width = 1280, .depth = 32, .heads = 16, .pool = "avg",
     .no_class_token = true, .no_fc_norm = true},
    {.name = "vit_huge_patch16_radio_v3", .width = 1280, .depth = 32, .heads = 16, .registers = 7,
     .no_embed_class = true, .no_final_norm = true},
    {.name = "vit_huge_patch16_radio_v4", .width = 1280, .depth = 32, .heads = 16, .registers = 9,
     .no_embed_class = true, .no_final_norm = true},
    {.name = "vit_intern300m_patch14_448", .dynamic = true, .patch = 14, .width = 1024, .depth = 24, .heads = 16,
     .no_final_norm = true, .layer_scale = true},
    {.name = "vit_large_patch14_224", .patch = 14, .width = 1024, .depth = 24, .heads = 16},
    {.name = "vit_large_patch14_clip_224", .patch = 14, .width = 1024, .depth = 24, .heads = 16,
     .norm_eps = 1e-5f, .pre_norm = true},
    {.name = "vit_large_patch14_clip_336", .same_as = "vit_large_patch14_clip_224"},
    {.name = "vit_large_patch14_clip_quickgelu_224", .patch = 14, .width = 1024, .depth = 24,
     .heads = 16, .act = TM_ACT_QUICK_GELU, .norm_eps = 1e-5f, .pre_norm = true},
    {.name = "vit_large_patch14_clip_quickgelu_336", .same_as = "vit_large_patch14_clip_quickgelu_224"},
    {.name = "vit_large_patch14_dinov2", .patch = 14, .width = 1024, .depth = 24, .heads = 16,
     .layer_scale = true},
    {.name = "vit_large_patch14_reg1_tipsv2", .patch = 14, .width = 1024, .depth = 24, .heads = 16,
     .registers = 1, .no_embed_class = true, .layer_scale = true},
    {.name = "vit_large_patch14_reg4_dinov2", .patch = 14, .width = 1024, .depth = 24, .heads = 16,
     .registers = 4, .no_embed_class = true, .layer_scale = true},
    {.name = "vit_large_patch14_xp_224", .patch = 14, .width = 1024, .depth = 24, .heads = 16,
     .block = TM_VIT_PARALLEL_SCALING, .rms_norm = true, .no_embed_class = true, .pre_norm = true,
     .no_qkv_bias = true, .qk_norm = true},
    {.name = "vit_large_patch16_224", .width = 1024, .depth = 24, .heads = 16},
    {.name = "vit_large_patch16_384", .same_as = "vit_large_patch16_224"},
    {.name = "vit_large_patch16_radio_v3", .width = 1024, .depth = 24, .heads = 16, .registers = 7,
     .no_embed_class = true, .no_final_norm = true, .layer_scale = true},
    {.name = "vit_large_patch16_siglip_256", .width = 1024, .depth = 24, .heads = 16, .pool = "map",
     .no_class_token = true},
    {.name = "vit_large_patch16_siglip_384", .same_as = "vit_large_patch16_siglip_256"},
    {.name = "vit_large_patch16_siglip_512", .width = 1024, .depth = 24, .heads = 16,
     .act = TM_ACT_GELU_TANH, .pool = "map", .no_class_token = true},
    {.name = "vit_large_patch16_siglip_gap_256", .width = 1024, .depth = 24, .heads = 16,
     .pool = "avg", .no_class_token = true, .no_fc_norm = true},
    {.name = "vit_large_patch16_siglip_gap_384", .same_as = "vit_large_patch16_siglip_gap_256"},
    {.name = "vit_large_patch16_siglip_gap_512", .width = 1024, .depth = 24, .heads = 16,
     .act = TM_ACT_GELU_TANH, .pool = "avg", .no_class_token = true, .no_fc_norm = true},
    {.name = "vit_large_patch32_224", .patch = 32, .width = 1024, .depth = 24, .heads = 16},
    {.name = "vit_large_patch32_384", .same_as = "vit_large_patch32_224"},
    {.name = "vit_little_patch16_reg1_gap_256", .width = 320, .depth = 14, .heads = 5,
     .mlp_ratio = 5.6, .registers = 1, .pool = "avg", .no_class_token = true,
     .no_embed_class = true, .layer_scale = true},
    {.name = "vit_little_patch16_reg4_gap_256", .width = 320, .depth = 14, .heads = 5,
     .mlp_ratio = 5.6, .registers = 4, .pool = "avg", .no_class_token = true,
     .no_embed_class = true, .layer_scale = true},
    {.name = "vit_medium_patch16_clip_224", .width = 512, .heads = 8, .norm_eps = 1e-5f,
     .pre_norm = true},
    {.name = "vit_medium_patch16_gap_240", .width = 512, .heads = 8, .pool = "avg",
     .no_class_token = true, .no_fc_norm = true, .no_qkv_bias = true, .layer_scale = true},
    {.name = "vit_medium_patch16_gap_256", .same_as = "vit_medium_patch16_gap_240"},
    {.name = "vit_medium_patch16_gap_384", .same_as = "vit_medium_patch16_gap_240"},
    {.name = "vit_medium_patch16_reg1_gap_256", .width = 512, .heads = 8, .registers = 1,
     .pool = "avg", .no_class_token = true, .no_embed_class = true, .layer_scale = true},
    {.name = "vit_medium_patch16_reg4_gap_256", .width = 512, .heads = 8, .registers = 4,
     .pool = "avg", .no_class_token = true, .no_embed_class = true, .layer_scale = true},
    {.name = "vit_medium_patch32_clip_224", .patch = 32, .width = 512, .heads = 8,
     .norm_eps = 1e-5f, .pre_norm = true},
    {.name = "vit_mediumd_patch16_reg4_gap_256", .width = 512, .depth = 20, .heads = 8,
     .registers = 4, .pool = "avg", .no_class_token = true, .no_embed_class = true,
     .layer_scale = true},
    {.name = "vit_mediumd_patch16_reg4_gap_384", .same_as = "vit_mediumd_patch16_reg4_gap_256"},
    {.name = "vit_pwee_patch16_reg1_gap_256", .width = 256, .depth = 16, .heads = 4, .mlp_ratio = 5,
     .block = TM_VIT_PARALLEL_SCALING, .registers = 1, .pool = "avg", .no_class_token = true,
     .no_embed_class = true, .layer_scale = true},
    {.name = "vit_small_patch14_dinov2", .patch = 14, .width = 384, .heads = 6,
     .layer_scale = true},
    {.name = "vit_small_patch14_reg4_dinov2", .patch = 14, .width = 384, .heads = 6, .registers = 4,
     .no_embed_class = true, .layer_scale = true},
    {.name = "vit_small_patch16_18x2_224", .width = 384, .depth = 18, .heads = 6,
     .block = TM_VIT_PARALLEL_THINGS, .layer_scale = true},
    {.name = "vit_small_patch16_224", .width = 384, .heads = 6},
    {.name = "vit_small_patch16_36x1_224", .width = 384, .depth = 36, .heads = 6,
     .layer_scale = true},
    {.name = "vit_small_patch16_384", .same_as = "vit_small_patch16_224"},
    {.name = "vit_small_patch32_224", .patch = 32, .width = 384, .heads = 6},
    {.name = "vit_small_patch32_384", .same_as = "vit_small_patch32_224"},
    {.name = "vit_small_patch8_224", .patch = 8, .width = 384, .heads = 6},
    {.name = "vit_so150m2_patch16_reg1_gap_256", .width = 832, .depth = 21, .heads = 13,
     .mlp_ratio = 2.6153846153846154, .registers = 1, .pool = "avg", .no_class_token = true,
     .no_qkv_bias = true, .layer_scale = true},
    {.name = "vit_so150m2_patch16_reg1_gap_384", .same_as = "vit_so150m2_patch16_reg1_gap_256"},
    {.name = "vit_so150m2_patch16_reg1_gap_448", .same_as = "vit_so150m2_patch16_reg1_gap_256"},
    {.name = "vit_so150m_patch16_reg4_gap_256", .width = 896, .depth = 18, .heads = 14,
     .mlp_ratio = 2.572, .registers = 4, .pool = "avg", .no_class_token = true, .no_fc_norm = true},
    {.name = "vit_so150m_patch16_reg4_gap_384", .same_as = "vit_so150m_patch16_reg4_gap_256"},
    {.name = "vit_so150m_patch16_reg4_map_256", .width = 896, .depth = 18, .heads = 14,
     .mlp_ratio = 2.572, .registers = 4, .pool = "map", .no_class_token = true},
    {.name = "vit_so400m_patch14_reg1_tipsv2", .patch = 14, .width = 1152, .depth = 27, .heads = 16,
     .mlp_ratio = 3.736111111111111, .registers = 1, .no_embed_class = true, .layer_scale = true},
    {.name = "vit_so400m_patch14_siglip_224", .patch = 14, .width = 1152, .depth = 27, .heads = 16,
     .mlp_ratio = 3.7362, .pool = "map", .no_class_token = true},
    {.name = "vit_so400m_patch14_siglip_378", .same_as = "vit_so400m_patch14_siglip_224"},
    {.name = "vit_so400m_patch14_siglip_384", .same_as = "vit_so400m_patch14_siglip_224"},
    {.name = "vit_so400m_patch14_siglip_gap_224", .patch = 14, .width = 1152, .depth = 27,
     .heads = 16, .mlp_ratio = 3.7362, .pool = "avg", .no_class_token = true, .no_fc_norm = true},
    {.name = "vit_so400m_patch14_siglip_gap_378", .same_as = "vit_so400m_patch14_siglip_gap_224"},
    {.name = "vit_so400m_patch14_siglip_gap_384", .same_as = "vit_so400m_patch14_siglip_gap_224"},
    {.name = "vit_so400m_patch14_siglip_gap_448", .same_as = "vit_so400m_patch14_siglip_gap_224"},
    {.name = "vit_so400m_patch14_siglip_gap_896", .same_as = "vit_so400m_patch14_siglip_gap_224"},
    {.name = "vit_so400m_patch16_radio_v4", .width = 1152, .depth = 27, .heads = 16,
     .mlp_ratio = 3.736111111111111, .registers = 9, .no_embed_class = true, .no_final_norm = true},
    {.name = "vit_so400m_patch16_siglip_256", .width = 1152, .depth = 27, .heads = 16,
     .mlp_ratio = 3.7362, .act = TM_ACT_GELU_TANH, .pool = "map", .no_class_token = true},
    {.name = "vit_so400m_patch16_siglip_384", .same_as = "vit_so400m_patch16_siglip_256"},
    {.name = "vit_so400m_patch16_siglip_512", .same_as = "vit_so400m_patch16_siglip_256"},
    {.name = "vit_so400m_patch16_siglip_gap_256", .width = 1152, .depth = 27, .heads = 16,
     .mlp_ratio = 3.7362, .act = TM_ACT_GELU_TANH, .pool = "avg", .no_class_token = true,
     .no_fc_norm = true},
    {.name = "vit_so400m_patch16_siglip_gap_384", .same_as = "vit_so400m_patch16_siglip_gap_256"},
    {.name = "vit_so400m_patch16_siglip_gap_512", .same_as = "vit_so400m_patch16_siglip_gap_256"},
    {.name = "vit_tiny_patch16_224", .width = 192, .heads = 3},
    {.name = "vit_tiny_patch16_384", .same_as = "vit_tiny_patch16_224"},
    {.name = "vit_wee_patch16_reg1_gap_256", .width = 256, .depth = 14, .heads = 4, .mlp_ratio = 5,
     .registers = 1, .pool = "avg", .no_class_token = true, .no_embed_class = true,
     .layer_scale = true},
    {.name = "vit_xsmall_patch16_clip_224", .width = 256, .depth = 10, .heads = 4,
     .norm_eps = 1e-5f, .pre_norm = true},
};
/* clang-format on */

#define VIT(name, kind, member, ...) TM_TAKES(tm_vit, name, kind, member, __VA_ARGS__)
const tm_argument tm_vit_arguments[TM_VIT_ARGUMENTS] = {
    VIT("patch_size", INTEGER, patch, 1, 1024),
    VIT("embed_dim", INTEGER, width, TM_WIDTHS),
    VIT("depth", INTEGER, depth, TM_DEPTHS),
    VIT("num_heads", INTEGER, heads, TM_HEADS),
    VIT("mlp_ratio", NUMBER, mlp_ratio, TM_RATIOS),
    VIT("reg_tokens", INTEGER, registers, 0, 4096),
    VIT("class_token", NO_FLAG, no_class_token, TM_ANY),
    VIT("no_embed_class", FLAG, no_embed_class, TM_ANY),
    VIT("final_norm", NO_FLAG, no_final_norm, TM_ANY),
    VIT("qkv_bias", NO_FLAG, no_qkv_bias, TM_ANY),
    VIT("qk_norm", FLAG, qk_norm, TM_ANY),
    VIT("init_values", GIVEN, layer_scale, TM_ANY),
    VIT("pool_include_prefix", FLAG, pool_prefix, TM_ANY),
    VIT("act_layer", ACT, act, TM_ANY),
    VIT("proj_bias", NO_FLAG, no_proj_bias, TM_ANY),
    VIT("pre_norm", FLAG, pre_norm, TM_ANY),
    VIT("dynamic_img_size", FLAG, dynamic, TM_ANY),
    VIT("dynamic_img_pad", FLAG, dynamic_pad, TM_ANY),
    VIT("use_naflex", FLAG, naflex, TM_ANY),
};

/* A variant with its defaults filled in, on one image size. */
typedef struct vit {
    tm_builder *b;
    const tm_vit *v;
    int width, depth, heads, hidden, prefix;
    int h, w, reduction; /* patches */
    int patch;           /* pixels of the picture; 0: patches of a map */
    tm_act_kind act;
    tm_norm norm;
    const char *pool;
    bool final_norm, fc_norm; /* at most one of them */
} vit;

static bool is(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static tm_norm norm_of(const tm_vit *v)
{
    return (tm_norm){.kind = v->rms_norm ? TM_NORM_RMS : TM_NORM_LAYER,
                     .eps = v->norm_eps > 0 ? v->norm_eps : 1e-6f};
}

static bool norms_after(tm_vit_fc_norm place, const char *pool)
{
    bool pools = is(pool, "avgmax") || is(pool, "max");
    return place == TM_VIT_FC_NORM_ALWAYS || is(pool, "avg") ||
           (place == TM_VIT_FC_NORM_POOLED && pools);
}

static vit resolve(tm_builder *b, const tm_vit *v, int h, int w, int reduction)
{
    vit m = {.b = b,
             .v = v,
             .width = v->width ? v->width : 768,
             .depth = v->depth ? v->depth : 12,
             .heads = v->heads ? v->heads : 12,
             .prefix = !v->no_class_token + v->distilled + v->registers,
             .h = h,
             .w = w,
             .reduction = reduction,
             .act = v->act ? v->act : TM_ACT_GELU,
             .norm = norm_of(v),
             .pool = tm_pool_kind(b, v->pool ? v->pool : "token")};
    m.fc_norm = !v->no_final_norm && !v->no_fc_norm && norms_after(v->fc_norm, m.pool);
    m.final_norm = !v->no_final_norm && !m.fc_norm;
    m.hidden = (int)(m.width * (v->mlp_ratio > 0 ? v->mlp_ratio : 4.0));
    if (m.width % m.heads)
        tm_refuse(b, "embed_dim %d does not divide by num_heads %d", m.width, m.heads);
    if (is(m.pool, "token") && v->no_class_token)
        tm_refuse(b, "global pool 'token' needs a class token, which this model has not");
    if (v->distilled && !is(m.pool, "token"))
        tm_refuse(b,
                  "global pool '%s': the distilled heads read their tokens, so only 'token' goes",
                  m.pool);
    return m;
}

/* ---- tokens ---- */

static tm_any_size any_size(const tm_vit *v)
{
    return (tm_any_size){v->dynamic, v->dynamic_pad};
}

/* class token, distillation token, registers: [1, prefix, width] */
static tm_node *prefix_tokens(const vit *m)
{
    tm_node *parts[3];
    int count = 0;
    if (!m->v->no_class_token)
        parts[count++] = tm_param3(m->b, "cls_token", 1, 1, m->width);
    if (m->v->distilled)
        parts[count++] = tm_param3(m->b, "dist_token", 1, 1, m->width);
    if (m->v->registers)
        parts[count++] = tm_param3(m->b, "reg_token", 1, m->v->registers, m->width);
    return count ? tm_const_concat(m->b, count, parts, 1) : NULL;
}

/* The prefix is the same for every picture, so it is added up with its positions at load. */
static tm_node *embed(const vit *m, tm_node *patches)
{
    tm_builder *b = m->b;
    int count = m->h * m->w, shared = m->v->no_embed_class ? 0 : m->prefix;
    tm_node *x = tm_map_tokens(b, patches), *prefix = prefix_tokens(m);
    if (m->v->no_pos_embed)
        return x;
    tm_node *positions =
        m->patch ? tm_patch_positions(b, m->patch, any_size(m->v), shared, m->h, m->w, m->width)
                 : tm_pos_embed(b, "pos_embed", shared, m->h, m->w, m->width);
    if (shared) {
        prefix = tm_const_add(b, prefix, tm_const_slice(b, positions, 1, 0, shared));
        positions = tm_const_slice(b, positions, 1, shared, count);
    }
    x = tm_add(b, x, positions);
    if (prefix)
        x = tm_concat_w(b, 2, (tm_node *[]){prefix, x});
    return m->v->pre_norm ? tm_normalize(b, "norm_pre", x, m->norm) : x;
}

/* ---- blocks ---- */

static tm_vit_block block_of(const vit *m, int index)
{
    const tm_vit *v = m->v;
    return (tm_vit_block){.qkv = {.heads = m->heads,
                                  .no_qkv_bias = v->no_qkv_bias,
                                  .no_proj_bias = v->no_proj_bias,
                                  .qk_norm = v->qk_norm,
                                  .scale_norm = v->sub_norms,
                                  .diff = v->diff_attention,
                                  .depth = index,
                                  .norm = m->norm},
                          .ffn = {.kind = v->ffn,
                                  .hidden = m->hidden,
                                  .act = m->act,
                                  .no_bias = v->no_proj_bias,
                                  .scale_norm = v->sub_norms,
                                  .norm = m->norm},
                          .norm = m->norm,
                          .layer_scale = v->layer_scale};
}

static tm_node *blocks(const vit *m, tm_node *x)
{
    static tm_node *(*const kinds[])(tm_builder *, tm_node *, const tm_vit_block *) = {
        [TM_VIT_BLOCK] = tm_block,
        [TM_VIT_RES_POST] = tm_res_post_block,
        [TM_VIT_PARALLEL_THINGS] = tm_parallel_things_block,
        [TM_VIT_PARALLEL_SCALING] = tm_parallel_scaling_block,
        [TM_VIT_DIFF_PARALLEL_SCALING] = tm_diff_parallel_scaling_block};
    tm_builder *b = m->b;
    for (int i = 0; i < m->depth; i++) {
        tm_vit_block block = block_of(m, i);
        tm_push(b, "blocks.%d", i);
        x = kinds[m->v->block](b, x, &block);
        tm_pop(b);
        bool norm = m->final_norm && tm_option_norm_intermediates(b);
        tm_tap_block(b, i, x, norm ? tm_normalize(b, "norm", x, m->norm) : x, m->prefix, m->h, m->w,
                     m->reduction);
    }
    return x;
}

/* ---- head ---- */

static tm_node *pool(const vit *m, tm_node *x)
{
    tm_builder *b = m->b;
    int first = m->v->pool_prefix ? 0 : m->prefix;
    if (is(m->pool, "map")) {
        x = tm_slice_w(b, x, first, x->shape.w - first);
        return tm_attention_pool_latent(b, "attn_pool", x, m->heads, m->hidden, m->act, m->norm);
    }
    if (is(m->pool, "prr")) { /* attention without weights before the pool, which takes all */
        x = tm_attend(b, x, x, x, (tm_attention){.heads = m->heads});
        return tm_pool_tokens(b, x, m->v->no_class_token ? "avg" : "token", 0);
    }
    return tm_pool_tokens(b, x, m->pool, first);
}

static void head(const vit *m, tm_node *x)
{
    tm_builder *b = m->b;
    tm_layout layout = is(m->pool, "") ? TM_LAYOUT_TOKENS : TM_LAYOUT_VECTOR;
    if (m->final_norm)
        x = tm_normalize(b, "norm", x, m->norm);
    tm_tap_final_tokens(b, x);
    if (m->v->distilled) {
        tm_distilled_token_head(b, x);
        return;
    }
    x = pool(m, x);
    if (m->fc_norm)
        x = tm_normalize(b, "fc_norm", x, m->norm);
    tm_classifier(b, x, layout, "head");
}

static void build_blocks(const vit *m, tm_node *tokens)
{
    m->b->graph->default_features = m->depth < 3 ? m->depth : 3;
    head(m, blocks(m, tokens));
}

static void build_on(tm_builder *b, const tm_vit *v, tm_node *patches, int reduction, int patch)
{
    vit m = resolve(b, v, patches->shape.h, patches->shape.w, reduction);
    m.patch = patch;
    if (!b->graph->error.status)
        build_blocks(&m, embed(&m, patches));
}

void tm_vit_build_on(tm_builder *b, const tm_vit *v, tm_node *patches, int reduction)
{
    build_on(b, v, patches, reduction, 0);
}

void tm_vit_build_tokens(tm_builder *b, const tm_vit *v, tm_node *tokens, int h, int w,
                         int reduction)
{
    vit m = resolve(b, v, h, w, reduction);
    if (!b->graph->error.status)
        build_blocks(&m, tokens);
}

void tm_vit_build(tm_builder *b, const tm_vit *v)
{
    int patch = v->patch ? v->patch : 16;
    tm_node *x = tm_patch_picture(b, patch, any_size(v));
    x = tm_patch_embed(b, "patch_embed", x, v->width ? v->width : 768, patch, !v->pre_norm);
    if (v->embed_norm)
        x = tm_normalize(b, "patch_embed.norm", x, norm_of(v));
    build_on(b, v, x, patch, patch);
}

void tm_vit_build_naflex(tm_builder *b, const tm_vit *variant, const tm_naflex *n)
{
    tm_vit v = *variant;
    const char *pool = tm_option_global_pool(b);
    v.patch = v.patch ? v.patch : 16;
    v.width = v.width ? v.width : 768;
    if (pool && is(pool, "prr"))
        tm_refuse(b, "global pool 'prr': expected avg, avgmax, max, token, map, or none");
    int grid[2];
    tm_node *tokens = tm_naflex_embed(b, n, &v, norm_of(&v), grid);
    if (v.pre_norm)
        tokens = tm_normalize(b, "norm_pre", tokens, norm_of(&v));
    tm_vit_build_tokens(b, &v, tokens, grid[0], grid[1], v.patch);
}

/* Positions on the grid of the size that the model is made for, resampled for the picture's. */
static void build_classic_naflex(tm_builder *b, const tm_vit *v)
{
    tm_naflex n = {.grid_h = RADIO_GRID, .grid_w = RADIO_GRID};
    if (strstr(v->name, "radio")) {
        n.resampling = tm_vit_resampling(v->name);
        n.resampling.square = true;
    } else {
        n = tm_naflex_of_own_size(b, v->patch ? v->patch : 16);
    }
    if (!b->graph->error.status)
        tm_vit_build_naflex(b, v, &n);
}

static void build(tm_builder *b, const void *variant)
{
    const tm_vit *v = variant;
    (v->naflex ? build_classic_naflex : tm_vit_build)(b, v);
}

static void filter(struct tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    const tm_vit *v = variant;
    if (v->naflex)
        tm_naflex_filter(dict, graph);
    else
        tm_vit_filter(dict, graph, v);
}

const tm_family tm_family_vision_transformer = {.module = "vision_transformer",
                                                TM_VARIANTS(variants),
                                                .same_as = offsetof(tm_vit, same_as),
                                                TM_ARGUMENTS(tm_vit_arguments),
                                                .build = build,
                                                .filter = filter};
