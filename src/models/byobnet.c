/* SPDX-License-Identifier: Apache-2.0 */
/* timm's byobnet.py: GENet (2006.14090), RepVGG (2101.03697), MobileOne (2206.04040), CLIP's
 * ResNets (2103.00020), RegNetZ (2103.06877) and timm's own small ResNets. */
#include "models/byobnet.h"

#include <stdio.h>
#include <string.h>

#include "models/filters.h"
#include "models/model.h"

/* clang-format off */
static const tm_byob variants[] = {
    {.name = "bat_resnext26ts", .stem = TM_BYOB_STEM_TIERED, .stem_width = 64,
     .stem_pool = TM_BYOB_MAX_POOL,
     .stages = {{TM_BYOB_BOTTLE, 2, 256, 1, 32, 0.25f}, {TM_BYOB_BOTTLE, 2, 512, 2, 32, 0.25f},
                {TM_BYOB_BOTTLE, 2, 1024, 2, 32, 0.25f}, {TM_BYOB_BOTTLE, 2, 2048, 2, 32, 0.25f}},
     .act = TM_ACT_SILU, .attn = TM_BYOB_BAT},
    {.name = "eca_resnet33ts", .stem = TM_BYOB_STEM_TIERED, .stem_width = 64,
     .stages = {{TM_BYOB_BOTTLE, 2, 256, 1, 0, 0.25f}, {TM_BYOB_BOTTLE, 3, 512, 2, 0, 0.25f},
                {TM_BYOB_BOTTLE, 3, 1536, 2, 0, 0.25f}, {TM_BYOB_BOTTLE, 2, 1536, 2, 0, 0.25f}},
     .features = 1280, .act = TM_ACT_SILU, .attn = TM_BYOB_ECA},
    {.name = "eca_resnext26ts", .stem = TM_BYOB_STEM_TIERED, .stem_width = 64,
     .stem_pool = TM_BYOB_MAX_POOL,
     .stages = {{TM_BYOB_BOTTLE, 2, 256, 1, 32, 0.25f}, {TM_BYOB_BOTTLE, 2, 512, 2, 32, 0.25f},
                {TM_BYOB_BOTTLE, 2, 1024, 2, 32, 0.25f}, {TM_BYOB_BOTTLE, 2, 2048, 2, 32, 0.25f}},
     .act = TM_ACT_SILU, .attn = TM_BYOB_ECA},
    {.name = "gcresnet33ts", .stem = TM_BYOB_STEM_TIERED, .stem_width = 64,
     .stages = {{TM_BYOB_BOTTLE, 2, 256, 1, 0, 0.25f}, {TM_BYOB_BOTTLE, 3, 512, 2, 0, 0.25f},
                {TM_BYOB_BOTTLE, 3, 1536, 2, 0, 0.25f}, {TM_BYOB_BOTTLE, 2, 1536, 2, 0, 0.25f}},
     .features = 1280, .act = TM_ACT_SILU, .attn = TM_BYOB_GCA},
    {.name = "gcresnet50t", .stem = TM_BYOB_STEM_TIERED, .stem_width = 64,
     .stages = {{TM_BYOB_BOTTLE, 3, 256, 1, 0, 0.25f}, {TM_BYOB_BOTTLE, 4, 512, 2, 0, 0.25f},
                {TM_BYOB_BOTTLE, 6, 1024, 2, 0, 0.25f}, {TM_BYOB_BOTTLE, 3, 2048, 2, 0, 0.25f}},
     .attn = TM_BYOB_GCA},
    {.name = "gcresnext26ts", .stem = TM_BYOB_STEM_TIERED, .stem_width = 64,
     .stem_pool = TM_BYOB_MAX_POOL,
     .stages = {{TM_BYOB_BOTTLE, 2, 256, 1, 32, 0.25f}, {TM_BYOB_BOTTLE, 2, 512, 2, 32, 0.25f},
                {TM_BYOB_BOTTLE, 2, 1024, 2, 32, 0.25f}, {TM_BYOB_BOTTLE, 2, 2048, 2, 32, 0.25f}},
     .act = TM_ACT_SILU, .attn = TM_BYOB_GCA},
    {.name = "gcresnext50ts", .stem = TM_BYOB_STEM_TIERED, .stem_width = 64,
     .stem_pool = TM_BYOB_MAX_POOL,
     .stages = {{TM_BYOB_BOTTLE, 3, 256, 1, 32, 0.25f}, {TM_BYOB_BOTTLE, 4, 512, 2, 32, 0.25f},
                {TM_BYOB_BOTTLE, 6, 1024, 2, 32, 0.25f}, {TM_BYOB_BOTTLE, 3, 2048, 2, 32, 0.25f}},
     .act = TM_ACT_SILU, .attn = TM_BYOB_GCA},
    {.name = "geresnet50t", .stem = TM_BYOB_STEM_TIERED, .stem_width = 64,
     .stages = {{TM_BYOB_EDGE, 3, 256, 1, 0, 0.25f}, {TM_BYOB_EDGE, 4, 512, 2, 0, 0.25f},
                {TM_BYOB_BOTTLE, 6, 1024, 2, 0, 0.25f}, {TM_BYOB_BOTTLE, 3, 2048, 2, 0, 0.25f}},
     .attn = TM_BYOB_GE},
    {.name = "gernet_l", .stem_width = 32,
     .stages = {{TM_BYOB_BASIC, 1, 128, 2, 0, 0}, {TM_BYOB_BASIC, 2, 192, 2, 0, 0},
                {TM_BYOB_BOTTLE, 6, 640, 2, 0, 0.25f}, {TM_BYOB_BOTTLE, 5, 640, 2, 1, 3},
                {TM_BYOB_BOTTLE, 4, 640, 1, 1, 3}}, .features = 2560},
    {.name = "gernet_m", .stem_width = 32,
     .stages = {{TM_BYOB_BASIC, 1, 128, 2, 0, 0}, {TM_BYOB_BASIC, 2, 192, 2, 0, 0},
                {TM_BYOB_BOTTLE, 6, 640, 2, 0, 0.25f}, {TM_BYOB_BOTTLE, 4, 640, 2, 1, 3},
                {TM_BYOB_BOTTLE, 1, 640, 1, 1, 3}}, .features = 2560},
    {.name = "gernet_s", .stem_width = 13,
     .stages = {{TM_BYOB_BASIC, 1, 48, 2, 0, 0}, {TM_BYOB_BASIC, 3, 48, 2, 0, 0},
                {TM_BYOB_BOTTLE, 7, 384, 2, 0, 0.25f}, {TM_BYOB_BOTTLE, 2, 560, 2, 1, 3},
                {TM_BYOB_BOTTLE, 1, 256, 1, 1, 3}}, .features = 1920},
    {.name = "mobileone_s0", .stem = TM_BYOB_STEM_ONE, .stem_width = 48,
     .stem_pool = TM_BYOB_MAX_POOL,
     .stages = {{TM_BYOB_ONE, 2, 48, 2, 0, 0}, {TM_BYOB_ONE, 8, 128, 2, 0, 0},
                {TM_BYOB_ONE, 10, 256, 2, 0, 0}, {TM_BYOB_ONE, 1, 1024, 2, 0, 0}},
     .one_branches = 4},
    {.name = "mobileone_s1", .stem = TM_BYOB_STEM_ONE, .stem_width = 64,
     .stem_pool = TM_BYOB_MAX_POOL,
     .stages = {{TM_BYOB_ONE, 2, 96, 2, 0, 0}, {TM_BYOB_ONE, 8, 192, 2, 0, 0},
                {TM_BYOB_ONE, 10, 512, 2, 0, 0}, {TM_BYOB_ONE, 1, 1280, 2, 0, 0}}},
    {.name = "mobileone_s2", .stem = TM_BYOB_STEM_ONE, .stem_width = 64,
     .stem_pool = TM_BYOB_MAX_POOL,
     .stages = {{TM_BYOB_ONE, 2, 96, 2, 0, 0}, {TM_BYOB_ONE, 8, 256, 2, 0, 0},
                {TM_BYOB_ONE, 10, 640, 2, 0, 0}, {TM_BYOB_ONE, 1, 2048, 2, 0, 0}}},
    {.name = "mobileone_s3", .stem = TM_BYOB_STEM_ONE, .stem_width = 64,
     .stem_pool = TM_BYOB_MAX_POOL,
     .stages = {{TM_BYOB_ONE, 2, 128, 2, 0, 0}, {TM_BYOB_ONE, 8, 320, 2, 0, 0},
                {TM_BYOB_ONE, 10, 768, 2, 0, 0}, {TM_BYOB_ONE, 1, 2048, 2, 0, 0}}},
    {.name = "mobileone_s4", .stem = TM_BYOB_STEM_ONE, .stem_width = 64,
     .stem_pool = TM_BYOB_MAX_POOL,
     .stages = {{TM_BYOB_ONE, 2, 192, 2, 0, 0}, {TM_BYOB_ONE, 8, 448, 2, 0, 0},
                {TM_BYOB_ONE, 10, 896, 2, 0, 0}, {TM_BYOB_ONE, 1, 2048, 2, 0, 0}},
     .attn = TM_BYOB_SE, .one_attn = {0, 0, 5, 1}},
    {.name = "regnetz_b16", .stem_width = 32,
     .stages = {{TM_BYOB_BOTTLE, 2, 48, 2, 16, 3}, {TM_BYOB_BOTTLE, 6, 96, 2, 16, 3},
                {TM_BYOB_BOTTLE, 12, 192, 2, 16, 3}, {TM_BYOB_BOTTLE, 2, 288, 2, 16, 3}},
     .features = 1536, .act = TM_ACT_SILU, .shortcut = TM_BYOB_IDENTITY, .attn = TM_BYOB_SE,
     .attn_ratio = 0.25f, .inverted = true},
    {.name = "regnetz_b16_evos", .stem_width = 32,
     .stages = {{TM_BYOB_BOTTLE, 2, 48, 2, 16, 3}, {TM_BYOB_BOTTLE, 6, 96, 2, 16, 3},
                {TM_BYOB_BOTTLE, 12, 192, 2, 16, 3}, {TM_BYOB_BOTTLE, 2, 288, 2, 16, 3}},
     .features = 1536, .act = TM_ACT_SILU, .evo_norm = true, .shortcut = TM_BYOB_IDENTITY,
     .attn = TM_BYOB_SE, .attn_ratio = 0.25f, .inverted = true},
    {.name = "regnetz_c16", .stem_width = 32,
     .stages = {{TM_BYOB_BOTTLE, 2, 48, 2, 16, 4}, {TM_BYOB_BOTTLE, 6, 96, 2, 16, 4},
                {TM_BYOB_BOTTLE, 12, 192, 2, 16, 4}, {TM_BYOB_BOTTLE, 2, 288, 2, 16, 4}},
     .features = 1536, .act = TM_ACT_SILU, .shortcut = TM_BYOB_IDENTITY, .attn = TM_BYOB_SE,
     .attn_ratio = 0.25f, .inverted = true},
    {.name = "regnetz_c16_evos", .stem_width = 32,
     .stages = {{TM_BYOB_BOTTLE, 2, 48, 2, 16, 4}, {TM_BYOB_BOTTLE, 6, 96, 2, 16, 4},
                {TM_BYOB_BOTTLE, 12, 192, 2, 16, 4}, {TM_BYOB_BOTTLE, 2, 288, 2, 16, 4}},
     .features = 1536, .act = TM_ACT_SILU, .evo_norm = true, .shortcut = TM_BYOB_IDENTITY,
     .attn = TM_BYOB_SE, .attn_ratio = 0.25f, .inverted = true},
    {.name = "regnetz_d8", .stem = TM_BYOB_STEM_TIERED, .stem_width = 64,
     .stages = {{TM_BYOB_BOTTLE, 3, 64, 1, 8, 4}, {TM_BYOB_BOTTLE, 6, 128, 2, 8, 4},
                {TM_BYOB_BOTTLE, 12, 256, 2, 8, 4}, {TM_BYOB_BOTTLE, 3, 384, 2, 8, 4}},
     .features = 1792, .act = TM_ACT_SILU, .shortcut = TM_BYOB_IDENTITY, .attn = TM_BYOB_SE,
     .attn_ratio = 0.25f, .inverted = true},
    {.name = "regnetz_d8_evos", .stem = TM_BYOB_STEM_DEEP, .stem_width = 64,
     .stages = {{TM_BYOB_BOTTLE, 3, 64, 1, 8, 4}, {TM_BYOB_BOTTLE, 6, 128, 2, 8, 4},
                {TM_BYOB_BOTTLE, 12, 256, 2, 8, 4}, {TM_BYOB_BOTTLE, 3, 384, 2, 8, 4}},
     .features = 1792, .act = TM_ACT_SILU, .evo_norm = true, .shortcut = TM_BYOB_IDENTITY,
     .attn = TM_BYOB_SE, .attn_ratio = 0.25f, .inverted = true},
    {.name = "regnetz_d32", .stem = TM_BYOB_STEM_TIERED, .stem_width = 64,
     .stages = {{TM_BYOB_BOTTLE, 3, 64, 1, 32, 4}, {TM_BYOB_BOTTLE, 6, 128, 2, 32, 4},
                {TM_BYOB_BOTTLE, 12, 256, 2, 32, 4}, {TM_BYOB_BOTTLE, 3, 384, 2, 32, 4}},
     .features = 1792, .act = TM_ACT_SILU, .shortcut = TM_BYOB_IDENTITY, .attn = TM_BYOB_SE,
     .attn_ratio = 0.25f, .inverted = true},
    {.name = "regnetz_e8", .stem = TM_BYOB_STEM_TIERED, .stem_width = 64,
     .stages = {{TM_BYOB_BOTTLE, 3, 96, 1, 8, 4}, {TM_BYOB_BOTTLE, 8, 192, 2, 8, 4},
                {TM_BYOB_BOTTLE, 16, 384, 2, 8, 4}, {TM_BYOB_BOTTLE, 3, 512, 2, 8, 4}},
     .features = 2048, .act = TM_ACT_SILU, .shortcut = TM_BYOB_IDENTITY, .attn = TM_BYOB_SE,
     .attn_ratio = 0.25f, .inverted = true},
    {.name = "repvgg_a0", .stem = TM_BYOB_STEM_REP, .stem_width = 48,
     .stem_pool = TM_BYOB_MAX_POOL,
     .stages = {{TM_BYOB_REP, 2, 48, 2, 0, 0}, {TM_BYOB_REP, 4, 96, 2, 0, 0},
                {TM_BYOB_REP, 14, 192, 2, 0, 0}, {TM_BYOB_REP, 1, 1280, 2, 0, 0}}},
    {.name = "repvgg_a1", .stem = TM_BYOB_STEM_REP, .stem_width = 64,
     .stem_pool = TM_BYOB_MAX_POOL,
     .stages = {{TM_BYOB_REP, 2, 64, 2, 0, 0}, {TM_BYOB_REP, 4, 128, 2, 0, 0},
                {TM_BYOB_REP, 14, 256, 2, 0, 0}, {TM_BYOB_REP, 1, 1280, 2, 0, 0}}},
    {.name = "repvgg_a2", .stem = TM_BYOB_STEM_REP, .stem_width = 64,
     .stem_pool = TM_BYOB_MAX_POOL,
     .stages = {{TM_BYOB_REP, 2, 96, 2, 0, 0}, {TM_BYOB_REP, 4, 192, 2, 0, 0},
                {TM_BYOB_REP, 14, 384, 2, 0, 0}, {TM_BYOB_REP, 1, 1408, 2, 0, 0}}},
    {.name = "repvgg_b0", .stem = TM_BYOB_STEM_REP, .stem_width = 64,
     .stem_pool = TM_BYOB_MAX_POOL,
     .stages = {{TM_BYOB_REP, 4, 64, 2, 0, 0}, {TM_BYOB_REP, 6, 128, 2, 0, 0},
                {TM_BYOB_REP, 16, 256, 2, 0, 0}, {TM_BYOB_REP, 1, 1280, 2, 0, 0}}},
    {.name = "repvgg_b1", .stem = TM_BYOB_STEM_REP, .stem_width = 64,
     .stem_pool = TM_BYOB_MAX_POOL,
     .stages = {{TM_BYOB_REP, 4, 128, 2, 0, 0}, {TM_BYOB_REP, 6, 256, 2, 0, 0},
                {TM_BYOB_REP, 16, 512, 2, 0, 0}, {TM_BYOB_REP, 1, 2048, 2, 0, 0}}},
    {.name = "repvgg_b1g4", .stem = TM_BYOB_STEM_REP, .stem_width = 64,
     .stem_pool = TM_BYOB_MAX_POOL,
     .stages = {{TM_BYOB_REP, 4, 128, 2, 0, 0}, {TM_BYOB_REP, 6, 256, 2, 0, 0},
                {TM_BYOB_REP, 16, 512, 2, 0, 0}, {TM_BYOB_REP, 1, 2048, 2, 0, 0}}, .rep_groups = 4},
    {.name = "repvgg_b2", .stem = TM_BYOB_STEM_REP, .stem_width = 64,
     .stem_pool = TM_BYOB_MAX_POOL,
     .stages = {{TM_BYOB_REP, 4, 160, 2, 0, 0}, {TM_BYOB_REP, 6, 320, 2, 0, 0},
                {TM_BYOB_REP, 16, 640, 2, 0, 0}, {TM_BYOB_REP, 1, 2560, 2, 0, 0}}},
    {.name = "repvgg_b2g4", .stem = TM_BYOB_STEM_REP, .stem_width = 64,
     .stem_pool = TM_BYOB_MAX_POOL,
     .stages = {{TM_BYOB_REP, 4, 160, 2, 0, 0}, {TM_BYOB_REP, 6, 320, 2, 0, 0},
                {TM_BYOB_REP, 16, 640, 2, 0, 0}, {TM_BYOB_REP, 1, 2560, 2, 0, 0}}, .rep_groups = 4},
    {.name = "repvgg_b3", .stem = TM_BYOB_STEM_REP, .stem_width = 64,
     .stem_pool = TM_BYOB_MAX_POOL,
     .stages = {{TM_BYOB_REP, 4, 192, 2, 0, 0}, {TM_BYOB_REP, 6, 384, 2, 0, 0},
                {TM_BYOB_REP, 16, 768, 2, 0, 0}, {TM_BYOB_REP, 1, 2560, 2, 0, 0}}},
    {.name = "repvgg_b3g4", .stem = TM_BYOB_STEM_REP, .stem_width = 64,
     .stem_pool = TM_BYOB_MAX_POOL,
     .stages = {{TM_BYOB_REP, 4, 192, 2, 0, 0}, {TM_BYOB_REP, 6, 384, 2, 0, 0},
                {TM_BYOB_REP, 16, 768, 2, 0, 0}, {TM_BYOB_REP, 1, 2560, 2, 0, 0}}, .rep_groups = 4},
    {.name = "repvgg_d2se", .stem = TM_BYOB_STEM_REP, .stem_width = 64,
     .stem_pool = TM_BYOB_MAX_POOL,
     .stages = {{TM_BYOB_REP, 8, 160, 2, 0, 0}, {TM_BYOB_REP, 14, 320, 2, 0, 0},
                {TM_BYOB_REP, 24, 640, 2, 0, 0}, {TM_BYOB_REP, 1, 2560, 2, 0, 0}},
     .attn = TM_BYOB_SE, .attn_divisor = 1},
    {.name = "resnet32ts", .stem = TM_BYOB_STEM_TIERED, .stem_width = 64,
     .stages = {{TM_BYOB_BOTTLE, 2, 256, 1, 0, 0.25f}, {TM_BYOB_BOTTLE, 3, 512, 2, 0, 0.25f},
                {TM_BYOB_BOTTLE, 3, 1536, 2, 0, 0.25f}, {TM_BYOB_BOTTLE, 2, 1536, 2, 0, 0.25f}},
     .act = TM_ACT_SILU},
    {.name = "resnet33ts", .stem = TM_BYOB_STEM_TIERED, .stem_width = 64,
     .stages = {{TM_BYOB_BOTTLE, 2, 256, 1, 0, 0.25f}, {TM_BYOB_BOTTLE, 3, 512, 2, 0, 0.25f},
                {TM_BYOB_BOTTLE, 3, 1536, 2, 0, 0.25f}, {TM_BYOB_BOTTLE, 2, 1536, 2, 0, 0.25f}},
     .features = 1280, .act = TM_ACT_SILU},
    {.name = "resnet50_clip", .stem = TM_BYOB_STEM_CLIP, .stem_width = 64,
     .stem_pool = TM_BYOB_AVG_POOL,
     .stages = {{TM_BYOB_BOTTLE, 3, 256, 1, 0, 0.25f}, {TM_BYOB_BOTTLE, 4, 512, 2, 0, 0.25f},
                {TM_BYOB_BOTTLE, 6, 1024, 2, 0, 0.25f}, {TM_BYOB_BOTTLE, 3, 2048, 2, 0, 0.25f}},
     .aa = TM_AA_AVG, .shortcut = TM_BYOB_AVG, .head = TM_BYOB_ATTN_POOL},
    {.name = "resnet50_clip_gap", .stem = TM_BYOB_STEM_CLIP, .stem_width = 64,
     .stem_pool = TM_BYOB_AVG_POOL,
     .stages = {{TM_BYOB_BOTTLE, 3, 256, 1, 0, 0.25f}, {TM_BYOB_BOTTLE, 4, 512, 2, 0, 0.25f},
                {TM_BYOB_BOTTLE, 6, 1024, 2, 0, 0.25f}, {TM_BYOB_BOTTLE, 3, 2048, 2, 0, 0.25f}},
     .aa = TM_AA_AVG, .shortcut = TM_BYOB_AVG},
    {.name = "resnet50_mlp", .stem = TM_BYOB_STEM_CLIP, .stem_width = 64,
     .stem_pool = TM_BYOB_AVG_POOL,
     .stages = {{TM_BYOB_BOTTLE, 3, 256, 1, 0, 0.25f}, {TM_BYOB_BOTTLE, 4, 512, 2, 0, 0.25f},
                {TM_BYOB_BOTTLE, 6, 1024, 2, 0, 0.25f}, {TM_BYOB_BOTTLE, 3, 2048, 2, 0, 0.25f}},
     .aa = TM_AA_AVG, .shortcut = TM_BYOB_AVG, .head = TM_BYOB_MLP, .head_hidden = 1024},
    {.name = "resnet50x4_clip", .stem = TM_BYOB_STEM_CLIP, .stem_width = 64,
     .stem_pool = TM_BYOB_AVG_POOL,
     .stages = {{TM_BYOB_BOTTLE, 4, 256, 1, 0, 0.25f}, {TM_BYOB_BOTTLE, 6, 512, 2, 0, 0.25f},
                {TM_BYOB_BOTTLE, 10, 1024, 2, 0, 0.25f}, {TM_BYOB_BOTTLE, 6, 2048, 2, 0, 0.25f}},
     .width = 1.25, .aa = TM_AA_AVG, .shortcut = TM_BYOB_AVG, .head = TM_BYOB_ATTN_POOL},
    {.name = "resnet50x4_clip_gap", .stem = TM_BYOB_STEM_CLIP, .stem_width = 64,
     .stem_pool = TM_BYOB_AVG_POOL,
     .stages = {{TM_BYOB_BOTTLE, 4, 256, 1, 0, 0.25f}, {TM_BYOB_BOTTLE, 6, 512, 2, 0, 0.25f},
                {TM_BYOB_BOTTLE, 10, 1024, 2, 0, 0.25f}, {TM_BYOB_BOTTLE, 6, 2048, 2, 0, 0.25f}},
     .width = 1.25, .aa = TM_AA_AVG, .shortcut = TM_BYOB_AVG},
    {.name = "resnet50x16_clip", .stem = TM_BYOB_STEM_CLIP, .stem_width = 64,
     .stem_pool = TM_BYOB_AVG_POOL,
     .stages = {{TM_BYOB_BOTTLE, 6, 256, 1, 0, 0.25f}, {TM_BYOB_BOTTLE, 8, 512, 2, 0, 0.25f},
                {TM_BYOB_BOTTLE, 18, 1024, 2, 0, 0.25f}, {TM_BYOB_BOTTLE, 8, 2048, 2, 0, 0.25f}},
     .width = 1.5, .aa = TM_AA_AVG, .shortcut = TM_BYOB_AVG, .head = TM_BYOB_ATTN_POOL},
    {.name = "resnet50x16_clip_gap", .stem = TM_BYOB_STEM_CLIP, .stem_width = 64,
     .stem_pool = TM_BYOB_AVG_POOL,
     .stages = {{TM_BYOB_BOTTLE, 6, 256, 1, 0, 0.25f}, {TM_BYOB_BOTTLE, 8, 512, 2, 0, 0.25f},
                {TM_BYOB_BOTTLE, 18, 1024, 2, 0, 0.25f}, {TM_BYOB_BOTTLE, 8, 2048, 2, 0, 0.25f}},
     .width = 1.5, .aa = TM_AA_AVG, .shortcut = TM_BYOB_AVG},
    {.name = "resnet50x64_clip", .stem = TM_BYOB_STEM_CLIP, .stem_width = 64,
     .stem_pool = TM_BYOB_AVG_POOL,
     .stages = {{TM_BYOB_BOTTLE, 3, 256, 1, 0, 0.25f}, {TM_BYOB_BOTTLE, 15, 512, 2, 0, 0.25f},
                {TM_BYOB_BOTTLE, 36, 1024, 2, 0, 0.25f}, {TM_BYOB_BOTTLE, 10, 2048, 2, 0, 0.25f}},
     .width = 2, .aa = TM_AA_AVG, .shortcut = TM_BYOB_AVG, .head = TM_BYOB_ATTN_POOL},
    {.name = "resnet50x64_clip_gap", .stem = TM_BYOB_STEM_CLIP, .stem_width = 64,
     .stem_pool = TM_BYOB_AVG_POOL,
     .stages = {{TM_BYOB_BOTTLE, 3, 256, 1, 0, 0.25f}, {TM_BYOB_BOTTLE, 15, 512, 2, 0, 0.25f},
                {TM_BYOB_BOTTLE, 36, 1024, 2, 0, 0.25f}, {TM_BYOB_BOTTLE, 10, 2048, 2, 0, 0.25f}},
     .width = 2, .aa = TM_AA_AVG, .shortcut = TM_BYOB_AVG},
    {.name = "resnet51q", .stem = TM_BYOB_STEM_QUAD2, .stem_width = 128,
     .stages = {{TM_BYOB_BOTTLE, 2, 256, 1, 32, 0.25f}, {TM_BYOB_BOTTLE, 4, 512, 2, 32, 0.25f},
                {TM_BYOB_BOTTLE, 6, 1536, 2, 32, 0.25f}, {TM_BYOB_BOTTLE, 4, 1536, 2, 1, 0}},
     .features = 2048, .act = TM_ACT_SILU},
    {.name = "resnet61q", .stem = TM_BYOB_STEM_QUAD, .stem_width = 128,
     .stages = {{TM_BYOB_EDGE, 1, 256, 1, 0, 0}, {TM_BYOB_BOTTLE, 4, 512, 2, 32, 0.25f},
                {TM_BYOB_BOTTLE, 6, 1536, 2, 32, 0.25f}, {TM_BYOB_BOTTLE, 4, 1536, 2, 1, 0}},
     .features = 2048, .act = TM_ACT_SILU, .extra_conv = true},
    {.name = "resnet101_clip", .stem = TM_BYOB_STEM_CLIP, .stem_width = 64,
     .stem_pool = TM_BYOB_AVG_POOL,
     .stages = {{TM_BYOB_BOTTLE, 3, 256, 1, 0, 0.25f}, {TM_BYOB_BOTTLE, 4, 512, 2, 0, 0.25f},
                {TM_BYOB_BOTTLE, 23, 1024, 2, 0, 0.25f}, {TM_BYOB_BOTTLE, 3, 2048, 2, 0, 0.25f}},
     .aa = TM_AA_AVG, .shortcut = TM_BYOB_AVG, .head = TM_BYOB_ATTN_POOL},
    {.name = "resnet101_clip_gap", .stem = TM_BYOB_STEM_CLIP, .stem_width = 64,
     .stem_pool = TM_BYOB_AVG_POOL,
     .stages = {{TM_BYOB_BOTTLE, 3, 256, 1, 0, 0.25f}, {TM_BYOB_BOTTLE, 4, 512, 2, 0, 0.25f},
                {TM_BYOB_BOTTLE, 23, 1024, 2, 0, 0.25f}, {TM_BYOB_BOTTLE, 3, 2048, 2, 0, 0.25f}},
     .aa = TM_AA_AVG, .shortcut = TM_BYOB_AVG},
    {.name = "resnext26ts", .stem = TM_BYOB_STEM_TIERED, .stem_width = 64,
     .stem_pool = TM_BYOB_MAX_POOL,
     .stages = {{TM_BYOB_BOTTLE, 2, 256, 1, 32, 0.25f}, {TM_BYOB_BOTTLE, 2, 512, 2, 32, 0.25f},
                {TM_BYOB_BOTTLE, 2, 1024, 2, 32, 0.25f}, {TM_BYOB_BOTTLE, 2, 2048, 2, 32, 0.25f}},
     .act = TM_ACT_SILU},
    {.name = "seresnet33ts", .stem = TM_BYOB_STEM_TIERED, .stem_width = 64,
     .stages = {{TM_BYOB_BOTTLE, 2, 256, 1, 0, 0.25f}, {TM_BYOB_BOTTLE, 3, 512, 2, 0, 0.25f},
                {TM_BYOB_BOTTLE, 3, 1536, 2, 0, 0.25f}, {TM_BYOB_BOTTLE, 2, 1536, 2, 0, 0.25f}},
     .features = 1280, .act = TM_ACT_SILU, .attn = TM_BYOB_SE},
    {.name = "seresnext26ts", .stem = TM_BYOB_STEM_TIERED, .stem_width = 64,
     .stem_pool = TM_BYOB_MAX_POOL,
     .stages = {{TM_BYOB_BOTTLE, 2, 256, 1, 32, 0.25f}, {TM_BYOB_BOTTLE, 2, 512, 2, 32, 0.25f},
                {TM_BYOB_BOTTLE, 2, 1024, 2, 32, 0.25f}, {TM_BYOB_BOTTLE, 2, 2048, 2, 32, 0.25f}},
     .act = TM_ACT_SILU, .attn = TM_BYOB_SE},
    {.name = "test_byobnet", .stem_width = 24,
     .stages = {{TM_BYOB_EDGE, 1, 32, 2, 0, 0.5f}, {TM_BYOB_DARK, 1, 64, 2, 0, 0.5f},
                {TM_BYOB_BASIC, 1, 128, 2, 32, 0.25f}, {TM_BYOB_BOTTLE, 1, 256, 2, 64, 0.25f}},
     .shortcut = TM_BYOB_AVG, .attn = TM_BYOB_SE, .attn_ratio = 0.25f},
};
/* clang-format on */
static void build(tm_builder *b, const void *variant)
{
    tm_byob_build(b, variant, NULL);
}

