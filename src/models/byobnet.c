/* SPDX-License-Identifier: Apache-2.0 */
/* timm's byobnet.py: GENet (2006.14090), RepVGG (2101.03697), MobileOne (2206.04040), CLIP's
 * ResNets (2103.00020), RegNetZ (2103.06877) and timm's own small ResNets. */
#include "models/byobnet.h"

#include <stdio.h>
#include <string.h>

#include "layers/attention_pool2d.h"
#include "layers/blur_pool.h"
#include "layers/classifier.h"
#include "layers/downsample.h"
#include "layers/eca.h"
#include "layers/evo_norm.h"
#include "layers/gather_excite.h"
#include "layers/global_context.h"
#include "layers/make_divisible.h"
#include "layers/non_local_attn.h"
#include "layers/squeeze_excite.h"
#include "layers/stages.h"
#include "layers/taps.h"
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
     .stages = {{TM_BYOB_ONE, 2, 48, 2, 0, 0}, {TM_BYOB_ONE, 8, 128, 2, 0, 0},
                {TM_BYOB_ONE, 10, 256, 2, 0, 0}, {TM_BYOB_ONE, 1, 1024, 2, 0, 0}},
     .one_branches = 4},
    {.name = "mobileone_s1", .stem = TM_BYOB_STEM_ONE, .stem_width = 64,
     .stages = {{TM_BYOB_ONE, 2, 96, 2, 0, 0}, {TM_BYOB_ONE, 8, 192, 2, 0, 0},
                {TM_BYOB_ONE, 10, 512, 2, 0, 0}, {TM_BYOB_ONE, 1, 1280, 2, 0, 0}}},
    {.name = "mobileone_s2", .stem = TM_BYOB_STEM_ONE, .stem_width = 64,
     .stages = {{TM_BYOB_ONE, 2, 96, 2, 0, 0}, {TM_BYOB_ONE, 8, 256, 2, 0, 0},
                {TM_BYOB_ONE, 10, 640, 2, 0, 0}, {TM_BYOB_ONE, 1, 2048, 2, 0, 0}}},
    {.name = "mobileone_s3", .stem = TM_BYOB_STEM_ONE, .stem_width = 64,
     .stages = {{TM_BYOB_ONE, 2, 128, 2, 0, 0}, {TM_BYOB_ONE, 8, 320, 2, 0, 0},
                {TM_BYOB_ONE, 10, 768, 2, 0, 0}, {TM_BYOB_ONE, 1, 2048, 2, 0, 0}}},
    {.name = "mobileone_s4", .stem = TM_BYOB_STEM_ONE, .stem_width = 64,
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
     .stages = {{TM_BYOB_REP, 2, 48, 2, 0, 0}, {TM_BYOB_REP, 4, 96, 2, 0, 0},
                {TM_BYOB_REP, 14, 192, 2, 0, 0}, {TM_BYOB_REP, 1, 1280, 2, 0, 0}}},
    {.name = "repvgg_a1", .stem = TM_BYOB_STEM_REP, .stem_width = 64,
     .stages = {{TM_BYOB_REP, 2, 64, 2, 0, 0}, {TM_BYOB_REP, 4, 128, 2, 0, 0},
                {TM_BYOB_REP, 14, 256, 2, 0, 0}, {TM_BYOB_REP, 1, 1280, 2, 0, 0}}},
    {.name = "repvgg_a2", .stem = TM_BYOB_STEM_REP, .stem_width = 64,
     .stages = {{TM_BYOB_REP, 2, 96, 2, 0, 0}, {TM_BYOB_REP, 4, 192, 2, 0, 0},
                {TM_BYOB_REP, 14, 384, 2, 0, 0}, {TM_BYOB_REP, 1, 1408, 2, 0, 0}}},
    {.name = "repvgg_b0", .stem = TM_BYOB_STEM_REP, .stem_width = 64,
     .stages = {{TM_BYOB_REP, 4, 64, 2, 0, 0}, {TM_BYOB_REP, 6, 128, 2, 0, 0},
                {TM_BYOB_REP, 16, 256, 2, 0, 0}, {TM_BYOB_REP, 1, 1280, 2, 0, 0}}},
    {.name = "repvgg_b1", .stem = TM_BYOB_STEM_REP, .stem_width = 64,
     .stages = {{TM_BYOB_REP, 4, 128, 2, 0, 0}, {TM_BYOB_REP, 6, 256, 2, 0, 0},
                {TM_BYOB_REP, 16, 512, 2, 0, 0}, {TM_BYOB_REP, 1, 2048, 2, 0, 0}}},
    {.name = "repvgg_b1g4", .stem = TM_BYOB_STEM_REP, .stem_width = 64,
     .stages = {{TM_BYOB_REP, 4, 128, 2, 0, 0}, {TM_BYOB_REP, 6, 256, 2, 0, 0},
                {TM_BYOB_REP, 16, 512, 2, 0, 0}, {TM_BYOB_REP, 1, 2048, 2, 0, 0}}, .rep_groups = 4},
    {.name = "repvgg_b2", .stem = TM_BYOB_STEM_REP, .stem_width = 64,
     .stages = {{TM_BYOB_REP, 4, 160, 2, 0, 0}, {TM_BYOB_REP, 6, 320, 2, 0, 0},
                {TM_BYOB_REP, 16, 640, 2, 0, 0}, {TM_BYOB_REP, 1, 2560, 2, 0, 0}}},
    {.name = "repvgg_b2g4", .stem = TM_BYOB_STEM_REP, .stem_width = 64,
     .stages = {{TM_BYOB_REP, 4, 160, 2, 0, 0}, {TM_BYOB_REP, 6, 320, 2, 0, 0},
                {TM_BYOB_REP, 16, 640, 2, 0, 0}, {TM_BYOB_REP, 1, 2560, 2, 0, 0}}, .rep_groups = 4},
    {.name = "repvgg_b3", .stem = TM_BYOB_STEM_REP, .stem_width = 64,
     .stages = {{TM_BYOB_REP, 4, 192, 2, 0, 0}, {TM_BYOB_REP, 6, 384, 2, 0, 0},
                {TM_BYOB_REP, 16, 768, 2, 0, 0}, {TM_BYOB_REP, 1, 2560, 2, 0, 0}}},
    {.name = "repvgg_b3g4", .stem = TM_BYOB_STEM_REP, .stem_width = 64,
     .stages = {{TM_BYOB_REP, 4, 192, 2, 0, 0}, {TM_BYOB_REP, 6, 384, 2, 0, 0},
                {TM_BYOB_REP, 16, 768, 2, 0, 0}, {TM_BYOB_REP, 1, 2560, 2, 0, 0}}, .rep_groups = 4},
    {.name = "repvgg_d2se", .stem = TM_BYOB_STEM_REP, .stem_width = 64,
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
     .anti_alias = true, .shortcut = TM_BYOB_AVG, .head = TM_BYOB_ATTN_POOL},
    {.name = "resnet50_clip_gap", .stem = TM_BYOB_STEM_CLIP, .stem_width = 64,
     .stem_pool = TM_BYOB_AVG_POOL,
     .stages = {{TM_BYOB_BOTTLE, 3, 256, 1, 0, 0.25f}, {TM_BYOB_BOTTLE, 4, 512, 2, 0, 0.25f},
                {TM_BYOB_BOTTLE, 6, 1024, 2, 0, 0.25f}, {TM_BYOB_BOTTLE, 3, 2048, 2, 0, 0.25f}},
     .anti_alias = true, .shortcut = TM_BYOB_AVG},
    {.name = "resnet50_mlp", .stem = TM_BYOB_STEM_CLIP, .stem_width = 64,
     .stem_pool = TM_BYOB_AVG_POOL,
     .stages = {{TM_BYOB_BOTTLE, 3, 256, 1, 0, 0.25f}, {TM_BYOB_BOTTLE, 4, 512, 2, 0, 0.25f},
                {TM_BYOB_BOTTLE, 6, 1024, 2, 0, 0.25f}, {TM_BYOB_BOTTLE, 3, 2048, 2, 0, 0.25f}},
     .anti_alias = true, .shortcut = TM_BYOB_AVG, .head = TM_BYOB_MLP, .head_hidden = 1024},
    {.name = "resnet50x4_clip", .stem = TM_BYOB_STEM_CLIP, .stem_width = 64,
     .stem_pool = TM_BYOB_AVG_POOL,
     .stages = {{TM_BYOB_BOTTLE, 4, 256, 1, 0, 0.25f}, {TM_BYOB_BOTTLE, 6, 512, 2, 0, 0.25f},
                {TM_BYOB_BOTTLE, 10, 1024, 2, 0, 0.25f}, {TM_BYOB_BOTTLE, 6, 2048, 2, 0, 0.25f}},
     .width = 1.25f, .anti_alias = true, .shortcut = TM_BYOB_AVG, .head = TM_BYOB_ATTN_POOL},
    {.name = "resnet50x4_clip_gap", .stem = TM_BYOB_STEM_CLIP, .stem_width = 64,
     .stem_pool = TM_BYOB_AVG_POOL,
     .stages = {{TM_BYOB_BOTTLE, 4, 256, 1, 0, 0.25f}, {TM_BYOB_BOTTLE, 6, 512, 2, 0, 0.25f},
                {TM_BYOB_BOTTLE, 10, 1024, 2, 0, 0.25f}, {TM_BYOB_BOTTLE, 6, 2048, 2, 0, 0.25f}},
     .width = 1.25f, .anti_alias = true, .shortcut = TM_BYOB_AVG},
    {.name = "resnet50x16_clip", .stem = TM_BYOB_STEM_CLIP, .stem_width = 64,
     .stem_pool = TM_BYOB_AVG_POOL,
     .stages = {{TM_BYOB_BOTTLE, 6, 256, 1, 0, 0.25f}, {TM_BYOB_BOTTLE, 8, 512, 2, 0, 0.25f},
                {TM_BYOB_BOTTLE, 18, 1024, 2, 0, 0.25f}, {TM_BYOB_BOTTLE, 8, 2048, 2, 0, 0.25f}},
     .width = 1.5f, .anti_alias = true, .shortcut = TM_BYOB_AVG, .head = TM_BYOB_ATTN_POOL},
    {.name = "resnet50x16_clip_gap", .stem = TM_BYOB_STEM_CLIP, .stem_width = 64,
     .stem_pool = TM_BYOB_AVG_POOL,
     .stages = {{TM_BYOB_BOTTLE, 6, 256, 1, 0, 0.25f}, {TM_BYOB_BOTTLE, 8, 512, 2, 0, 0.25f},
                {TM_BYOB_BOTTLE, 18, 1024, 2, 0, 0.25f}, {TM_BYOB_BOTTLE, 8, 2048, 2, 0, 0.25f}},
     .width = 1.5f, .anti_alias = true, .shortcut = TM_BYOB_AVG},
    {.name = "resnet50x64_clip", .stem = TM_BYOB_STEM_CLIP, .stem_width = 64,
     .stem_pool = TM_BYOB_AVG_POOL,
     .stages = {{TM_BYOB_BOTTLE, 3, 256, 1, 0, 0.25f}, {TM_BYOB_BOTTLE, 15, 512, 2, 0, 0.25f},
                {TM_BYOB_BOTTLE, 36, 1024, 2, 0, 0.25f}, {TM_BYOB_BOTTLE, 10, 2048, 2, 0, 0.25f}},
     .width = 2, .anti_alias = true, .shortcut = TM_BYOB_AVG, .head = TM_BYOB_ATTN_POOL},
    {.name = "resnet50x64_clip_gap", .stem = TM_BYOB_STEM_CLIP, .stem_width = 64,
     .stem_pool = TM_BYOB_AVG_POOL,
     .stages = {{TM_BYOB_BOTTLE, 3, 256, 1, 0, 0.25f}, {TM_BYOB_BOTTLE, 15, 512, 2, 0, 0.25f},
                {TM_BYOB_BOTTLE, 36, 1024, 2, 0, 0.25f}, {TM_BYOB_BOTTLE, 10, 2048, 2, 0, 0.25f}},
     .width = 2, .anti_alias = true, .shortcut = TM_BYOB_AVG},
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
     .anti_alias = true, .shortcut = TM_BYOB_AVG, .head = TM_BYOB_ATTN_POOL},
    {.name = "resnet101_clip_gap", .stem = TM_BYOB_STEM_CLIP, .stem_width = 64,
     .stem_pool = TM_BYOB_AVG_POOL,
     .stages = {{TM_BYOB_BOTTLE, 3, 256, 1, 0, 0.25f}, {TM_BYOB_BOTTLE, 4, 512, 2, 0, 0.25f},
                {TM_BYOB_BOTTLE, 23, 1024, 2, 0, 0.25f}, {TM_BYOB_BOTTLE, 3, 2048, 2, 0, 0.25f}},
     .anti_alias = true, .shortcut = TM_BYOB_AVG},
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

