/* SPDX-License-Identifier: Apache-2.0 */
/* timm's cspnet.py: CSPNet (1911.11929), DarkNet (1804.02767) and YOLO's CS3 networks. */
#include <stdio.h>

#include "layers/classifier.h"
#include "layers/conv_bn_act.h"
#include "layers/make_divisible.h"
#include "layers/squeeze_excite.h"
#include "layers/stages.h"
#include "layers/taps.h"
#include "models/choices.h"

enum { STAGES = 5 };

typedef enum stage_kind {
    CROSS,  /* half of the channels goes through the blocks and a transition of its own */
    CROSS3, /* without that transition, and the other half goes */
    DARK    /* all of them go */
} stage_kind;

typedef enum unit_kind {
    BOTTLE_BLOCK, /* 1x1, 3x3, 1x1 */
    DARK_BLOCK,   /* 1x1, 3x3 */
    EDGE_BLOCK    /* 3x3, 1x1 */
} unit_kind;

typedef struct csp_variant {
    const char *name;
    int stem[3];     /* channels of its convolutions */
    int stem_kernel; /* 3 */
    bool still_stem; /* stride 1 */
    bool stem_pool;  /* and no stride in the first stage */
    tm_aa_kind aa;   /* in place of strides between stages */
    int depths[STAGES], out[STAGES], groups[STAGES] /* 1 */;
    /* channels of blocks, inside blocks and before the split, to those of the stage: of the first
     * stage and of the others (0: the same); 1 */
    float block[2], bottle[2], expand[2];
    stage_kind stage;
    unit_kind unit;
    bool avg_down;      /* average pool and 1x1 convolution between stages */
    bool cross_linear;  /* no activation before the split */
    bool down_growth;   /* the convolution between stages has the new width already */
    int se;             /* squeeze-excite to 1 / se of the channels; 0: none */
    tm_act_kind act;    /* LEAKY_RELU */
    bool in_place;      /* In-Place Activated BatchNorm: by the weight's magnitude */
    bool five_features; /* by default, of six */
} csp_variant;

