/* SPDX-License-Identifier: Apache-2.0 */
/* timm's efficientnet.py: EfficientNet (1905.11946), its Lite, EdgeTPU, CondConv (1904.04971), X
 * (2102.05610) and V2 (2104.00298) versions, MnasNet (1807.11626), MobileNet V1 and V2
 * (1801.04381), MobileNet-EdgeTPU V2, MixNet (1907.09595), TinyNet (2010.14819), FBNet-C
 * (1812.03443), Single-Path NAS (1904.02877). */
#include "layers/blur_pool.h"
#include "layers/classifier.h"
#include "layers/taps.h"
#include "models/choices.h"
#include "models/efficientnet_builder.h"
#include "models/model.h"
#include "models/pruned.h"

enum { MAX_STAGES = 7 };

typedef struct efficientnet_variant {
    const char *name;
    const char *const *arch;         /* one string a stage, NULL at the end */
    double width, depth;             /* multipliers, 1 */
    double stage_depths[MAX_STAGES]; /* in place of depth */
    int divisor;                     /* of channels, 8 */
    bool round_freely;               /* channels may shrink more than a tenth by rounding */
    bool round_depth, fixed_ends;    /* as in tm_effnet */
    int expert_multiplier;
    int group_size;
    int stem /* 32 */, stem_kernel /* 3 */;
    bool fixed_stem;  /* width does not scale the stem */
    int features;     /* of the head, 1280 */
    bool scaled_head; /* by width */
    bool no_head;
    tm_act_kind act; /* ReLU */
    tm_padding padding;
    double norm_eps;      /* 1e-5 */
    bool trained_epsilon; /* TensorFlow's, but for trained weights only, as timm has it */
    tm_effnet_norm_kind norm;
    int norm_group_size;
    tm_aa_kind aa;
    bool global_context, pruned;
    bool legacy_context, channel_mlp; /* as in tm_effnet */
} efficientnet_variant;