enum { EVO_GROUP = 16, BAT_BLOCK = 8 };

typedef struct byob {
    tm_builder *b;
    const tm_byob *v;
    tm_act_kind act;
} byob;

/* One block's place in its stage. */
typedef struct block {
    const tm_byob_stage *stage;
    int index, in, out, kernel, stride;
    int dilation[2]; /* of the first convolution and of later ones */
} block;

static int scaled(const byob *m, double channels)
{
    return (int)(channels * (m->v->width > 0 ? m->v->width : 1.0) + 0.5);
}

/* ---- layers ---- */

static tm_node *norm_act(const byob *m, const char *name, tm_node *x, bool act)
{
    if (m->v->evo_norm)
        return tm_evo_norm_s0a(m->b, name, x, x->shape.c / EVO_GROUP, act);
    x = tm_normalize(m->b, name, x, (tm_norm){.kind = TM_NORM_BATCH});
    return act ? tm_activate(m->b, x, m->act) : x;
}

/* name.conv, name.bn, activation */
static tm_node *conv(const byob *m, const char *name, tm_node *x, tm_conv c, bool act)
{
    tm_push(m->b, "%s", name);
    x = norm_act(m, "bn", tm_conv2d(m->b, "conv", x, c), act);
    tm_pop(m->b);
    return x;
}

