/* SPDX-License-Identifier: Apache-2.0 */
/* timm's hardcorenas.py: HardCoRe-NAS (2102.11646), found by search, built as MobileNet-V3. */
#include "models/mobilenetv3.h"
#include "models/model.h"

/* clang-format off */
static const char *const arch_a[] = {
    "ds_r1_k3_s1_e1_c16_nre",
    "ir_r1_k5_s2_e3_c24_nre ir_r1_k5_s1_e3_c24_nre_se0.25",
    "ir_r1_k5_s2_e3_c40_nre ir_r1_k5_s1_e6_c40_nre_se0.25",
    "ir_r1_k5_s2_e6_c80_se0.25 ir_r1_k5_s1_e6_c80_se0.25",
    "ir_r1_k5_s1_e6_c112_se0.25 ir_r1_k5_s1_e6_c112_se0.25",
    "ir_r1_k5_s2_e6_c192_se0.25 ir_r1_k5_s1_e6_c192_se0.25",
    "cn_r1_k1_s1_c960",
    NULL,
};
static const char *const arch_b[] = {
    "ds_r1_k3_s1_e1_c16_nre",
    "ir_r1_k5_s2_e3_c24_nre ir_r1_k5_s1_e3_c24_nre_se0.25 ir_r1_k3_s1_e3_c24_nre",
    "ir_r1_k5_s2_e3_c40_nre ir_r1_k5_s1_e3_c40_nre ir_r1_k5_s1_e3_c40_nre",
    "ir_r1_k5_s2_e3_c80 ir_r1_k5_s1_e3_c80 ir_r1_k3_s1_e3_c80 ir_r1_k3_s1_e3_c80",
    "ir_r1_k5_s1_e3_c112 ir_r1_k3_s1_e3_c112 ir_r1_k3_s1_e3_c112 ir_r1_k3_s1_e3_c112",
    "ir_r1_k5_s2_e6_c192_se0.25 ir_r1_k5_s1_e6_c192_se0.25 ir_r1_k3_s1_e3_c192_se0.25",
    "cn_r1_k1_s1_c960",
    NULL,
};
static const char *const arch_c[] = {
    "ds_r1_k3_s1_e1_c16_nre",
    "ir_r1_k5_s2_e3_c24_nre ir_r1_k5_s1_e3_c24_nre_se0.25",
    "ir_r1_k5_s2_e3_c40_nre ir_r1_k5_s1_e3_c40_nre ir_r1_k5_s1_e3_c40_nre "
    "ir_r1_k5_s1_e3_c40_nre",
    "ir_r1_k5_s2_e4_c80 ir_r1_k5_s1_e6_c80_se0.25 ir_r1_k3_s1_e3_c80 ir_r1_k3_s1_e3_c80",
    "ir_r1_k5_s1_e6_c112_se0.25 ir_r1_k3_s1_e3_c112 ir_r1_k3_s1_e3_c112 ir_r1_k3_s1_e3_c112",
    "ir_r1_k5_s2_e6_c192_se0.25 ir_r1_k5_s1_e6_c192_se0.25 ir_r1_k3_s1_e3_c192_se0.25",
    "cn_r1_k1_s1_c960",
    NULL,
};
static const char *const arch_d[] = {
    "ds_r1_k3_s1_e1_c16_nre",
    "ir_r1_k5_s2_e3_c24_nre_se0.25 ir_r1_k5_s1_e3_c24_nre_se0.25",
    "ir_r1_k5_s2_e3_c40_nre_se0.25 ir_r1_k5_s1_e4_c40_nre_se0.25 "
    "ir_r1_k3_s1_e3_c40_nre_se0.25",
    "ir_r1_k5_s2_e4_c80_se0.25 ir_r1_k3_s1_e3_c80_se0.25 ir_r1_k3_s1_e3_c80_se0.25 "
    "ir_r1_k3_s1_e3_c80_se0.25",
    "ir_r1_k3_s1_e4_c112_se0.25 ir_r1_k5_s1_e4_c112_se0.25 ir_r1_k3_s1_e3_c112_se0.25 "
    "ir_r1_k5_s1_e3_c112_se0.25",
    "ir_r1_k5_s2_e6_c192_se0.25 ir_r1_k5_s1_e6_c192_se0.25 ir_r1_k5_s1_e6_c192_se0.25 "
    "ir_r1_k3_s1_e6_c192_se0.25",
    "cn_r1_k1_s1_c960",
    NULL,
};
static const char *const arch_e[] = {
    "ds_r1_k3_s1_e1_c16_nre",
    "ir_r1_k5_s2_e3_c24_nre_se0.25 ir_r1_k5_s1_e3_c24_nre_se0.25",
    "ir_r1_k5_s2_e6_c40_nre_se0.25 ir_r1_k5_s1_e4_c40_nre_se0.25 "
    "ir_r1_k5_s1_e4_c40_nre_se0.25 ir_r1_k3_s1_e3_c40_nre_se0.25",
    "ir_r1_k5_s2_e4_c80_se0.25 ir_r1_k3_s1_e6_c80_se0.25",
    "ir_r1_k5_s1_e6_c112_se0.25 ir_r1_k5_s1_e6_c112_se0.25 ir_r1_k5_s1_e6_c112_se0.25 "
    "ir_r1_k5_s1_e3_c112_se0.25",
    "ir_r1_k5_s2_e6_c192_se0.25 ir_r1_k5_s1_e6_c192_se0.25 ir_r1_k5_s1_e6_c192_se0.25 "
    "ir_r1_k3_s1_e6_c192_se0.25",
    "cn_r1_k1_s1_c960",
    NULL,
};
static const char *const arch_f[] = {
    "ds_r1_k3_s1_e1_c16_nre",
    "ir_r1_k5_s2_e3_c24_nre_se0.25 ir_r1_k5_s1_e3_c24_nre_se0.25",
    "ir_r1_k5_s2_e6_c40_nre_se0.25 ir_r1_k5_s1_e6_c40_nre_se0.25",
    "ir_r1_k5_s2_e6_c80_se0.25 ir_r1_k5_s1_e6_c80_se0.25 ir_r1_k3_s1_e3_c80_se0.25 "
    "ir_r1_k3_s1_e3_c80_se0.25",
    "ir_r1_k3_s1_e6_c112_se0.25 ir_r1_k5_s1_e6_c112_se0.25 ir_r1_k5_s1_e6_c112_se0.25 "
    "ir_r1_k3_s1_e3_c112_se0.25",
    "ir_r1_k5_s2_e6_c192_se0.25 ir_r1_k5_s1_e6_c192_se0.25 ir_r1_k3_s1_e6_c192_se0.25 "
    "ir_r1_k3_s1_e6_c192_se0.25",
    "cn_r1_k1_s1_c960",
    NULL,
};

static const tm_mobilenetv3 variants[] = {
    {.name = "hardcorenas_a", .arch = arch_a, .stem = 32, .act = TM_ACT_HARD_SWISH},
    {.name = "hardcorenas_b", .arch = arch_b, .stem = 32, .act = TM_ACT_HARD_SWISH},
    {.name = "hardcorenas_c", .arch = arch_c, .stem = 32, .act = TM_ACT_HARD_SWISH},
    {.name = "hardcorenas_d", .arch = arch_d, .stem = 32, .act = TM_ACT_HARD_SWISH},
    {.name = "hardcorenas_e", .arch = arch_e, .stem = 32, .act = TM_ACT_HARD_SWISH},
    {.name = "hardcorenas_f", .arch = arch_f, .stem = 32, .act = TM_ACT_HARD_SWISH},
};
/* clang-format on */

const tm_family tm_family_hardcorenas = {.module = "hardcorenas",
                                         TM_VARIANTS(variants),
                                         TM_ARGUMENTS(tm_mobilenetv3_arguments),
                                         .build = tm_build_mobilenetv3};
