/* SPDX-License-Identifier: Apache-2.0 */
/* timm's mobilenetv3.py: MobileNet-V3 (1905.02244) and V4 (2404.10518), FBNet-V3 (2006.02049),
 * LCNet (2109.15099). */
#include "models/mobilenetv3.h"

#include "layers/classifier.h"
#include "layers/taps.h"
#include "models/choices.h"
#include "models/efficientnet_builder.h"
#include "models/model.h"

/* clang-format off */
static const char *const fbnet_b[] = {
    "ds_r2_k3_s1_e1_c16", "ir_r1_k5_s2_e4_c24 ir_r3_k5_s1_e2_c24",
    "ir_r1_k5_s2_e5_c40_se0.25 ir_r4_k5_s1_e3_c40_se0.25", "ir_r1_k5_s2_e5_c72 ir_r4_k3_s1_e3_c72",
    "ir_r1_k3_s1_e5_c120_se0.25 ir_r5_k5_s1_e3_c120_se0.25",
    "ir_r1_k3_s2_e6_c184_se0.25 ir_r5_k5_s1_e4_c184_se0.25 ir_r1_k5_s1_e6_c224_se0.25",
    "cn_r1_k1_s1_c1344", NULL,
};
static const char *const fbnet_d[] = {
    "ds_r2_k3_s1_e1_c16", "ir_r1_k3_s2_e5_c24 ir_r5_k3_s1_e2_c24",
    "ir_r1_k5_s2_e4_c40_se0.25 ir_r4_k3_s1_e3_c40_se0.25", "ir_r1_k3_s2_e5_c72 ir_r4_k3_s1_e3_c72",
    "ir_r1_k3_s1_e5_c128_se0.25 ir_r6_k5_s1_e3_c128_se0.25",
    "ir_r1_k3_s2_e6_c208_se0.25 ir_r5_k5_s1_e5_c208_se0.25 ir_r1_k5_s1_e6_c240_se0.25",
    "cn_r1_k1_s1_c1440", NULL,
};
static const char *const fbnet_g[] = {
    "ds_r3_k3_s1_e1_c24", "ir_r1_k5_s2_e4_c40 ir_r4_k5_s1_e2_c40",
    "ir_r1_k5_s2_e4_c56_se0.25 ir_r4_k5_s1_e3_c56_se0.25",
    "ir_r1_k5_s2_e5_c104 ir_r4_k3_s1_e3_c104",
    "ir_r1_k3_s1_e5_c160_se0.25 ir_r8_k5_s1_e3_c160_se0.25",
    "ir_r1_k3_s2_e6_c264_se0.25 ir_r6_k5_s1_e5_c264_se0.25 ir_r2_k5_s1_e6_c288_se0.25",
    "cn_r1_k1_s1_c1728", NULL,
};
static const char *const large[] = {
    "ds_r1_k3_s1_e1_c16_nre", "ir_r1_k3_s2_e4_c24_nre ir_r1_k3_s1_e3_c24_nre",
    "ir_r3_k5_s2_e3_c40_se0.25_nre", "ir_r1_k3_s2_e6_c80 ir_r1_k3_s1_e2.5_c80 ir_r2_k3_s1_e2.3_c80",
    "ir_r2_k3_s1_e6_c112_se0.25", "ir_r3_k5_s2_e6_c160_se0.25", "cn_r1_k1_s1_c960", NULL,
};
static const char *const large_minimal[] = {
    "ds_r1_k3_s1_e1_c16", "ir_r1_k3_s2_e4_c24 ir_r1_k3_s1_e3_c24", "ir_r3_k3_s2_e3_c40",
    "ir_r1_k3_s2_e6_c80 ir_r1_k3_s1_e2.5_c80 ir_r2_k3_s1_e2.3_c80", "ir_r2_k3_s1_e6_c112",
    "ir_r3_k3_s2_e6_c160", "cn_r1_k1_s1_c960", NULL,
};
static const char *const lcnet[] = {
    "dsa_r1_k3_s1_c32", "dsa_r2_k3_s2_c64", "dsa_r2_k3_s2_c128",
    "dsa_r1_k3_s2_c256 dsa_r1_k5_s1_c256", "dsa_r4_k5_s1_c256", "dsa_r2_k5_s2_c512_se0.25", NULL,
};
static const char *const rw[] = {
    "ds_r1_k3_s1_e1_c16_nre_noskip", "ir_r1_k3_s2_e4_c24_nre ir_r1_k3_s1_e3_c24_nre",
    "ir_r3_k5_s2_e3_c40_se0.25_nre", "ir_r1_k3_s2_e6_c80 ir_r1_k3_s1_e2.5_c80 ir_r2_k3_s1_e2.3_c80",
    "ir_r2_k3_s1_e6_c112_se0.25", "ir_r3_k5_s2_e6_c160_se0.25", "cn_r1_k1_s1_c960", NULL,
};
static const char *const small[] = {
    "ds_r1_k3_s2_e1_c16_se0.25_nre", "ir_r1_k3_s2_e4.5_c24_nre ir_r1_k3_s1_e3.67_c24_nre",
    "ir_r1_k5_s2_e4_c40_se0.25 ir_r2_k5_s1_e6_c40_se0.25", "ir_r2_k5_s1_e3_c48_se0.25",
    "ir_r3_k5_s2_e6_c96_se0.25", "cn_r1_k1_s1_c576", NULL,
};
static const char *const small_minimal[] = {
    "ds_r1_k3_s2_e1_c16", "ir_r1_k3_s2_e4.5_c24 ir_r1_k3_s1_e3.67_c24",
    "ir_r1_k3_s2_e4_c40 ir_r2_k3_s1_e6_c40", "ir_r2_k3_s1_e3_c48", "ir_r3_k3_s2_e6_c96",
    "cn_r1_k1_s1_c576", NULL,
};
static const char *const v4_conv_large[] = {
    "er_r1_k3_s2_e4_c48", "uir_r1_a3_k5_s2_e4_c96 uir_r1_a3_k3_s1_e4_c96",
    "uir_r1_a3_k5_s2_e4_c192 uir_r3_a3_k3_s1_e4_c192 uir_r1_a3_k5_s1_e4_c192 "
    "uir_r5_a5_k3_s1_e4_c192 uir_r1_a3_k0_s1_e4_c192",
    "uir_r4_a5_k5_s2_e4_c512 uir_r1_a5_k0_s1_e4_c512 uir_r1_a5_k3_s1_e4_c512 "
    "uir_r2_a5_k0_s1_e4_c512 uir_r1_a5_k3_s1_e4_c512 uir_r1_a5_k5_s1_e4_c512 "
    "uir_r3_a5_k0_s1_e4_c512",
    "cn_r1_k1_s1_c960", NULL,
};
static const char *const v4_conv_medium[] = {
    "er_r1_k3_s2_e4_c48", "uir_r1_a3_k5_s2_e4_c80 uir_r1_a3_k3_s1_e2_c80",
    "uir_r1_a3_k5_s2_e6_c160 uir_r2_a3_k3_s1_e4_c160 uir_r1_a3_k5_s1_e4_c160 "
    "uir_r1_a3_k3_s1_e4_c160 uir_r1_a3_k0_s1_e4_c160 uir_r1_a0_k0_s1_e2_c160 "
    "uir_r1_a3_k0_s1_e4_c160",
    "uir_r1_a5_k5_s2_e6_c256 uir_r1_a5_k5_s1_e4_c256 uir_r2_a3_k5_s1_e4_c256 "
    "uir_r1_a0_k0_s1_e4_c256 uir_r1_a3_k0_s1_e4_c256 uir_r1_a3_k5_s1_e2_c256 "
    "uir_r1_a5_k5_s1_e4_c256 uir_r2_a0_k0_s1_e4_c256 uir_r1_a5_k0_s1_e2_c256",
    "cn_r1_k1_s1_c960", NULL,
};
static const char *const v4_conv_small[] = {
    "cn_r1_k3_s2_e1_c32 cn_r1_k1_s1_e1_c32", "cn_r1_k3_s2_e1_c96 cn_r1_k1_s1_e1_c64",
    "uir_r1_a5_k5_s2_e3_c96 uir_r4_a0_k3_s1_e2_c96 uir_r1_a3_k0_s1_e4_c96",
    "uir_r1_a3_k3_s2_e6_c128 uir_r1_a5_k5_s1_e4_c128 uir_r1_a0_k5_s1_e4_c128 "
    "uir_r1_a0_k5_s1_e3_c128 uir_r2_a0_k3_s1_e4_c128",
    "cn_r1_k1_s1_c960", NULL,
};
static const char *const v4_hybrid_large[] = {
    "er_r1_k3_s2_e4_c48", "uir_r1_a3_k5_s2_e4_c96 uir_r1_a3_k3_s1_e4_c96",
    "uir_r1_a3_k5_s2_e4_c192 uir_r3_a3_k3_s1_e4_c192 uir_r1_a3_k5_s1_e4_c192 "
    "uir_r2_a5_k3_s1_e4_c192 mqa_r1_k3_h8_s1_v2_d48_c192 uir_r1_a5_k3_s1_e4_c192 "
    "mqa_r1_k3_h8_s1_v2_d48_c192 uir_r1_a5_k3_s1_e4_c192 mqa_r1_k3_h8_s1_v2_d48_c192 "
    "uir_r1_a5_k3_s1_e4_c192 mqa_r1_k3_h8_s1_v2_d48_c192 uir_r1_a3_k0_s1_e4_c192",
    "uir_r4_a5_k5_s2_e4_c512 uir_r1_a5_k0_s1_e4_c512 uir_r1_a5_k3_s1_e4_c512 "
    "uir_r2_a5_k0_s1_e4_c512 uir_r1_a5_k3_s1_e4_c512 uir_r1_a5_k5_s1_e4_c512 "
    "mqa_r1_k3_h8_s1_d64_c512 uir_r1_a5_k0_s1_e4_c512 mqa_r1_k3_h8_s1_d64_c512 "
    "uir_r1_a5_k0_s1_e4_c512 mqa_r1_k3_h8_s1_d64_c512 uir_r1_a5_k0_s1_e4_c512 "
    "mqa_r1_k3_h8_s1_d64_c512 uir_r1_a5_k0_s1_e4_c512",
    "cn_r1_k1_s1_c960", NULL,
};
static const char *const v4_hybrid_medium[] = {
    "er_r1_k3_s2_e4_c48", "uir_r1_a3_k5_s2_e4_c80 uir_r1_a3_k3_s1_e2_c80",
    "uir_r1_a3_k5_s2_e6_c160 uir_r1_a0_k0_s1_e2_c160 uir_r1_a3_k3_s1_e4_c160 "
    "uir_r1_a3_k5_s1_e4_c160 mqa_r1_k3_h4_s1_v2_d64_c160 uir_r1_a3_k3_s1_e4_c160 "
    "mqa_r1_k3_h4_s1_v2_d64_c160 uir_r1_a3_k0_s1_e4_c160 mqa_r1_k3_h4_s1_v2_d64_c160 "
    "uir_r1_a3_k3_s1_e4_c160 mqa_r1_k3_h4_s1_v2_d64_c160 uir_r1_a3_k0_s1_e4_c160",
    "uir_r1_a5_k5_s2_e6_c256 uir_r1_a5_k5_s1_e4_c256 uir_r2_a3_k5_s1_e4_c256 "
    "uir_r1_a0_k0_s1_e2_c256 uir_r1_a3_k5_s1_e2_c256 uir_r1_a0_k0_s1_e2_c256 "
    "uir_r1_a0_k0_s1_e4_c256 mqa_r1_k3_h4_s1_d64_c256 uir_r1_a3_k0_s1_e4_c256 "
    "mqa_r1_k3_h4_s1_d64_c256 uir_r1_a5_k5_s1_e4_c256 mqa_r1_k3_h4_s1_d64_c256 "
    "uir_r1_a5_k0_s1_e4_c256 mqa_r1_k3_h4_s1_d64_c256 uir_r1_a5_k0_s1_e4_c256",
    "cn_r1_k1_s1_c960", NULL,
};