/* clang-format off */
static const csp_variant variants[] = {
    {.name = "cs3darknet_focus_l", .stem = {64}, .stem_kernel = 6, .depths = {3, 6, 9, 3},
     .out = {128, 256, 512, 1024}, .block = {0.5f}, .stage = CROSS3, .unit = DARK_BLOCK,
     .act = TM_ACT_SILU},
    {.name = "cs3darknet_focus_m", .stem = {48}, .stem_kernel = 6, .depths = {2, 4, 6, 2},
     .out = {96, 192, 384, 768}, .block = {0.5f}, .stage = CROSS3, .unit = DARK_BLOCK,
     .act = TM_ACT_SILU},
    {.name = "cs3darknet_focus_s", .stem = {32}, .stem_kernel = 6, .depths = {1, 3, 4, 1},
     .out = {64, 128, 256, 512}, .block = {0.5f}, .stage = CROSS3, .unit = DARK_BLOCK,
     .act = TM_ACT_SILU},
    {.name = "cs3darknet_focus_x", .stem = {80}, .stem_kernel = 6, .depths = {3, 7, 11, 3},
     .out = {160, 320, 640, 1280}, .block = {0.5f}, .stage = CROSS3, .unit = DARK_BLOCK,
     .act = TM_ACT_SILU},
    {.name = "cs3darknet_l", .stem = {32, 64}, .depths = {3, 6, 9, 3}, .out = {128, 256, 512, 1024},
     .block = {0.5f}, .stage = CROSS3, .unit = DARK_BLOCK, .act = TM_ACT_SILU},
    {.name = "cs3darknet_m", .stem = {24, 48}, .depths = {2, 4, 6, 2}, .out = {96, 192, 384, 768},
     .block = {0.5f}, .stage = CROSS3, .unit = DARK_BLOCK, .act = TM_ACT_SILU},
    {.name = "cs3darknet_s", .stem = {16, 32}, .depths = {1, 3, 4, 1}, .out = {64, 128, 256, 512},
     .block = {0.5f}, .stage = CROSS3, .unit = DARK_BLOCK, .act = TM_ACT_SILU},
    {.name = "cs3darknet_x", .stem = {40, 80}, .depths = {3, 7, 11, 3},
     .out = {160, 320, 640, 1280}, .block = {0.5f}, .stage = CROSS3, .unit = DARK_BLOCK,
     .act = TM_ACT_SILU},
    {.name = "cs3edgenet_x", .stem = {40, 80}, .depths = {3, 7, 11, 3},
     .out = {160, 320, 640, 1280}, .block = {0.5f}, .bottle = {1.5f}, .stage = CROSS3,
     .unit = EDGE_BLOCK, .act = TM_ACT_SILU},
    {.name = "cs3se_edgenet_x", .stem = {40, 80}, .depths = {3, 7, 11, 3},
     .out = {160, 320, 640, 1280}, .block = {0.5f}, .bottle = {1.5f}, .stage = CROSS3,
     .unit = EDGE_BLOCK, .se = 4, .act = TM_ACT_SILU},
    {.name = "cs3sedarknet_l", .stem = {32, 64}, .depths = {3, 6, 9, 3},
     .out = {128, 256, 512, 1024}, .block = {0.5f}, .stage = CROSS3, .unit = DARK_BLOCK, .se = 4,
     .act = TM_ACT_SILU},
    {.name = "cs3sedarknet_x", .stem = {40, 80}, .depths = {3, 7, 11, 3},
     .out = {160, 320, 640, 1280}, .block = {0.5f}, .stage = CROSS3, .unit = DARK_BLOCK, .se = 16,
     .act = TM_ACT_SILU},
    {.name = "cs3sedarknet_xdw", .stem = {32, 64}, .depths = {3, 6, 12, 4},
     .out = {256, 512, 1024, 2048}, .groups = {1, 1, 256, 512}, .block = {0.5f}, .bottle = {0.5f},
     .se = 16, .act = TM_ACT_SILU},
    {.name = "cspdarknet53", .stem = {32}, .still_stem = true, .depths = {1, 2, 8, 8, 4},
     .out = {64, 128, 256, 512, 1024}, .block = {1, 0.5f}, .bottle = {0.5f, 1}, .expand = {2, 1},
     .unit = DARK_BLOCK, .down_growth = true},
    {.name = "cspdarknet53_iabn", .stem = {32}, .still_stem = true, .depths = {1, 2, 8, 8, 4},
     .out = {64, 128, 256, 512, 1024}, .block = {1, 0.5f}, .bottle = {0.5f, 1}, .expand = {2, 1},
     .unit = DARK_BLOCK, .down_growth = true, .in_place = true, .five_features = true},
    {.name = "cspresnet50", .stem = {64}, .stem_kernel = 7, .stem_pool = true,
     .depths = {3, 3, 5, 2}, .out = {128, 256, 512, 1024}, .bottle = {0.5f}, .expand = {2},
     .cross_linear = true},
    {.name = "cspresnet50d", .stem = {32, 32, 64}, .stem_pool = true, .depths = {3, 3, 5, 2},
     .out = {128, 256, 512, 1024}, .bottle = {0.5f}, .expand = {2}, .cross_linear = true},
    {.name = "cspresnet50w", .stem = {32, 32, 64}, .stem_pool = true, .depths = {3, 3, 5, 2},
     .out = {256, 512, 1024, 2048}, .block = {0.5f}, .bottle = {0.25f}, .cross_linear = true},
    {.name = "cspresnext50", .stem = {64}, .stem_kernel = 7, .stem_pool = true,
     .depths = {3, 3, 5, 2}, .out = {256, 512, 1024, 2048}, .groups = {32, 32, 32, 32},
     .block = {0.5f}, .cross_linear = true},
    {.name = "cspresnext50_iabn", .stem = {64}, .stem_kernel = 7, .stem_pool = true,
     .depths = {3, 3, 5, 2}, .out = {256, 512, 1024, 2048}, .groups = {32, 32, 32, 32},
     .block = {0.5f}, .cross_linear = true, .in_place = true},
    {.name = "darknet17", .stem = {32}, .still_stem = true, .depths = {1, 1, 1, 1, 1},
     .out = {64, 128, 256, 512, 1024}, .bottle = {0.5f}, .stage = DARK, .unit = DARK_BLOCK},
    {.name = "darknet21", .stem = {32}, .still_stem = true, .depths = {1, 1, 1, 2, 2},
     .out = {64, 128, 256, 512, 1024}, .bottle = {0.5f}, .stage = DARK, .unit = DARK_BLOCK},
    {.name = "darknet53", .stem = {32}, .still_stem = true, .depths = {1, 2, 8, 8, 4},
     .out = {64, 128, 256, 512, 1024}, .bottle = {0.5f}, .stage = DARK, .unit = DARK_BLOCK},
    {.name = "darknetaa53", .stem = {32}, .still_stem = true, .depths = {1, 2, 8, 8, 4},
     .out = {64, 128, 256, 512, 1024}, .bottle = {0.5f}, .stage = DARK, .unit = DARK_BLOCK,
     .avg_down = true},
    {.name = "sedarknet21", .stem = {32}, .still_stem = true, .depths = {1, 1, 1, 2, 2},
     .out = {64, 128, 256, 512, 1024}, .bottle = {0.5f}, .stage = DARK, .unit = DARK_BLOCK,
     .se = 16, .five_features = true},
};
/* clang-format on */