/* The same in a stage, where a stride may become an average pool. */
static tm_node *spatial(const byob *m, const char *name, tm_node *x, tm_conv c, bool act)
{
    int stride = c.stride;
    bool aa = m->v->anti_alias && stride > 1;
    if (aa)
        c.stride = 1;
    x = conv(m, name, x, c, act);
    return aa ? tm_anti_alias(m->b, x, TM_AA_AVG, stride) : x;
}

static tm_node *attend(const byob *m, const char *name, tm_node *x)
{
    const tm_byob *v = m->v;
    int c = x->shape.c;
    double ratio = v->attn_ratio > 0 ? v->attn_ratio : 1.0 / 16;
    switch (v->attn) {
    case TM_BYOB_SE:
        return tm_squeeze_excite(
            m->b, name, x, tm_divisible(c * ratio, v->attn_divisor ? v->attn_divisor : 8, 0.0));
    case TM_BYOB_ECA:
        return tm_efficient_channel_attention(m->b, name, x, c);
    case TM_BYOB_GCA:
        return tm_global_context(m->b, name, x, tm_divisible(c / 8.0, 1, 0.0), TM_ACT_RELU, true);
    case TM_BYOB_BAT:
        return tm_bilinear_attention(m->b, name, x, tm_divisible(c * 0.25, 8, 0.9), BAT_BLOCK);
    case TM_BYOB_GE:
        return tm_gather_excite(m->b, name, x, 3);
    case TM_BYOB_NO_ATTN:
        break;
    }
    return x;
}