/* ---- checkpoints ---- */

/* CLIP's names of a bottleneck: layers from 1, numbers in conv1, bn1, ... */
static void rename_layer(tm_state_dict *dict, tm_tensor_view *view)
{
    static const char *const convs[] = {"conv1_1x1", "conv2_kxk", "conv3_1x1"};
    int stage, index, end = 0, number = 0;
    char kind[5];
    sscanf(view->name, "layer%4d.%4d.downsample.%4d%n", &stage, &index, &number, &end);
    if (end) {
        tm_state_rename(dict, view, "stages.%d.%d.shortcut.conv.%s%s", stage - 1, index,
                        number ? "bn" : "conv", view->name + end);
        return;
    }
    sscanf(view->name, "layer%4d.%4d.%4[a-z]%1d%n", &stage, &index, kind, &number, &end);
    if (end && number >= 1 && number <= 3)
        tm_state_rename(dict, view, "stages.%d.%d.%s.%s%s", stage - 1, index, convs[number - 1],
                        kind, view->name + end);
}

static void from_openai_clip(tm_state_dict *dict, const tm_graph *graph)
{
    static const tm_replacement table[] = {
        {"attnpool.", "head."}, {"positional_embedding", "pos_embed"},
        {"q_proj", "q"},        {"k_proj", "k"},
        {"v_proj", "v"},        {"c_proj", "proj"}};
    tm_state_keep_prefix(dict, "visual.");
    for (size_t i = 0; i < dict->count; i++) {
        tm_tensor_view *view = &dict->tensors[i];
        if (strncmp(view->name, "layer", 5) == 0)
            rename_layer(dict, view);
        else if (strncmp(view->name, "conv", 4) == 0 && view->name[4])
            tm_state_rename(dict, view, "stem.conv%c.conv%s", view->name[4], view->name + 5);
        else if (strncmp(view->name, "bn", 2) == 0 && view->name[2])
            tm_state_rename(dict, view, "stem.conv%c.bn%s", view->name[2], view->name + 3);
    }
    if (!tm_find_param(graph, "head.pos_embed"))
        tm_state_drop_prefix(dict, "attnpool.");
    tm_replace_all(dict, table, sizeof table / sizeof *table);
}