typedef struct csp {
    tm_builder *b;
    const csp_variant *v;
    tm_act_kind act;
} csp;

static tm_conv_tail tail_of(const csp *m, tm_act_kind act)
{
    return (tm_conv_tail){.norm = {.magnitude = m->v->in_place}, .act = act};
}

static tm_node *conv_act(const csp *m, const char *name, tm_node *x, tm_conv c, tm_act_kind act)
{
    tm_conv_tail tail = tail_of(m, act);
    return tm_conv_norm_act(m->b, name, x, c, tail);
}

static tm_node *conv(const csp *m, const char *name, tm_node *x, tm_conv c)
{
    return conv_act(m, name, x, c, m->act);
}

/* ---- stem ---- */

static tm_node *stem(const csp *m, tm_node *x)
{
    const csp_variant *v = m->v;
    int count = 1, kernel = v->stem_kernel ? v->stem_kernel : 3;
    while (count < 3 && v->stem[count])
        count++;
    for (int i = 0; i < count; i++) {
        char name[16];
        tm_conv c = {.out = v->stem[i], .kernel = kernel, .stride = i || v->still_stem ? 1 : 2};
        if (kernel % 2 == 0) {
            c.padding = TM_PAD_EXPLICIT;
            c.pad = kernel / 2 - 1;
        }
        snprintf(name, sizeof name, "stem.conv%d", i + 1);
        x = conv(m, name, x, c);
        if (i == count - 1)
            tm_tap_stage(m->b, name, x, v->still_stem ? 1 : 2);
    }
    if (v->stem_pool)
        x = tm_pool2d(m->b, x, (tm_pool){.max = true, .kernel = 3, .stride = 2, .pad = 1});
    return x;
}

/* ---- blocks ---- */

/* One stage with its ratios worked out. */
typedef struct stage_plan {
    int index, stride, first_dilation, dilation, groups;
    int block, middle, expand; /* channels */
} stage_plan;

static tm_node *attention(const csp *m, const char *name, tm_node *x)
{
    if (!m->v->se)
        return x;
    int reduced = tm_divisible((double)x->shape.c / m->v->se, 8, 0.0);
    return tm_squeeze_excite_with(m->b, name, x, (tm_squeeze){.reduced = reduced, .act = m->act});
}

static tm_node *unit(const csp *m, tm_node *x, const stage_plan *s)
{
    tm_conv spatial = {.out = s->middle, .kernel = 3, .dilation = s->dilation, .groups = s->groups};
    tm_conv narrow = {.out = s->middle, .kernel = 1}, wide = {.out = s->block, .kernel = 1};
    tm_node *y;
    switch (m->v->unit) {
    case DARK_BLOCK:
        y = attention(m, "attn", conv(m, "conv1", x, narrow));
        spatial.out = s->block;
        return tm_add(m->b, conv(m, "conv2", y, spatial), x);
    case EDGE_BLOCK:
        y = attention(m, "attn", conv(m, "conv1", x, spatial));
        return tm_add(m->b, conv(m, "conv2", y, wide), x);
    case BOTTLE_BLOCK:
        break;
    }
    y = conv(m, "conv2", conv(m, "conv1", x, narrow), spatial);
    y = attention(m, "attn2", y);
    y = conv_act(m, "conv3", y, wide, TM_ACT_NONE);
    return tm_activate(m->b, tm_add(m->b, y, x), m->act);
}

static tm_node *units(const csp *m, tm_node *x, const stage_plan *s)
{
    for (int i = 0; i < m->v->depths[s->index]; i++) {
        tm_push(m->b, "blocks.%d", i);
        x = unit(m, x, s);
        tm_pop(m->b);
    }
    return x;
}