static int groups_of(int group_size, int channels)
{
    return group_size ? channels / group_size : 1;
}

/* ---- blocks ---- */

/* y plus what goes past the block, which is nothing where an identity does not fit. */
static tm_node *add_shortcut(const byob *m, tm_node *x, tm_node *y, const block *k)
{
    if (k->in == k->out && k->stride == 1 && k->dilation[0] == k->dilation[1])
        return tm_add(m->b, y, x);
    switch (m->v->shortcut) {
    case TM_BYOB_CONV:
        x = conv(m, "shortcut", x, (tm_conv){.out = k->out, .kernel = 1, .stride = k->stride},
                 false);
        break;
    case TM_BYOB_AVG:
        x = tm_shortcut_pool(m->b, x, k->stride, k->dilation[0]);
        x = conv(m, "shortcut.conv", x, (tm_conv){.out = k->out, .kernel = 1}, false);
        break;
    case TM_BYOB_IDENTITY:
        return y;
    }
    return tm_add(m->b, y, x);
}

/* The first kxk convolution of a block: it takes the stride. */
static tm_conv first_conv(const block *k, int out, int groups)
{
    return (tm_conv){.out = out,
                     .kernel = k->kernel,
                     .stride = k->stride,
                     .dilation = k->dilation[0],
                     .groups = groups};
}