static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    (void)variant;
    if (tm_state_find(dict, "visual.conv1.weight"))
        from_openai_clip(dict, graph);
}

static const tm_choice stems[] = {{"", TM_BYOB_STEM_3X3},        {"3x3", TM_BYOB_STEM_3X3},
                                  {"7x7", TM_BYOB_STEM_7X7},     {"tiered", TM_BYOB_STEM_TIERED},
                                  {"deep", TM_BYOB_STEM_DEEP},   {"quad", TM_BYOB_STEM_QUAD},
                                  {"quad2", TM_BYOB_STEM_QUAD2}, {"rep", TM_BYOB_STEM_REP},
                                  {"one", TM_BYOB_STEM_ONE},     {NULL, 0}};
static const tm_choice pools[] = {{"", TM_BYOB_NO_POOL},
                                  {"max", TM_BYOB_MAX_POOL},
                                  {"maxpool", TM_BYOB_MAX_POOL},
                                  {"avg2", TM_BYOB_AVG_POOL},
                                  {NULL, 0}};
static const tm_choice anti_aliases[] = {{"", TM_AA_NONE},
                                         {"avg", TM_AA_AVG},
                                         {"blur", TM_AA_BLUR},
                                         {"blurpc", TM_AA_BLUR_ZERO},
                                         {NULL, 0}};