/* clang-format off */
static const char *const condconv[] = {
    "ds_r1_k3_s1_e1_c16_se0.25", "ir_r2_k3_s2_e6_c24_se0.25", "ir_r2_k5_s2_e6_c40_se0.25",
    "ir_r3_k3_s2_e6_c80_se0.25", "ir_r3_k5_s1_e6_c112_se0.25_cc4",
    "ir_r4_k5_s2_e6_c192_se0.25_cc4", "ir_r1_k3_s1_e6_c320_se0.25_cc4", NULL,
};
static const char *const edge[] = {
    "er_r1_k3_s1_e4_c24_fc24_noskip", "er_r2_k3_s2_e8_c32", "er_r4_k3_s2_e8_c48",
    "ir_r5_k5_s2_e8_c96", "ir_r4_k5_s1_e8_c144", "ir_r2_k5_s2_e8_c192", NULL,
};
static const char *const edgetpu[] = {
    "cn_r1_k1_s1_c16", "er_r1_k3_s2_e8_c32 er_r3_k3_s1_e4_c32",
    "er_r1_k3_s2_e8_c48 er_r3_k3_s1_e4_c48", "ir_r1_k3_s2_e8_c96 ir_r3_k3_s1_e4_c96",
    "ir_r1_k3_s1_e8_c96_noskip ir_r3_k3_s1_e4_c96", "ir_r1_k5_s2_e8_c160 ir_r3_k5_s1_e4_c160",
    "ir_r1_k3_s1_e8_c192", NULL,
};
static const char *const edgetpu_v2_l[] = {
    "cn_r1_k1_s1_c32", "er_r1_k3_s2_e8_c64 er_r1_k3_s1_e4_gs128_c64",
    "er_r1_k3_s2_e8_c96 er_r1_k3_s1_e4_gs128_c96 er_r1_k3_s1_e4_c96 er_r1_k3_s1_e4_gs128_c96",
    "er_r1_k3_s2_e8_c192 ir_r3_k3_s1_e4_c192", "ir_r1_k3_s1_e8_c240 ir_r3_k3_s1_e4_c240",
    "ir_r1_k3_s2_e8_c256 ir_r3_k3_s1_e4_c256", "ir_r1_k3_s1_e8_c384", NULL,
};
static const char *const edgetpu_v2_m[] = {
    "cn_r1_k1_s1_c32", "er_r1_k3_s2_e8_c64 er_r1_k3_s1_e4_gs64_c64",
    "er_r1_k3_s2_e8_c80 er_r1_k3_s1_e4_gs64_c80 er_r1_k3_s1_e4_c80 er_r1_k3_s1_e4_gs64_c80",
    "er_r1_k3_s2_e8_c160 ir_r3_k3_s1_e4_c160", "ir_r1_k3_s1_e8_c192 ir_r3_k3_s1_e4_c192",
    "ir_r1_k3_s2_e8_c240 ir_r3_k3_s1_e4_c240", "ir_r1_k3_s1_e8_c320", NULL,
};
static const char *const edgetpu_v2_s[] = {
    "cn_r1_k1_s1_c24", "er_r1_k3_s2_e8_c48 er_r1_k3_s1_e4_gs64_c48",
    "er_r1_k3_s2_e8_c64 er_r1_k3_s1_e4_gs64_c64 er_r1_k3_s1_e4_c64 er_r1_k3_s1_e4_gs64_c64",
    "er_r1_k3_s2_e8_c128 ir_r3_k3_s1_e4_c128", "ir_r1_k3_s1_e8_c160 ir_r3_k3_s1_e4_c160",
    "ir_r1_k3_s2_e8_c192 ir_r3_k3_s1_e4_c192", "ir_r1_k3_s1_e8_c256", NULL,
};
static const char *const edgetpu_v2_xs[] = {
    "cn_r1_k1_s1_c16", "er_r1_k3_s2_e8_c32 er_r1_k3_s1_e4_gs64_c32",
    "er_r1_k3_s2_e8_c48 er_r1_k3_s1_e4_gs64_c48 er_r1_k3_s1_e4_c48 er_r1_k3_s1_e4_gs64_c48",
    "er_r1_k3_s2_e8_c96 ir_r3_k3_s1_e4_c96", "ir_r1_k3_s1_e8_c144 ir_r3_k3_s1_e4_c144",
    "ir_r1_k3_s2_e8_c160 ir_r3_k3_s1_e4_c160", "ir_r1_k3_s1_e8_c192", NULL,
};
static const char *const efficientnet[] = {
    "ds_r1_k3_s1_e1_c16_se0.25", "ir_r2_k3_s2_e6_c24_se0.25", "ir_r2_k5_s2_e6_c40_se0.25",
    "ir_r3_k3_s2_e6_c80_se0.25", "ir_r3_k5_s1_e6_c112_se0.25", "ir_r4_k5_s2_e6_c192_se0.25",
    "ir_r1_k3_s1_e6_c320_se0.25", NULL,
};
static const char *const fbnetc[] = {
    "ir_r1_k3_s1_e1_c16", "ir_r1_k3_s2_e6_c24 ir_r2_k3_s1_e1_c24",
    "ir_r1_k5_s2_e6_c32 ir_r1_k5_s1_e3_c32 ir_r1_k5_s1_e6_c32 ir_r1_k3_s1_e6_c32",
    "ir_r1_k5_s2_e6_c64 ir_r1_k5_s1_e3_c64 ir_r2_k5_s1_e6_c64",
    "ir_r3_k5_s1_e6_c112 ir_r1_k5_s1_e3_c112", "ir_r4_k5_s2_e6_c184", "ir_r1_k3_s1_e6_c352", NULL,
};
static const char *const lite[] = {
    "ds_r1_k3_s1_e1_c16", "ir_r2_k3_s2_e6_c24", "ir_r2_k5_s2_e6_c40", "ir_r3_k3_s2_e6_c80",
    "ir_r3_k5_s1_e6_c112", "ir_r4_k5_s2_e6_c192", "ir_r1_k3_s1_e6_c320", NULL,
};
static const char *const mixnet_m[] = {
    "ds_r1_k3_s1_e1_c24", "ir_r1_k3.5.7_a1.1_p1.1_s2_e6_c32 ir_r1_k3_a1.1_p1.1_s1_e3_c32",
    "ir_r1_k3.5.7.9_s2_e6_c40_se0.5_nsw ir_r3_k3.5_a1.1_p1.1_s1_e6_c40_se0.5_nsw",
    "ir_r1_k3.5.7_s2_e6_c80_se0.25_nsw ir_r3_k3.5.7.9_a1.1_p1.1_s1_e6_c80_se0.25_nsw",
    "ir_r1_k3_s1_e6_c120_se0.5_nsw ir_r3_k3.5.7.9_a1.1_p1.1_s1_e3_c120_se0.5_nsw",
    "ir_r1_k3.5.7.9_s2_e6_c200_se0.5_nsw ir_r3_k3.5.7.9_p1.1_s1_e6_c200_se0.5_nsw", NULL,
};
static const char *const mixnet_s[] = {
    "ds_r1_k3_s1_e1_c16", "ir_r1_k3_a1.1_p1.1_s2_e6_c24 ir_r1_k3_a1.1_p1.1_s1_e3_c24",
    "ir_r1_k3.5.7_s2_e6_c40_se0.5_nsw ir_r3_k3.5_a1.1_p1.1_s1_e6_c40_se0.5_nsw",
    "ir_r1_k3.5.7_p1.1_s2_e6_c80_se0.25_nsw ir_r2_k3.5_p1.1_s1_e6_c80_se0.25_nsw",
    "ir_r1_k3.5.7_a1.1_p1.1_s1_e6_c120_se0.5_nsw "
    "ir_r2_k3.5.7.9_a1.1_p1.1_s1_e3_c120_se0.5_nsw",
    "ir_r1_k3.5.7.9.11_s2_e6_c200_se0.5_nsw ir_r2_k3.5.7.9_p1.1_s1_e6_c200_se0.5_nsw", NULL,
};
static const char *const mnasnet_a1[] = {
    "ds_r1_k3_s1_e1_c16_noskip", "ir_r2_k3_s2_e6_c24", "ir_r3_k5_s2_e3_c40_se0.25",
    "ir_r4_k3_s2_e6_c80", "ir_r2_k3_s1_e6_c112_se0.25", "ir_r3_k5_s2_e6_c160_se0.25",
    "ir_r1_k3_s1_e6_c320", NULL,
};
static const char *const mnasnet_b1[] = {
    "ds_r1_k3_s1_c16_noskip", "ir_r3_k3_s2_e3_c24", "ir_r3_k5_s2_e3_c40", "ir_r3_k5_s2_e6_c80",
    "ir_r2_k3_s1_e6_c96", "ir_r4_k5_s2_e6_c192", "ir_r1_k3_s1_e6_c320_noskip", NULL,
};
static const char *const mnasnet_small[] = {
    "ds_r1_k3_s1_c8", "ir_r1_k3_s2_e3_c16", "ir_r2_k3_s2_e6_c16", "ir_r4_k5_s2_e6_c32_se0.25",
    "ir_r3_k3_s1_e6_c32_se0.25", "ir_r3_k5_s2_e6_c88_se0.25", "ir_r1_k3_s1_e6_c144", NULL,
};
static const char *const mobilenet_v1[] = {
    "dsa_r1_k3_s1_c64", "dsa_r2_k3_s2_c128", "dsa_r2_k3_s2_c256", "dsa_r6_k3_s2_c512",
    "dsa_r2_k3_s2_c1024", NULL,
};
static const char *const mobilenet_v2[] = {
    "ds_r1_k3_s1_c16", "ir_r2_k3_s2_e6_c24", "ir_r3_k3_s2_e6_c32", "ir_r4_k3_s2_e6_c64",
    "ir_r3_k3_s1_e6_c96", "ir_r3_k3_s2_e6_c160", "ir_r1_k3_s1_e6_c320", NULL,
};
static const char *const spnasnet[] = {
    "ds_r1_k3_s1_c16_noskip", "ir_r3_k3_s2_e3_c24", "ir_r1_k5_s2_e6_c40 ir_r3_k3_s1_e3_c40",
    "ir_r1_k5_s2_e6_c80 ir_r3_k3_s1_e3_c80", "ir_r1_k5_s1_e6_c96 ir_r3_k5_s1_e3_c96",
    "ir_r4_k5_s2_e6_c192", "ir_r1_k3_s1_e6_c320_noskip", NULL,
};
static const char *const test[] = {
    "cn_r1_k3_s1_e1_c16_skip", "er_r1_k3_s2_e4_c24", "er_r1_k3_s2_e4_c32",
    "ir_r1_k3_s2_e4_c48_se0.25", "ir_r1_k3_s2_e4_c64_se0.25", NULL,
};
static const char *const v2_base[] = {
    "cn_r1_k3_s1_e1_c16_skip", "er_r2_k3_s2_e4_c32", "er_r2_k3_s2_e4_c48",
    "ir_r3_k3_s2_e4_c96_se0.25", "ir_r5_k3_s1_e6_c112_se0.25", "ir_r8_k3_s2_e6_c192_se0.25", NULL,
};
static const char *const v2_l[] = {
    "cn_r4_k3_s1_e1_c32_skip", "er_r7_k3_s2_e4_c64", "er_r7_k3_s2_e4_c96",
    "ir_r10_k3_s2_e4_c192_se0.25", "ir_r19_k3_s1_e6_c224_se0.25", "ir_r25_k3_s2_e6_c384_se0.25",
    "ir_r7_k3_s1_e6_c640_se0.25", NULL,
};
static const char *const v2_m[] = {
    "cn_r3_k3_s1_e1_c24_skip", "er_r5_k3_s2_e4_c48", "er_r5_k3_s2_e4_c80",
    "ir_r7_k3_s2_e4_c160_se0.25", "ir_r14_k3_s1_e6_c176_se0.25", "ir_r18_k3_s2_e6_c304_se0.25",
    "ir_r5_k3_s1_e6_c512_se0.25", NULL,
};
static const char *const v2_rw_s[] = {
    "er_r2_k3_s1_e1_c24", "er_r4_k3_s2_e4_c48", "er_r4_k3_s2_e4_c64",
    "ir_r6_k3_s2_e4_c128_se0.25", "ir_r9_k3_s1_e6_c160_se0.25", "ir_r15_k3_s2_e6_c272_se0.25",
    NULL,
};
static const char *const v2_s[] = {
    "cn_r2_k3_s1_e1_c24_skip", "er_r4_k3_s2_e4_c48", "er_r4_k3_s2_e4_c64",
    "ir_r6_k3_s2_e4_c128_se0.25", "ir_r9_k3_s1_e6_c160_se0.25", "ir_r15_k3_s2_e6_c256_se0.25",
    NULL,
};
static const char *const v2_xl[] = {
    "cn_r4_k3_s1_e1_c32_skip", "er_r8_k3_s2_e4_c64", "er_r8_k3_s2_e4_c96",
    "ir_r16_k3_s2_e4_c192_se0.25", "ir_r24_k3_s1_e6_c256_se0.25", "ir_r32_k3_s2_e6_c512_se0.25",
    "ir_r8_k3_s1_e6_c640_se0.25", NULL,
};
static const char *const x_1[] = {
    "ds_r1_k3_s1_e1_c16_se0.25_d1", "er_r2_k3_s2_e6_c24_se0.25_nre",
    "er_r2_k5_s2_e6_c40_se0.25_nre", "ir_r3_k3_s2_e6_c80_se0.25", "ir_r3_k5_s1_e6_c112_se0.25",
    "ir_r4_k5_s2_e6_c192_se0.25", "ir_r1_k3_s1_e6_c320_se0.25", NULL,
};
static const char *const x_2[] = {
    "ds_r1_k3_s1_e1_c16_se0.25_d1", "er_r2_k3_s2_e4_c24_se0.25_nre",
    "er_r2_k5_s2_e4_c40_se0.25_nre", "ir_r3_k3_s2_e4_c80_se0.25", "ir_r3_k5_s1_e6_c112_se0.25",
    "ir_r4_k5_s2_e6_c192_se0.25", "ir_r1_k3_s1_e6_c320_se0.25", NULL,
};