static tm_node *bottle_block(const byob *m, tm_node *x, const block *k, int middle)
{
    int groups = groups_of(k->stage->group_size, middle);
    tm_node *y = conv(m, "conv1_1x1", x, (tm_conv){.out = middle, .kernel = 1}, true);
    y = spatial(m, "conv2_kxk", y, first_conv(k, middle, groups), true);
    if (m->v->extra_conv)
        y = spatial(
            m, "conv2b_kxk", y,
            (tm_conv){
                .out = middle, .kernel = k->kernel, .dilation = k->dilation[1], .groups = groups},
            true);
    y = attend(m, "attn", y);
    return conv(m, "conv3_1x1", y, (tm_conv){.out = k->out, .kernel = 1}, false);
}

static tm_node *basic_block(const byob *m, tm_node *x, const block *k, int middle)
{
    tm_conv second = {.out = k->out,
                      .kernel = k->kernel,
                      .dilation = k->dilation[1],
                      .groups = groups_of(k->stage->group_size, middle)};
    tm_node *y = spatial(m, "conv1_kxk", x, first_conv(k, middle, 1), true);
    return attend(m, "attn_last", spatial(m, "conv2_kxk", y, second, false));
}

static tm_node *dark_block(const byob *m, tm_node *x, const block *k, int middle)
{
    int groups = groups_of(k->stage->group_size, middle);
    tm_node *y = conv(m, "conv1_1x1", x, (tm_conv){.out = middle, .kernel = 1}, true);
    return attend(m, "attn_last", spatial(m, "conv2_kxk", y, first_conv(k, k->out, groups), false));
}

static tm_node *edge_block(const byob *m, tm_node *x, const block *k, int middle)
{
    int groups = groups_of(k->stage->group_size, middle);
    tm_node *y = spatial(m, "conv1_kxk", x, first_conv(k, middle, groups), true);
    return conv(m, "conv2_1x1", attend(m, "attn", y), (tm_conv){.out = k->out, .kernel = 1}, false);
}