static const tm_choice shortcuts[] = {
    {"conv1x1", TM_BYOB_CONV}, {"avg", TM_BYOB_AVG}, {"", TM_BYOB_IDENTITY}, {NULL, 0}};
static const tm_choice attentions[] = {{"", TM_BYOB_NO_ATTN},
                                       {"se", TM_BYOB_SE},
                                       {"eca", TM_BYOB_ECA},
                                       {"gca", TM_BYOB_GCA},
                                       {NULL, 0}};
static const tm_choice heads[] = {{"", TM_BYOB_CLASSIFIER},
                                  {"classifier", TM_BYOB_CLASSIFIER},
                                  {"mlp", TM_BYOB_MLP},
                                  {"attn_abs", TM_BYOB_ATTN_POOL},
                                  {NULL, 0}};

/* timm's blocks are objects, which no text makes; some have attention of their own, or say more of
 * it than others take. */
#define BYOB(name, kind, member, ...) TM_TAKES(tm_byob, name, kind, member, __VA_ARGS__)
static const tm_argument arguments[] = {
    BYOB("stem_type", CHOICE, stem, TM_ANY, "resnet*_clip* resnet50_mlp", .choices = stems),
    BYOB("stem_chs", INTEGER, own_stem_width, TM_WIDTHS),
    BYOB("stem_pool", CHOICE, stem_pool, TM_ANY, .choices = pools),
    BYOB("width_factor", NUMBER, width, TM_RATIOS),
    BYOB("num_features", INTEGER, features, 0, 65536),
    BYOB("act_layer", ACT, act, TM_ANY),
    BYOB("aa_layer", CHOICE, aa, TM_ANY, "repvgg_* mobileone_*", .choices = anti_aliases),
    BYOB("downsample", CHOICE, shortcut, TM_ANY, .choices = shortcuts),
    BYOB("attn_layer", CHOICE, attn, TM_ANY, "mobileone_* bat_* geresnet50t",
         .choices = attentions),
    BYOB("head_type", CHOICE, head, TM_ANY, .choices = heads),
    BYOB("head_hidden_size", INTEGER, head_hidden, TM_WIDTHS),
};

const tm_family tm_family_byobnet = {.module = "byobnet",
                                     TM_VARIANTS(variants),
                                     TM_ARGUMENTS(arguments),
                                     .build = build,
                                     .filter = filter};