#define TENSORFLOW_EPS 1e-3
#define TENSORFLOW .padding = TM_PAD_SAME, .norm_eps = TENSORFLOW_EPS

static const efficientnet_variant variants[] = {
    {.name = "eca_efficientnet_b0", .arch = efficientnet, .scaled_head = true, .act = TM_ACT_SILU,
     .channel_mlp = true},
    {.name = "efficientnet_b0", .arch = efficientnet, .scaled_head = true, .act = TM_ACT_SILU},
    {.name = "efficientnet_b0_g8_gn", .arch = efficientnet, .group_size = 8, .scaled_head = true,
     .act = TM_ACT_SILU, .norm = TM_EFFNET_GROUP, .norm_group_size = 8},
    {.name = "efficientnet_b0_g16_evos", .arch = efficientnet, .divisor = 16, .group_size = 16,
     .scaled_head = true, .act = TM_ACT_SILU},
    {.name = "efficientnet_b0_gn", .arch = efficientnet, .scaled_head = true, .act = TM_ACT_SILU,
     .norm = TM_EFFNET_GROUP, .norm_group_size = 8},
    {.name = "efficientnet_b1", .arch = efficientnet, .depth = 1.1, .scaled_head = true,
     .act = TM_ACT_SILU},
    {.name = "efficientnet_b1_pruned", .arch = efficientnet, .depth = 1.1, .scaled_head = true,
     .act = TM_ACT_SILU, TENSORFLOW, .pruned = true},
    {.name = "efficientnet_b2", .arch = efficientnet, .width = 1.1, .depth = 1.2,
     .scaled_head = true, .act = TM_ACT_SILU},
    {.name = "efficientnet_b2_pruned", .arch = efficientnet, .width = 1.1, .depth = 1.2,
     .scaled_head = true, .act = TM_ACT_SILU, TENSORFLOW, .pruned = true},
    {.name = "efficientnet_b3", .arch = efficientnet, .width = 1.2, .depth = 1.4,
     .scaled_head = true, .act = TM_ACT_SILU},
    {.name = "efficientnet_b3_g8_gn", .arch = efficientnet, .width = 1.2, .depth = 1.4,
     .divisor = 16, .group_size = 8, .scaled_head = true, .act = TM_ACT_SILU,
     .norm = TM_EFFNET_GROUP, .norm_group_size = 16},
    {.name = "efficientnet_b3_gn", .arch = efficientnet, .width = 1.2, .depth = 1.4, .divisor = 16,
     .scaled_head = true, .act = TM_ACT_SILU, .norm = TM_EFFNET_GROUP, .norm_group_size = 16},
    {.name = "efficientnet_b3_pruned", .arch = efficientnet, .width = 1.2, .depth = 1.4,
     .scaled_head = true, .act = TM_ACT_SILU, TENSORFLOW, .pruned = true},
    {.name = "efficientnet_b4", .arch = efficientnet, .width = 1.4, .depth = 1.8,
     .scaled_head = true, .act = TM_ACT_SILU},
    {.name = "efficientnet_b5", .arch = efficientnet, .width = 1.6, .depth = 2.2,
     .scaled_head = true, .act = TM_ACT_SILU},
    {.name = "efficientnet_b6", .arch = efficientnet, .width = 1.8, .depth = 2.6,
     .scaled_head = true, .act = TM_ACT_SILU},
    {.name = "efficientnet_b7", .arch = efficientnet, .width = 2.0, .depth = 3.1,
     .scaled_head = true, .act = TM_ACT_SILU},
    {.name = "efficientnet_b8", .arch = efficientnet, .width = 2.2, .depth = 3.6,
     .scaled_head = true, .act = TM_ACT_SILU},
    {.name = "efficientnet_blur_b0", .arch = efficientnet, .scaled_head = true, .act = TM_ACT_SILU,
     .aa = TM_AA_BLUR_ZERO},
    {.name = "efficientnet_cc_b0_4e", .arch = condconv, .scaled_head = true, .act = TM_ACT_SILU},
    {.name = "efficientnet_cc_b0_8e", .arch = condconv, .expert_multiplier = 2, .scaled_head = true,
     .act = TM_ACT_SILU},
    {.name = "efficientnet_cc_b1_8e", .arch = condconv, .depth = 1.1, .expert_multiplier = 2,
     .scaled_head = true, .act = TM_ACT_SILU},
    {.name = "efficientnet_el", .arch = edge, .width = 1.2, .depth = 1.4, .scaled_head = true},
    {.name = "efficientnet_el_pruned", .arch = edge, .width = 1.2, .depth = 1.4,
     .scaled_head = true},
    {.name = "efficientnet_em", .arch = edge, .depth = 1.1, .scaled_head = true},
    {.name = "efficientnet_es", .arch = edge, .scaled_head = true},
    {.name = "efficientnet_es_pruned", .arch = edge, .scaled_head = true},
    {.name = "efficientnet_h_b5", .arch = x_2, .width = 1.92, .depth = 2.2, .scaled_head = true,
     .act = TM_ACT_SILU},
    {.name = "efficientnet_l2", .arch = efficientnet, .width = 4.3, .depth = 5.3,
     .scaled_head = true, .act = TM_ACT_SILU},
    {.name = "efficientnet_lite0", .arch = lite, .fixed_ends = true, .fixed_stem = true,
     .act = TM_ACT_RELU6},
    {.name = "efficientnet_lite1", .arch = lite, .depth = 1.1, .fixed_ends = true,
     .fixed_stem = true, .act = TM_ACT_RELU6},
    {.name = "efficientnet_lite2", .arch = lite, .width = 1.1, .depth = 1.2, .fixed_ends = true,
     .fixed_stem = true, .act = TM_ACT_RELU6},
    {.name = "efficientnet_lite3", .arch = lite, .width = 1.2, .depth = 1.4, .fixed_ends = true,
     .fixed_stem = true, .act = TM_ACT_RELU6},
    {.name = "efficientnet_lite4", .arch = lite, .width = 1.4, .depth = 1.8, .fixed_ends = true,
     .fixed_stem = true, .act = TM_ACT_RELU6},
    {.name = "efficientnet_x_b3", .arch = x_1, .width = 1.2, .depth = 1.4, .scaled_head = true,
     .act = TM_ACT_SILU},
    {.name = "efficientnet_x_b5", .arch = x_1, .width = 1.6, .depth = 2.2, .scaled_head = true,
     .act = TM_ACT_SILU},
    {.name = "efficientnetv2_l", .arch = v2_l, .act = TM_ACT_SILU},
    {.name = "efficientnetv2_m", .arch = v2_m, .stem = 24, .act = TM_ACT_SILU},
    {.name = "efficientnetv2_rw_m", .arch = v2_rw_s, .width = 1.2,
     .stage_depths = {1.2, 1.2, 1.2, 1.2, 1.6, 1.6}, .stem = 24, .features = 1792,
     .scaled_head = true, .act = TM_ACT_SILU},
    {.name = "efficientnetv2_rw_s", .arch = v2_rw_s, .stem = 24, .features = 1792,
     .scaled_head = true, .act = TM_ACT_SILU},
    {.name = "efficientnetv2_rw_t", .arch = v2_s, .width = 0.8, .depth = 0.9, .stem = 24,
     .scaled_head = true, .act = TM_ACT_SILU},
    {.name = "efficientnetv2_s", .arch = v2_s, .stem = 24, .scaled_head = true, .act = TM_ACT_SILU},
    {.name = "efficientnetv2_xl", .arch = v2_xl, .act = TM_ACT_SILU},
    {.name = "fbnetc_100", .arch = fbnetc, .stem = 16, .features = 1984, .trained_epsilon = true},
    {.name = "gc_efficientnet_b0", .arch = efficientnet, .scaled_head = true, .act = TM_ACT_SILU,
     .legacy_context = true},
    {.name = "gc_efficientnetv2_rw_t", .arch = v2_s, .width = 0.8, .depth = 0.9, .stem = 24,
     .scaled_head = true, .act = TM_ACT_SILU, .global_context = true},
    {.name = "mixnet_l", .arch = mixnet_m, .width = 1.3, .round_depth = true, .stem = 24,
     .features = 1536},
    {.name = "mixnet_m", .arch = mixnet_m, .round_depth = true, .stem = 24, .features = 1536},
    {.name = "mixnet_s", .arch = mixnet_s, .stem = 16, .features = 1536},
    {.name = "mixnet_xl", .arch = mixnet_m, .width = 1.6, .depth = 1.2, .round_depth = true,
     .stem = 24, .features = 1536},
    {.name = "mixnet_xxl", .arch = mixnet_m, .width = 2.4, .depth = 1.3, .round_depth = true,
     .stem = 24, .features = 1536},
    {.name = "mnasnet_050", .arch = mnasnet_b1, .width = 0.5},
    {.name = "mnasnet_075", .arch = mnasnet_b1, .width = 0.75},
    {.name = "mnasnet_100", .arch = mnasnet_b1},
    {.name = "mnasnet_140", .arch = mnasnet_b1, .width = 1.4},
    {.name = "mnasnet_small", .arch = mnasnet_small, .stem = 8},
    {.name = "mobilenet_edgetpu_100", .arch = edgetpu},
    {.name = "mobilenet_edgetpu_v2_l", .arch = edgetpu_v2_l, .stem = 64, .stem_kernel = 7,
     .features = 1408},
    {.name = "mobilenet_edgetpu_v2_m", .arch = edgetpu_v2_m, .stem = 64, .stem_kernel = 5,
     .features = 1344},
    {.name = "mobilenet_edgetpu_v2_s", .arch = edgetpu_v2_s, .stem = 64, .stem_kernel = 5},
    {.name = "mobilenet_edgetpu_v2_xs", .arch = edgetpu_v2_xs},
    {.name = "mobilenetv1_100", .arch = mobilenet_v1, .no_head = true, .act = TM_ACT_RELU6},
    {.name = "mobilenetv1_100h", .arch = mobilenet_v1, .features = 1024, .act = TM_ACT_RELU6},
    {.name = "mobilenetv1_125", .arch = mobilenet_v1, .width = 1.25, .no_head = true,
     .act = TM_ACT_RELU6},
    {.name = "mobilenetv2_035", .arch = mobilenet_v2, .width = 0.35, .act = TM_ACT_RELU6},
    {.name = "mobilenetv2_050", .arch = mobilenet_v2, .width = 0.5, .act = TM_ACT_RELU6},
    {.name = "mobilenetv2_075", .arch = mobilenet_v2, .width = 0.75, .act = TM_ACT_RELU6},
    {.name = "mobilenetv2_100", .arch = mobilenet_v2, .act = TM_ACT_RELU6},
    {.name = "mobilenetv2_110d", .arch = mobilenet_v2, .width = 1.1, .depth = 1.2,
     .fixed_ends = true, .fixed_stem = true, .act = TM_ACT_RELU6},
    {.name = "mobilenetv2_120d", .arch = mobilenet_v2, .width = 1.2, .depth = 1.4,
     .fixed_ends = true, .fixed_stem = true, .act = TM_ACT_RELU6},
    {.name = "mobilenetv2_140", .arch = mobilenet_v2, .width = 1.4, .features = 1792,
     .act = TM_ACT_RELU6},
    {.name = "semnasnet_050", .arch = mnasnet_a1, .width = 0.5},
    {.name = "semnasnet_075", .arch = mnasnet_a1, .width = 0.75},
    {.name = "semnasnet_100", .arch = mnasnet_a1},
    {.name = "semnasnet_140", .arch = mnasnet_a1, .width = 1.4},
    {.name = "spnasnet_100", .arch = spnasnet},
    {.name = "test_efficientnet", .arch = test, .round_freely = true, .stem = 24, .features = 256,
     .scaled_head = true, .act = TM_ACT_SILU},
    {.name = "test_efficientnet_evos", .arch = test, .round_freely = true, .stem = 24,
     .features = 256, .scaled_head = true, .act = TM_ACT_SILU, .norm = TM_EFFNET_EVO,
     .norm_group_size = 8},
    {.name = "test_efficientnet_gn", .arch = test, .round_freely = true, .stem = 24,
     .features = 256, .scaled_head = true, .act = TM_ACT_SILU, .norm = TM_EFFNET_GROUP,
     .norm_group_size = 8},
    {.name = "test_efficientnet_ln", .arch = test, .round_freely = true, .stem = 24,
     .features = 256, .scaled_head = true, .act = TM_ACT_SILU, .norm = TM_EFFNET_LAYER},
    {.name = "tf_efficientnet_b0", .arch = efficientnet, .scaled_head = true, .act = TM_ACT_SILU,
     TENSORFLOW},
    {.name = "tf_efficientnet_b1", .arch = efficientnet, .depth = 1.1, .scaled_head = true,
     .act = TM_ACT_SILU, TENSORFLOW},
    {.name = "tf_efficientnet_b2", .arch = efficientnet, .width = 1.1, .depth = 1.2,
     .scaled_head = true, .act = TM_ACT_SILU, TENSORFLOW},
    {.name = "tf_efficientnet_b3", .arch = efficientnet, .width = 1.2, .depth = 1.4,
     .scaled_head = true, .act = TM_ACT_SILU, TENSORFLOW},
    {.name = "tf_efficientnet_b4", .arch = efficientnet, .width = 1.4, .depth = 1.8,
     .scaled_head = true, .act = TM_ACT_SILU, TENSORFLOW},
    {.name = "tf_efficientnet_b5", .arch = efficientnet, .width = 1.6, .depth = 2.2,
     .scaled_head = true, .act = TM_ACT_SILU, TENSORFLOW},
    {.name = "tf_efficientnet_b6", .arch = efficientnet, .width = 1.8, .depth = 2.6,
     .scaled_head = true, .act = TM_ACT_SILU, TENSORFLOW},
    {.name = "tf_efficientnet_b7", .arch = efficientnet, .width = 2.0, .depth = 3.1,
     .scaled_head = true, .act = TM_ACT_SILU, TENSORFLOW},
    {.name = "tf_efficientnet_b8", .arch = efficientnet, .width = 2.2, .depth = 3.6,
     .scaled_head = true, .act = TM_ACT_SILU, TENSORFLOW},
    {.name = "tf_efficientnet_cc_b0_4e", .arch = condconv, .scaled_head = true, .act = TM_ACT_SILU,
     TENSORFLOW},
    {.name = "tf_efficientnet_cc_b0_8e", .arch = condconv, .expert_multiplier = 2,
     .scaled_head = true, .act = TM_ACT_SILU, TENSORFLOW},
    {.name = "tf_efficientnet_cc_b1_8e", .arch = condconv, .depth = 1.1, .expert_multiplier = 2,
     .scaled_head = true, .act = TM_ACT_SILU, TENSORFLOW},
    {.name = "tf_efficientnet_el", .arch = edge, .width = 1.2, .depth = 1.4, .scaled_head = true,
     TENSORFLOW},
    {.name = "tf_efficientnet_em", .arch = edge, .depth = 1.1, .scaled_head = true, TENSORFLOW},
    {.name = "tf_efficientnet_es", .arch = edge, .scaled_head = true, TENSORFLOW},
    {.name = "tf_efficientnet_l2", .arch = efficientnet, .width = 4.3, .depth = 5.3,
     .scaled_head = true, .act = TM_ACT_SILU, TENSORFLOW},
    {.name = "tf_efficientnet_lite0", .arch = lite, .fixed_ends = true, .fixed_stem = true,
     .act = TM_ACT_RELU6, TENSORFLOW},
    {.name = "tf_efficientnet_lite1", .arch = lite, .depth = 1.1, .fixed_ends = true,
     .fixed_stem = true, .act = TM_ACT_RELU6, TENSORFLOW},
    {.name = "tf_efficientnet_lite2", .arch = lite, .width = 1.1, .depth = 1.2, .fixed_ends = true,
     .fixed_stem = true, .act = TM_ACT_RELU6, TENSORFLOW},
    {.name = "tf_efficientnet_lite3", .arch = lite, .width = 1.2, .depth = 1.4, .fixed_ends = true,
     .fixed_stem = true, .act = TM_ACT_RELU6, TENSORFLOW},
    {.name = "tf_efficientnet_lite4", .arch = lite, .width = 1.4, .depth = 1.8, .fixed_ends = true,
     .fixed_stem = true, .act = TM_ACT_RELU6, TENSORFLOW},
    {.name = "tf_efficientnetv2_b0", .arch = v2_base, .round_freely = true, .scaled_head = true,
     .act = TM_ACT_SILU, TENSORFLOW},
    {.name = "tf_efficientnetv2_b1", .arch = v2_base, .depth = 1.1, .round_freely = true,
     .scaled_head = true, .act = TM_ACT_SILU, TENSORFLOW},
    {.name = "tf_efficientnetv2_b2", .arch = v2_base, .width = 1.1, .depth = 1.2,
     .round_freely = true, .scaled_head = true, .act = TM_ACT_SILU, TENSORFLOW},
    {.name = "tf_efficientnetv2_b3", .arch = v2_base, .width = 1.2, .depth = 1.4,
     .round_freely = true, .scaled_head = true, .act = TM_ACT_SILU, TENSORFLOW},
    {.name = "tf_efficientnetv2_l", .arch = v2_l, .act = TM_ACT_SILU, TENSORFLOW},
    {.name = "tf_efficientnetv2_m", .arch = v2_m, .stem = 24, .act = TM_ACT_SILU, TENSORFLOW},
    {.name = "tf_efficientnetv2_s", .arch = v2_s, .stem = 24, .scaled_head = true,
     .act = TM_ACT_SILU, TENSORFLOW},
    {.name = "tf_efficientnetv2_xl", .arch = v2_xl, .act = TM_ACT_SILU, TENSORFLOW},
    {.name = "tf_mixnet_l", .arch = mixnet_m, .width = 1.3, .round_depth = true, .stem = 24,
     .features = 1536, TENSORFLOW},
    {.name = "tf_mixnet_m", .arch = mixnet_m, .round_depth = true, .stem = 24, .features = 1536,
     TENSORFLOW},
    {.name = "tf_mixnet_s", .arch = mixnet_s, .stem = 16, .features = 1536, TENSORFLOW},
    {.name = "tinynet_a", .arch = efficientnet, .depth = 1.2, .round_depth = true,
     .fixed_stem = true, .act = TM_ACT_SILU},
    {.name = "tinynet_b", .arch = efficientnet, .width = 0.75, .depth = 1.1, .round_depth = true,
     .fixed_stem = true, .act = TM_ACT_SILU},
    {.name = "tinynet_c", .arch = efficientnet, .width = 0.54, .depth = 0.85, .round_depth = true,
     .fixed_stem = true, .act = TM_ACT_SILU},
    {.name = "tinynet_d", .arch = efficientnet, .width = 0.54, .depth = 0.695, .round_depth = true,
     .fixed_stem = true, .act = TM_ACT_SILU},
    {.name = "tinynet_e", .arch = efficientnet, .width = 0.51, .depth = 0.6, .round_depth = true,
     .fixed_stem = true, .act = TM_ACT_SILU},
};
/* clang-format on */