static tm_node *plain_block(const byob *m, tm_node *x, const block *k)
{
    static tm_node *(*const kinds[])(const byob *, tm_node *, const block *,
                                     int) = {[TM_BYOB_BOTTLE] = bottle_block,
                                             [TM_BYOB_BASIC] = basic_block,
                                             [TM_BYOB_DARK] = dark_block,
                                             [TM_BYOB_EDGE] = edge_block};
    tm_byob_block kind = k->stage->block;
    bool inverted = m->v->inverted && kind == TM_BYOB_BOTTLE;
    double ratio = k->stage->ratio > 0 ? k->stage->ratio : 1.0;
    int middle = tm_divisible((inverted ? k->in : k->out) * ratio, 8, 0.9);
    tm_node *y = add_shortcut(m, x, kinds[kind](m, x, k, middle), k);
    return inverted ? y : tm_activate(m->b, y, m->act);
}

/* ---- blocks of branches that become one convolution ---- */

static tm_branch conv_branch(const byob *m, const char *name, tm_node *x, tm_conv c)
{
    tm_push(m->b, "%s", name);
    tm_branch branch = tm_conv_norm_branch(m->b, "conv", "bn", x, c, (tm_norm){0});
    tm_pop(m->b);
    return branch;
}

static tm_branch add_identity(const byob *m, tm_node *x, tm_branch sum, const block *k)
{
    if (k->in != k->out || k->stride != 1 || k->dilation[0] != k->dilation[1])
        return sum;
    return tm_add_branch(m->b, sum, tm_norm_branch(m->b, "identity", x, (tm_norm){0}));
}

static tm_node *run_branches(const byob *m, tm_node *x, tm_branch sum, tm_conv c, bool attn)
{
    x = tm_conv2d_with(m->b, "reparam_conv", x, sum.weight, sum.bias, c);
    if (attn)
        x = attend(m, "attn", x);
    return tm_activate(m->b, x, m->act);
}

static tm_node *rep_block(const byob *m, tm_node *x, const block *k)
{
    int groups = m->v->rep_groups && k->index % 2 ? k->in / (k->out / m->v->rep_groups) : 1;
    tm_conv c = first_conv(k, k->out, groups), point = c;
    point.kernel = point.dilation = 1;
    tm_branch sum = conv_branch(m, "conv_kxk", x, c);
    sum = tm_add_branch(m->b, sum, conv_branch(m, "conv_1x1", x, point));
    return run_branches(m, x, add_identity(m, x, sum, k), c, true);
}

static tm_node *one_block(const byob *m, tm_node *x, const block *k, int groups, int branches,
                          bool attn)
{
    tm_conv c = first_conv(k, k->out, groups), point;
    c.dilation = 1; /* timm dilates nothing here */
    point = c;
    point.kernel = 1;
    tm_branch sum = conv_branch(m, "conv_kxk.0", x, c);
    for (int i = 1; i < branches; i++) {
        char name[24];
        snprintf(name, sizeof name, "conv_kxk.%d", i);
        sum = tm_add_branch(m->b, sum, conv_branch(m, name, x, c));
    }
    if (k->kernel > 1)
        sum = tm_add_branch(m->b, sum, conv_branch(m, "conv_scale", x, point));
    return run_branches(m, x, add_identity(m, x, sum, k), c, attn);
}

/* ---- stem ---- */

/* Convolutions stem.conv1, ... of the widths given, of stride 4 together with the pool; the feature
 * is what comes before the last stride. */