#define TENSORFLOW_EPS .norm_eps = 1e-3
#define TENSORFLOW .padding = TM_PAD_SAME, TENSORFLOW_EPS
static const tm_mobilenetv3 variants[] = {
    {.name = "fbnetv3_b", .arch = fbnet_b, .features = 1984, .no_head_bias = true,
     .act = TM_ACT_HARD_SWISH, .se = TM_MNV3_SE_FBNET},
    {.name = "fbnetv3_d", .arch = fbnet_d, .stem = 24, .features = 1984, .no_head_bias = true,
     .act = TM_ACT_HARD_SWISH, .se = TM_MNV3_SE_FBNET},
    {.name = "fbnetv3_g", .arch = fbnet_g, .stem = 32, .features = 1984, .no_head_bias = true,
     .act = TM_ACT_HARD_SWISH, .se = TM_MNV3_SE_FBNET},
    {.name = "lcnet_035", .arch = lcnet, .width = 0.35, .act = TM_ACT_HARD_SWISH,
     .se = TM_MNV3_SE_LCNET},
    {.name = "lcnet_050", .arch = lcnet, .width = 0.5, .act = TM_ACT_HARD_SWISH,
     .se = TM_MNV3_SE_LCNET},
    {.name = "lcnet_075", .arch = lcnet, .width = 0.75, .act = TM_ACT_HARD_SWISH,
     .se = TM_MNV3_SE_LCNET},
    {.name = "lcnet_100", .arch = lcnet, .act = TM_ACT_HARD_SWISH, .se = TM_MNV3_SE_LCNET},
    {.name = "lcnet_150", .arch = lcnet, .width = 1.5, .act = TM_ACT_HARD_SWISH,
     .se = TM_MNV3_SE_LCNET},
    {.name = "mobilenetv3_large_075", .arch = large, .width = 0.75, .act = TM_ACT_HARD_SWISH},
    {.name = "mobilenetv3_large_100", .arch = large, .act = TM_ACT_HARD_SWISH},
    {.name = "mobilenetv3_large_150d", .arch = large, .width = 1.5, .depth = 1.2,
     .act = TM_ACT_HARD_SWISH},
    {.name = "mobilenetv3_rw", .arch = rw, .no_head_bias = true, .act = TM_ACT_HARD_SWISH,
     .se = TM_MNV3_SE_RW, TENSORFLOW_EPS},
    {.name = "mobilenetv3_small_050", .arch = small, .width = 0.5, .fixed_stem = true,
     .features = 1024, .act = TM_ACT_HARD_SWISH},
    {.name = "mobilenetv3_small_075", .arch = small, .width = 0.75, .features = 1024,
     .act = TM_ACT_HARD_SWISH},
    {.name = "mobilenetv3_small_100", .arch = small, .features = 1024, .act = TM_ACT_HARD_SWISH},
    {.name = "mobilenetv4_conv_aa_large", .arch = v4_conv_large, .stem = 24, .head_norm = true,
     .aa = TM_AA_AVG},
    {.name = "mobilenetv4_conv_aa_medium", .arch = v4_conv_medium, .stem = 32, .head_norm = true,
     .aa = TM_AA_AVG},
    {.name = "mobilenetv4_conv_blur_medium", .arch = v4_conv_medium, .stem = 32, .head_norm = true,
     .aa = TM_AA_BLUR_ZERO},
    {.name = "mobilenetv4_conv_large", .arch = v4_conv_large, .stem = 24, .head_norm = true},
    {.name = "mobilenetv4_conv_medium", .arch = v4_conv_medium, .stem = 32, .head_norm = true},
    {.name = "mobilenetv4_conv_small", .arch = v4_conv_small, .stem = 32, .head_norm = true},
    {.name = "mobilenetv4_conv_small_035", .arch = v4_conv_small, .width = 0.35, .stem = 32,
     .fixed_stem = true, .head_norm = true},
    {.name = "mobilenetv4_conv_small_050", .arch = v4_conv_small, .width = 0.5, .stem = 32,
     .fixed_stem = true, .head_norm = true},
    {.name = "mobilenetv4_hybrid_large", .arch = v4_hybrid_large, .stem = 24, .head_norm = true,
     .act = TM_ACT_GELU, .layer_scale = true},
    {.name = "mobilenetv4_hybrid_large_075", .arch = v4_hybrid_large, .width = 0.75, .stem = 24,
     .fixed_stem = true, .head_norm = true, .act = TM_ACT_GELU, .layer_scale = true},
    {.name = "mobilenetv4_hybrid_medium", .arch = v4_hybrid_medium, .stem = 32, .head_norm = true,
     .layer_scale = true},
    {.name = "mobilenetv4_hybrid_medium_075", .arch = v4_hybrid_medium, .width = 0.75, .stem = 32,
     .fixed_stem = true, .head_norm = true, .layer_scale = true},
    {.name = "tf_mobilenetv3_large_075", .arch = large, .width = 0.75, .act = TM_ACT_HARD_SWISH,
     TENSORFLOW},
    {.name = "tf_mobilenetv3_large_100", .arch = large, .act = TM_ACT_HARD_SWISH,
     TENSORFLOW},
    {.name = "tf_mobilenetv3_large_minimal_100", .arch = large_minimal, TENSORFLOW},
    {.name = "tf_mobilenetv3_small_075", .arch = small, .width = 0.75, .features = 1024,
     .act = TM_ACT_HARD_SWISH, TENSORFLOW},
    {.name = "tf_mobilenetv3_small_100", .arch = small, .features = 1024, .act = TM_ACT_HARD_SWISH,
     TENSORFLOW},
    {.name = "tf_mobilenetv3_small_minimal_100", .arch = small_minimal, .features = 1024,
     TENSORFLOW},
};
/* clang-format on */