static tm_effnet network(tm_builder *b, const efficientnet_variant *v)
{
    double own_eps = v->trained_epsilon && b->options.pretrained ? TENSORFLOW_EPS : 0;
    return (tm_effnet){.b = b,
                       .act = v->act ? v->act : TM_ACT_RELU,
                       .padding = v->padding,
                       .norm = v->norm,
                       .norm_group_size = v->norm_group_size,
                       .norm_eps = (float)(v->norm_eps > 0 ? v->norm_eps : own_eps),
                       .width = v->width > 0 ? v->width : 1.0,
                       .divisor = v->divisor ? v->divisor : 8,
                       .round_limit = v->round_freely ? 0.0 : 0.9,
                       .depth = v->depth > 0 ? v->depth : 1.0,
                       .stage_depths = v->stage_depths[0] > 0 ? v->stage_depths : NULL,
                       .round_depth = v->round_depth,
                       .fixed_ends = v->fixed_ends,
                       .expert_multiplier = v->expert_multiplier,
                       .group_size = v->group_size,
                       .aa = v->aa,
                       .global_context = v->global_context,
                       .legacy_context = v->legacy_context,
                       .channel_mlp = v->channel_mlp};
}

static void build(tm_builder *b, const void *variant)
{
    const efficientnet_variant *v = variant;
    tm_effnet net = network(b, v);
    if (v->pruned)
        tm_use_pruned_widths(b, v->name);
    int stem = v->stem ? v->stem : 32;
    if (!v->fixed_stem)
        stem = tm_effnet_channels(&net, stem);
    int kernel = v->stem_kernel ? v->stem_kernel : 3;
    tm_node *x = tm_effnet_conv(&net, "conv_stem", b->graph->input,
                                (tm_conv){.out = stem, .kernel = kernel, .stride = 2});
    x = tm_effnet_norm(&net, "bn1", x, net.act);
    x = tm_effnet_stages(&net, x, stem, v->arch);
    if (!v->no_head) {
        int features = v->features ? v->features : 1280;
        if (v->scaled_head)
            features = tm_effnet_channels(&net, features);
        x = tm_effnet_conv(&net, "conv_head", x, (tm_conv){.out = features, .kernel = 1});
        x = tm_effnet_norm(&net, "bn2", x, net.act);
    }
    b->graph->pruning = TM_PRUNING_TOGETHER;
    tm_tap_final(b, x);
    tm_classifier_head(b, x, "avg", "classifier");
}