static tm_node *stem_stack(const byob *m, tm_node *x, int count, const int *widths, int plain)
{
    tm_builder *b = m->b;
    for (int i = 0; i < count; i++) {
        char name[24], before[24];
        bool last = i == count - 1, stride = i == 0 || (last && !m->v->stem_pool);
        tm_conv c = {.out = widths[i],
                     .kernel = m->v->stem == TM_BYOB_STEM_7X7 ? 7 : 3,
                     .stride = stride ? 2 : 1};
        snprintf(name, sizeof name, "stem.conv%d", i + 1);
        snprintf(before, sizeof before, "stem.conv%d", i);
        if (i && stride)
            tm_tap_stage(b, before, x, 2);
        x = i < plain ? tm_conv2d(b, name, x, c) : conv(m, name, x, c, true);
        if (last && m->v->stem_pool)
            tm_tap_stage(b, name, x, 2);
    }
    if (m->v->stem_pool == TM_BYOB_MAX_POOL)
        x = tm_pool2d(b, x, (tm_pool){.max = true, .kernel = 3, .stride = 2, .pad = 1});
    else if (m->v->stem_pool == TM_BYOB_AVG_POOL)
        x = tm_pool2d(b, x, (tm_pool){.kernel = 2});
    return x;
}

/* A stem of one layer and stride 2 is a feature itself. */
static tm_node *stem_layer(const byob *m, tm_node *x, int width)
{
    tm_builder *b = m->b;
    block k = {.in = x->shape.c, .out = width, .kernel = 3, .stride = 2, .dilation = {1, 1}};
    if (m->v->stem == TM_BYOB_STEM_3X3) {
        x = conv(m, "stem", x, (tm_conv){.out = width, .kernel = 3, .stride = 2}, true);
    } else {
        tm_push(b, "stem");
        x = m->v->stem == TM_BYOB_STEM_REP ? rep_block(m, x, &k) : one_block(m, x, &k, 1, 1, false);
        tm_pop(b);
    }
    tm_tap_stage(b, "stem", x, 2);
    return x;
}

static tm_node *stem(const byob *m, tm_node *x, int *reduction)
{
    int w = scaled(m, m->v->stem_width), half = scaled(m, m->v->stem_width / 2.0);
    *reduction = 4;
    switch (m->v->stem) {
    case TM_BYOB_STEM_7X7:
        return stem_stack(m, x, 1, &w, 0);
    case TM_BYOB_STEM_TIERED:
        return stem_stack(m, x, 3, (int[]){3 * w / 8, w / 2, w}, 0);
    case TM_BYOB_STEM_DEEP:
        return stem_stack(m, x, 3, (int[]){w, w, w}, 0);
    case TM_BYOB_STEM_CLIP:
        return stem_stack(m, x, 3, (int[]){half, half, w}, 0);
    case TM_BYOB_STEM_QUAD:
        return stem_stack(m, x, 4, (int[]){w / 8, w / 4, w / 2, w}, 0);
    case TM_BYOB_STEM_QUAD2:
        return stem_stack(m, x, 4, (int[]){w / 8, w / 4, w / 2, w}, 2);
    case TM_BYOB_STEM_3X3:
    case TM_BYOB_STEM_REP:
    case TM_BYOB_STEM_ONE:
        break;
    }
    *reduction = 2;
    return stem_layer(m, x, w);
}

/* ---- stages ---- */

/* Two blocks: a depthwise one and a pointwise one. */
static tm_node *one_pair(const byob *m, tm_node *x, block k, int stage)
{
    int branches = m->v->one_branches ? m->v->one_branches : 1, out = k.out;
    bool attn = k.index >= k.stage->depth - m->v->one_attn[stage];
    k.out = k.in;
    tm_push(m->b, "%d", 2 * k.index);
    x = one_block(m, x, &k, k.in, branches, attn);
    tm_pop(m->b);
    k.out = out;
    k.kernel = k.stride = 1;
    k.dilation[0] = k.dilation[1];
    tm_push(m->b, "%d", 2 * k.index + 1);
    x = one_block(m, x, &k, 1, branches, attn);
    tm_pop(m->b);
    return x;
}