static tm_effnet network(tm_builder *b, const tm_mobilenetv3 *v)
{
    bool block_act = v->se == TM_MNV3_SE_RW || v->se == TM_MNV3_SE_FBNET;
    bool rounded = v->se == TM_MNV3_SE_RW || v->se == TM_MNV3_SE_LCNET;
    bool fbnet = v->se == TM_MNV3_SE_FBNET;
    return (tm_effnet){.b = b,
                       .act = v->act ? v->act : TM_ACT_RELU,
                       .padding = v->padding,
                       .norm_eps = (float)v->norm_eps,
                       .width = v->width > 0 ? v->width : 1.0,
                       .divisor = 8,
                       .round_limit = fbnet ? 0.95 : 0.9,
                       .depth = v->depth > 0 ? v->depth : 1.0,
                       .group_size = v->group_size,
                       .aa = v->aa,
                       .se_from_expansion = !fbnet && !v->se_from_input,
                       .se_divisible = !rounded,
                       .se_scaled = fbnet,
                       .se_act = block_act ? TM_ACT_NONE : TM_ACT_RELU,
                       .se_gate = TM_ACT_HARD_SIGMOID,
                       .layer_scale = v->layer_scale};
}

/* the head's convolution stands behind the pool */
static void head(const tm_effnet *net, const tm_mobilenetv3 *v, tm_node *x)
{
    tm_builder *b = net->b;
    const char *pool = tm_pool_kind(b, "avg");
    x = tm_effnet_conv(net, "conv_head", tm_global_pool(b, x, pool),
                       (tm_conv){.out = v->features ? v->features : 1280,
                                 .kernel = 1,
                                 .bias = !v->head_norm && !v->no_head_bias});
    x = v->head_norm ? tm_effnet_norm(net, "norm_head", x, net->act) : tm_activate(b, x, net->act);
    tm_classifier(b, x, pool[0] ? TM_LAYOUT_VECTOR : TM_LAYOUT_MAP, "classifier");
}