/* timm's functions for the variants differ in what they pass on: the first are those that leave the
 * multipliers open. */
#define UNSCALED                                                                                   \
    "efficientnet_b0_*gn efficientnet_b0_g16_evos *efficientnetv2_[lms] *efficientnetv2_xl "       \
    "efficientnetv2_rw_s tf_efficientnetv2_b0 mobilenet_edgetpu_* test_efficientnet*"
#define UNGROUPED                                                                                  \
    "*_g8_gn *_g16_evos *_cc_* *_lite? fbnetc_100 *mixnet_* *mnasnet_* mobilenet_edgetpu_* "       \
    "spnasnet_100 test_* tinynet_? efficientnet_b?_pruned eca_* gc_efficientnet_b0"
#define DIVISIBLE                                                                                  \
    "*efficientnet_b? efficientnet_b?_pruned efficientnet_b0_*gn efficientnet_blur_b0 "            \
    "efficientnet_h_b5 *efficientnet_l2 efficientnet_x_b?"
#define NET(name, kind, member, ...) TM_TAKES(efficientnet_variant, name, kind, member, __VA_ARGS__)
static const tm_argument arguments[] = {
    NET("channel_multiplier", NUMBER, width, TM_RATIOS, .only = UNSCALED),
    NET("depth_multiplier", NUMBER, depth, TM_RATIOS,
        .only = UNSCALED " *mixnet_[lm] mobilenetv1_* mobilenetv2_???"),
    NET("channel_divisor", INTEGER, divisor, TM_WIDTHS, "eca_* gc_*", DIVISIBLE),
    NET("group_size", INTEGER, group_size, TM_WIDTHS, UNGROUPED),
    NET("experts_multiplier", INTEGER, expert_multiplier, 1, 64, .only = "*_cc_b0_4e"),
    NET("fix_stem", FLAG, fixed_stem, TM_ANY, "*_lite? mobilenetv1_* mobilenetv2_* tinynet_?"),
    NET("stem_kernel_size", INTEGER, stem_kernel, 1, 64, "mobilenet_edgetpu_*"),
    NET("num_features", INTEGER, features, TM_WIDTHS, .only = "*mnasnet_* spnasnet_100"),
    NET("act_layer", ACT, act, TM_ANY),
    NET("pad_type", CHOICE, padding, TM_ANY, .choices = tm_pad_types),
    NET("aa_layer", CHOICE, aa, TM_ANY, "efficientnet_blur_b0", .choices = tm_aa_layers),
    NET("bn_eps", NUMBER, norm_eps, TM_EPSILONS,
        "*_gn test_efficientnet_evos test_efficientnet_ln"),
};

const tm_family tm_family_efficientnet = {
    .module = "efficientnet", TM_VARIANTS(variants), TM_ARGUMENTS(arguments), .build = build};