static tm_node *stage(const byob *m, tm_node *x, int index, tm_stage at)
{
    const tm_byob_stage *s = &m->v->stages[index];
    double width = m->v->width > 0 ? m->v->width : 1.0;
    block k = {.stage = s,
               .out = tm_divisible(s->channels * width, 8, 0.9),
               .kernel = 3,
               .dilation = {at.first_dilation, at.dilation}};
    tm_push(m->b, "stages.%d", index);
    for (int i = 0; i < s->depth; i++) {
        k.index = i;
        k.in = x->shape.c;
        k.stride = i ? 1 : at.stride;
        if (s->block == TM_BYOB_ONE) {
            x = one_pair(m, x, k, index);
        } else {
            tm_push(m->b, "%d", i);
            x = s->block == TM_BYOB_REP ? rep_block(m, x, &k) : plain_block(m, x, &k);
            tm_pop(m->b);
        }
        k.dilation[0] = at.dilation;
    }
    tm_pop(m->b);
    return x;
}

static tm_node *stages(const byob *m, tm_node *x, int *reduction)
{
    tm_builder *b = m->b;
    tm_stages walk = tm_stages_begin(b, *reduction, 2);
    for (int i = 0; i < TM_BYOB_STAGES && m->v->stages[i].block; i++) {
        tm_stage s = tm_stages_next(&walk, m->v->stages[i].stride);
        *reduction = s.reduction;
        x = stage(m, x, i, s);
        /* features end where the next stage has a stride, and with the last convolution */
        if (i + 1 < TM_BYOB_STAGES && m->v->stages[i + 1].stride > 1) {
            tm_tap_stage_of(b, "stages", i, x, *reduction);
        }
    }
    return x;
}

/* ---- head ---- */

/* The side of the last map as timm works it out from the picture's, rounding down at each stride.
 */
static int feature_side(const byob *m, int side)
{
    tm_stages walk = tm_stages_begin(m->b, m->v->stem == TM_BYOB_STEM_3X3 ? 2 : 4, 2);
    side /= walk.reduction;
    for (int i = 0; i < TM_BYOB_STAGES && m->v->stages[i].block; i++)
        side /= tm_stages_next(&walk, m->v->stages[i].stride).stride;
    return side;
}

static void attention_head(const byob *m, tm_node *x)
{
    tm_builder *b = m->b;
    const char *pool = tm_pool_kind(b, "token");
    bool pooled = pool[0];
    if (pooled && strcmp(pool, "token") != 0)
        tm_refuse(b, "global pool '%s': an attention pool gives 'token' or ''", pool);
    x = tm_attention_pool_2d(b, "head", x, m->v->head_hidden ? m->v->head_hidden : x->shape.c,
                             feature_side(m, b->options.img_h), feature_side(m, b->options.img_w),
                             pooled);
    tm_classifier(b, x, pooled ? TM_LAYOUT_VECTOR : TM_LAYOUT_MAP, "head.proj");
}

static void head(const byob *m, tm_node *x)
{
    switch (m->v->head) {
    case TM_BYOB_CLASSIFIER:
        tm_classifier_head(m->b, x, "avg", "head.fc");
        break;
    case TM_BYOB_MLP:
        tm_norm_mlp_head(m->b, "head", x,
                         (tm_mlp_head){.pool = "avg", .hidden = m->v->head_hidden, .act = m->act});
        break;
    case TM_BYOB_ATTN_POOL:
        attention_head(m, x);
        break;
    }
}

void tm_byob_build(tm_builder *b, const tm_byob *v)
{
    byob m = {.b = b, .v = v, .act = v->act ? v->act : TM_ACT_RELU};
    int reduction;
    tm_node *x = stem(&m, b->graph->input, &reduction);
    x = stages(&m, x, &reduction);
    if (v->features)
        x = conv(&m, "final_conv", x, (tm_conv){.out = scaled(&m, v->features), .kernel = 1}, true);
    tm_tap_stage(b, "final_conv", x, reduction);
    tm_tap_final(b, x);
    head(&m, x);
}

static void build(tm_builder *b, const void *variant)
{
    tm_byob_build(b, variant);
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

const tm_family tm_family_byobnet = {
    .module = "byobnet", TM_VARIANTS(variants), .build = build, .filter = filter};