void tm_build_mobilenetv3(tm_builder *b, const void *variant)
{
    const tm_mobilenetv3 *v = variant;
    tm_effnet net = network(b, v);
    int stem = v->stem ? v->stem : 16;
    if (!v->fixed_stem)
        stem = tm_effnet_channels(&net, stem);
    tm_node *x = tm_effnet_conv(&net, "conv_stem", b->graph->input,
                                (tm_conv){.out = stem, .kernel = 3, .stride = 2});
    x = tm_effnet_norm(&net, "bn1", x, net.act);
    x = tm_effnet_stages(&net, x, stem, v->arch);
    tm_tap_final(b, x);
    head(&net, v, x);
}

#define MNV3(name, kind, member, ...) TM_TAKES(tm_mobilenetv3, name, kind, member, __VA_ARGS__)
const tm_argument tm_mobilenetv3_arguments[TM_MOBILENETV3_ARGUMENTS] = {
    MNV3("channel_multiplier", NUMBER, width, TM_RATIOS, .only = "fbnetv3_*"),
    MNV3("depth_multiplier", NUMBER, depth, TM_RATIOS, "mobilenetv3_rw *_150d", "*mobilenetv3_*"),
    MNV3("group_size", INTEGER, group_size, TM_WIDTHS, "mobilenetv3_rw",
         "*mobilenetv3_* mobilenetv4_*"),
    MNV3("stem_size", INTEGER, stem, TM_WIDTHS, .only = "mobilenetv3_rw"),
    MNV3("fix_stem", FLAG, fixed_stem, TM_ANY,
         .only = "fbnetv3_* lcnet_* mobilenetv3_rw hardcorenas_*"),
    MNV3("num_features", INTEGER, features, TM_WIDTHS, .only = "mobilenetv3_rw"),
    MNV3("head_bias", NO_FLAG, no_head_bias, TM_ANY, "fbnetv3_* mobilenetv3_rw mobilenetv4_*"),
    MNV3("head_norm", FLAG, head_norm, TM_ANY, "mobilenetv4_*"),
    MNV3("pad_type", CHOICE, padding, TM_ANY, .choices = tm_pad_types),
    MNV3("act_layer", ACT, act, TM_ANY),
    MNV3("aa_layer", CHOICE, aa, TM_ANY, "mobilenetv4_conv_aa_* mobilenetv4_conv_blur_*",
         .choices = tm_aa_layers),
    MNV3("se_from_exp", NO_FLAG, se_from_input, TM_ANY, "fbnetv3_*"),
    MNV3("bn_eps", NUMBER, norm_eps, TM_EPSILONS),
};

const tm_family tm_family_mobilenetv3 = {.module = "mobilenetv3",
                                         TM_VARIANTS(variants),
                                         TM_ARGUMENTS(tm_mobilenetv3_arguments),
                                         .build = tm_build_mobilenetv3};