/* ---- stages ---- */

static tm_node *down(const csp *m, tm_node *x, const stage_plan *s)
{
    const csp_variant *v = m->v;
    int out = v->out[s->index];
    if (v->stage != DARK && s->stride == 1 && s->first_dilation == s->dilation)
        return x;
    if (v->avg_down) {
        if (s->stride == 2)
            x = tm_pool2d(m->b, x, (tm_pool){.kernel = 2});
        return conv(m, "conv_down.1", x, (tm_conv){.out = out, .kernel = 1, .groups = s->groups});
    }
    tm_conv_tail tail = tail_of(m, m->act);
    tail.aa = v->aa;
    return tm_conv_norm_act(m->b, "conv_down", x,
                            (tm_conv){.out = v->stage == DARK || v->down_growth ? out : x->shape.c,
                                      .kernel = 3,
                                      .stride = s->stride,
                                      .dilation = s->first_dilation,
                                      .groups = s->groups},
                            tail);
}

static tm_node *stage(const csp *m, tm_node *x, const stage_plan *s)
{
    tm_builder *b = m->b;
    int half = s->expand / 2, out = m->v->out[s->index];
    x = down(m, x, s);
    if (m->v->stage == DARK)
        return units(m, x, s);
    x = conv_act(m, "conv_exp", x, (tm_conv){.out = s->expand, .kernel = 1},
                 m->v->cross_linear ? TM_ACT_NONE : m->act);
    tm_node *first = tm_slice_c(b, x, 0, half), *second = tm_slice_c(b, x, half, half);
    if (m->v->stage == CROSS3)
        first = units(m, first, s);
    else
        second =
            conv(m, "conv_transition_b", units(m, second, s), (tm_conv){.out = half, .kernel = 1});
    x = tm_concat_c(b, 2, (tm_node *[]){first, second});
    return conv(m, "conv_transition", x, (tm_conv){.out = out, .kernel = 1});
}

static float ratio(const float pair[2], int index)
{
    float value = index && pair[1] > 0 ? pair[1] : pair[0];
    return value > 0 ? value : 1.0f;
}

static int scaled(int channels, float by)
{
    return (int)((float)channels * by + 0.5f);
}

static tm_node *stages(const csp *m, tm_node *x)
{
    const csp_variant *v = m->v;
    tm_stages walk = tm_stages_begin(m->b, v->still_stem ? 1 : v->stem_pool ? 4 : 2, 8);
    for (int i = 0; i < STAGES && v->depths[i]; i++) {
        char name[16];
        tm_stage at = tm_stages_next(&walk, i == 0 && v->stem_pool ? 1 : 2);
        stage_plan s = {.index = i,
                        .stride = at.stride,
                        .first_dilation = at.first_dilation,
                        .dilation = at.dilation,
                        .groups = v->groups[i] ? v->groups[i] : v->groups[0],
                        .block = scaled(v->out[i], ratio(v->block, i)),
                        .expand = scaled(v->out[i], ratio(v->expand, i))};
        s.middle = scaled(s.block, ratio(v->bottle, i));
        snprintf(name, sizeof name, "stages.%d", i);
        tm_push(m->b, "%s", name);
        x = stage(m, x, &s);
        tm_pop(m->b);
        tm_tap_stage(m->b, name, x, at.reduction);
    }
    return x;
}

static void build(tm_builder *b, const void *variant)
{
    const csp_variant *v = variant;
    csp m = {.b = b, .v = v, .act = v->act ? v->act : TM_ACT_LEAKY_RELU};
    tm_node *x = stages(&m, stem(&m, b->graph->input));
    if (v->five_features)
        b->graph->default_features = -5;
    tm_tap_final(b, x);
    tm_classifier_head(b, x, "avg", "head.fc");
}

/* timm's stem and stages are objects, which no text makes. */
static const tm_argument arguments[] = {
    TM_TAKES(csp_variant, "act_layer", ACT, act, TM_ANY, "*_iabn"),
    TM_TAKES(csp_variant, "aa_layer", CHOICE, aa, TM_ANY, "cspresn*", .choices = tm_aa_layers),
};

const tm_family tm_family_cspnet = {
    .module = "cspnet", TM_VARIANTS(variants), TM_ARGUMENTS(arguments), .build = build};
