/* SPDX-License-Identifier: Apache-2.0 */
/* timm's nfnet.py: networks without normalization, NFNet (2102.06171), NF-ResNet and NF-RegNet
 * (2101.08692). What keeps the variance is in the weights: standardized convolutions, the
 * activation's gain and a block's variance all scale the convolution that reads them. */
#include <math.h>
#include <stdio.h>

#include "layers/classifier.h"
#include "layers/downsample.h"
#include "layers/eca.h"
#include "layers/make_divisible.h"
#include "layers/squeeze_excite.h"
#include "layers/stages.h"
#include "layers/taps.h"
#include "models/model.h"

typedef enum nfnet_stem {
    CONV_3X3,
    CONV_3X3_POOL,
    CONV_7X7,
    CONV_7X7_POOL,
    DEEP, /* three 3x3, of widths w/2, w/2, w */
    DEEP_POOL,
    DEEP_TIERED, /* the same of 3w/8, w/2, w */
    DEEP_QUAD    /* four of w/8, w/4, w/2, w, and stride 4 */
} nfnet_stem;

typedef enum nfnet_attention { ATTENTION_NONE, ATTENTION_SE, ATTENTION_ECA } nfnet_attention;

typedef struct nfnet_variant {
    const char *name;
    int depths[4], channels[4];
    nfnet_stem stem;
    int stem_width; /* 0: the first stage's */
    double width;   /* of all these channels; 1 */
    int divisor;    /* of channels; 8 */
    int group;      /* channels per group; 0: one group */
    double ratio;   /* of a bottleneck's width; 0.5 */
    int features;   /* of the last convolution before the width; 0: none */
    nfnet_attention attention;
    double se_ratio;   /* 1/16 */
    double alpha;      /* of every block's branch; 0.2 */
    double attn_gain;  /* what attention takes of the variance; 2 */
    double eps;        /* of standardized weights; 1e-5 */
    tm_act_kind act;   /* SILU */
    bool regnet;       /* bottlenecks widen their input and have attention in the middle */
    bool extra_conv;   /* a second 3x3 in a bottleneck */
    bool gamma_in_act; /* an activation's gain is its own, not of the convolution that reads it */
    bool same_padding; /* TensorFlow's */
    bool skipinit;     /* a learned gain of every branch */
} nfnet_variant;

#define NFNET                                                                                      \
    .channels = {256, 512, 1536, 1536}, .stem = DEEP_QUAD, .stem_width = 128, .extra_conv = true
#define HALF NFNET, .attention = ATTENTION_SE, .se_ratio = 0.5, .group = 128, .features = 3072
#define NFNET_F HALF, .act = TM_ACT_GELU
#define DEEPMIND NFNET_F, .gamma_in_act = true, .same_padding = true, .skipinit = true
#define LIGHT NFNET, .group = 64, .ratio = 0.25
#define NF_REGNET                                                                                  \
    .attention = ATTENTION_SE, .se_ratio = 0.5, .group = 8, .ratio = 2.25, .width = 0.75,          \
    .regnet = true
#define NF_RESNET                                                                                  \
    .channels = {256, 512, 1024, 2048}, .stem = CONV_7X7_POOL, .stem_width = 64, .ratio = 0.25,    \
    .act = TM_ACT_RELU

/* clang-format off */
static const nfnet_variant variants[] = {
    {.name = "dm_nfnet_f0", .depths = {1, 2, 6, 3}, DEEPMIND},
    {.name = "dm_nfnet_f1", .depths = {2, 4, 12, 6}, DEEPMIND},
    {.name = "dm_nfnet_f2", .depths = {3, 6, 18, 9}, DEEPMIND},
    {.name = "dm_nfnet_f3", .depths = {4, 8, 24, 12}, DEEPMIND},
    {.name = "dm_nfnet_f4", .depths = {5, 10, 30, 15}, DEEPMIND},
    {.name = "dm_nfnet_f5", .depths = {6, 12, 36, 18}, DEEPMIND},
    {.name = "dm_nfnet_f6", .depths = {7, 14, 42, 21}, DEEPMIND},
    {.name = "eca_nfnet_l0", .depths = {1, 2, 6, 3}, LIGHT, .attention = ATTENTION_ECA,
     .features = 2304},
    {.name = "eca_nfnet_l1", .depths = {2, 4, 12, 6}, LIGHT, .attention = ATTENTION_ECA,
     .features = 3072},
    {.name = "eca_nfnet_l2", .depths = {3, 6, 18, 9}, LIGHT, .attention = ATTENTION_ECA,
     .features = 3072},
    {.name = "eca_nfnet_l3", .depths = {4, 8, 24, 12}, LIGHT, .attention = ATTENTION_ECA,
     .features = 3072},
    {.name = "nf_ecaresnet26", .depths = {2, 2, 2, 2}, NF_RESNET, .attention = ATTENTION_ECA},
    {.name = "nf_ecaresnet50", .depths = {3, 4, 6, 3}, NF_RESNET, .attention = ATTENTION_ECA},
    {.name = "nf_ecaresnet101", .depths = {3, 4, 23, 3}, NF_RESNET, .attention = ATTENTION_ECA},
    {.name = "nf_regnet_b0", .depths = {1, 3, 6, 6}, NF_REGNET, .channels = {48, 104, 208, 440},
     .features = 1280},
    {.name = "nf_regnet_b1", .depths = {2, 4, 7, 7}, NF_REGNET, .channels = {48, 104, 208, 440},
     .features = 1280},
    {.name = "nf_regnet_b2", .depths = {2, 4, 8, 8}, NF_REGNET, .channels = {56, 112, 232, 488},
     .features = 1419},
    {.name = "nf_regnet_b3", .depths = {2, 5, 9, 9}, NF_REGNET, .channels = {56, 128, 248, 528},
     .features = 1536},
    {.name = "nf_regnet_b4", .depths = {2, 6, 11, 11}, NF_REGNET, .channels = {64, 144, 288, 616},
     .features = 1792},
    {.name = "nf_regnet_b5", .depths = {3, 7, 14, 14}, NF_REGNET, .channels = {80, 168, 336, 704},
     .features = 2048},
    {.name = "nf_resnet26", .depths = {2, 2, 2, 2}, NF_RESNET},
    {.name = "nf_resnet50", .depths = {3, 4, 6, 3}, NF_RESNET},
    {.name = "nf_resnet101", .depths = {3, 4, 23, 3}, NF_RESNET},
    {.name = "nf_seresnet26", .depths = {2, 2, 2, 2}, NF_RESNET, .attention = ATTENTION_SE,
     .se_ratio = 1 / 16.0},
    {.name = "nf_seresnet50", .depths = {3, 4, 6, 3}, NF_RESNET, .attention = ATTENTION_SE,
     .se_ratio = 1 / 16.0},
    {.name = "nf_seresnet101", .depths = {3, 4, 23, 3}, NF_RESNET, .attention = ATTENTION_SE,
     .se_ratio = 1 / 16.0},
    {.name = "nfnet_f0", .depths = {1, 2, 6, 3}, NFNET_F},
    {.name = "nfnet_f1", .depths = {2, 4, 12, 6}, NFNET_F},
    {.name = "nfnet_f2", .depths = {3, 6, 18, 9}, NFNET_F},
    {.name = "nfnet_f3", .depths = {4, 8, 24, 12}, NFNET_F},
    {.name = "nfnet_f4", .depths = {5, 10, 30, 15}, NFNET_F},
    {.name = "nfnet_f5", .depths = {6, 12, 36, 18}, NFNET_F},
    {.name = "nfnet_f6", .depths = {7, 14, 42, 21}, NFNET_F},
    {.name = "nfnet_f7", .depths = {8, 16, 48, 24}, NFNET_F},
    {.name = "nfnet_f0s", .depths = {1, 2, 6, 3}, HALF},
    {.name = "nfnet_f1s", .depths = {2, 4, 12, 6}, HALF},
    {.name = "nfnet_f2s", .depths = {3, 6, 18, 9}, HALF},
    {.name = "nfnet_f3s", .depths = {4, 8, 24, 12}, HALF},
    {.name = "nfnet_f4s", .depths = {5, 10, 30, 15}, HALF},
    {.name = "nfnet_f5s", .depths = {6, 12, 36, 18}, HALF},
    {.name = "nfnet_f6s", .depths = {7, 14, 42, 21}, HALF},
    {.name = "nfnet_f7s", .depths = {8, 16, 48, 24}, HALF},
    {.name = "nfnet_l0", .depths = {1, 2, 6, 3}, LIGHT, .attention = ATTENTION_SE,
     .se_ratio = 0.25, .features = 2304},
    {.name = "test_nfnet", .depths = {1, 1, 1, 1}, .channels = {32, 64, 96, 128},
     .stem = DEEP_QUAD, .stem_width = 128, .extra_conv = true, .ratio = 0.25,
     .attention = ATTENTION_SE, .se_ratio = 0.25, .group = 8, .features = 192},
};
/* clang-format on */

typedef struct nfnet {
    tm_builder *b;
    const nfnet_variant *v;
    tm_act_kind act;
    double gamma; /* the activation's gain */
    double alpha, attn_gain;
    double variance; /* of the map, as designed */
} nfnet;

/* The gain with which an activation of normal numbers has variance 1; 0: it has none in timm. */
static double gain_of(tm_act_kind act)
{
    switch (act) {
    case TM_ACT_ELU:
        return 1.2716004848480225;
    case TM_ACT_GELU:
        return 1.7015043497085571;
    case TM_ACT_LEAKY_RELU:
        return 1.70590341091156;
    case TM_ACT_RELU:
        return 1.7139588594436646;
    case TM_ACT_RELU6:
        return 1.7131484746932983;
    case TM_ACT_SELU:
        return 1.0008515119552612;
    case TM_ACT_SIGMOID:
        return 4.803835391998291;
    case TM_ACT_SILU:
        return 1.7881293296813965;
    case TM_ACT_TANH:
        return 1.5939117670059204;
    default:
        return 0;
    }
}

static double or_usual(double given, double usual)
{
    return given > 0 ? given : usual;
}

static int divisor(const nfnet *m)
{
    return m->v->divisor ? m->v->divisor : 8;
}

static int channels_of(const nfnet *m, double channels)
{
    return tm_divisible(channels * or_usual(m->v->width, 1), divisor(m), 0.9);
}

/* timm's ScaledStdConv2d, its input scaled by `scale` */
static tm_node *conv2d(const nfnet *m, const char *name, tm_node *x, tm_conv conv, double scale)
{
    tm_builder *b = m->b;
    int in = x->shape.c / (conv.groups ? conv.groups : 1);
    double fan_in = (double)in * conv.kernel * conv.kernel;
    if (m->v->same_padding)
        conv.padding = TM_PAD_SAME;
    tm_push(b, "%s", name);
    tm_node *weight = tm_param4(b, "weight", conv.out, in, conv.kernel, conv.kernel);
    tm_node *gain = tm_param4(b, "gain", conv.out, 1, 1, 1);
    tm_node *bias = tm_param1(b, "bias", conv.out);
    tm_pop(b);
    weight = tm_const_standardize(b, weight, (float)or_usual(m->v->eps, 1e-5), gain,
                                  (float)(scale / sqrt(fan_in)));
    return tm_conv2d_with(b, name, x, weight, bias, conv);
}

/* of an activation's output, whose gain timm has in this convolution or in that activation */
static tm_node *activated_conv(const nfnet *m, const char *name, tm_node *x, tm_conv conv)
{
    return conv2d(m, name, x, conv, m->gamma);
}

/* of no activation's output */
static tm_node *plain_conv(const nfnet *m, const char *name, tm_node *x, tm_conv conv)
{
    return conv2d(m, name, x, conv, m->v->gamma_in_act ? 1.0 : m->gamma);
}

static tm_node *act(const nfnet *m, tm_node *x)
{
    return tm_activate(m->b, x, m->act);
}

/* ---- stem ---- */

/* `count` convolutions, of which the last but one is the feature. */
static tm_node *deep_stem(const nfnet *m, tm_node *x, int count, const int *widths)
{
    for (int i = 0; i < count; i++) {
        char name[16], module[24];
        bool stride = i == 0 || i == 3;
        tm_conv conv = {.out = widths[i], .kernel = 3, .stride = stride ? 2 : 1};
        snprintf(name, sizeof name, "conv%d", i + 1);
        x = i ? activated_conv(m, name, act(m, x), conv) : plain_conv(m, name, x, conv);
        snprintf(module, sizeof module, "stem.%s", name);
        if (i == count - 2)
            tm_tap_stage(m->b, module, x, 2);
    }
    return x;
}

static tm_node *stem_convs(const nfnet *m, tm_node *x)
{
    nfnet_stem kind = m->v->stem;
    int w = channels_of(m, m->v->stem_width ? m->v->stem_width : m->v->channels[0]);
    tm_conv conv = {
        .out = w, .kernel = kind == CONV_7X7 || kind == CONV_7X7_POOL ? 7 : 3, .stride = 2};
    if (kind == DEEP_QUAD)
        return deep_stem(m, x, 4, (int[]){w / 8, w / 4, w / 2, w});
    if (kind == DEEP || kind == DEEP_POOL || kind == DEEP_TIERED)
        return deep_stem(m, x, 3, (int[]){kind == DEEP_TIERED ? 3 * w / 8 : w / 2, w / 2, w});
    x = plain_conv(m, "conv", x, conv);
    tm_tap_stage(m->b, "stem.conv", x, 2);
    return x;
}

static tm_node *stem(const nfnet *m, int *reduction)
{
    nfnet_stem kind = m->v->stem;
    bool pool = kind == CONV_3X3_POOL || kind == CONV_7X7_POOL || kind == DEEP_POOL;
    tm_push(m->b, "stem");
    tm_node *x = stem_convs(m, m->b->graph->input);
    if (pool)
        x = tm_pool2d(m->b, x, (tm_pool){.max = true, .kernel = 3, .stride = 2, .pad = 1});
    tm_pop(m->b);
    *reduction = pool || kind == DEEP_QUAD ? 4 : 2;
    return x;
}

/* ---- blocks ---- */

typedef struct nfnet_block {
    int out, middle, groups, stride, dilation, first_dilation;
    double beta; /* the scale of the block's input */
} nfnet_block;

static tm_node *attend(const nfnet *m, const char *name, tm_node *x)
{
    double ratio = or_usual(m->v->se_ratio, 1 / 16.0);
    if (m->v->attention == ATTENTION_ECA)
        return tm_efficient_channel_attention(m->b, name, x, x->shape.c);
    return tm_squeeze_excite(m->b, name, x, tm_divisible(x->shape.c * ratio, 8, 0));
}

/* Constant [channels]: all that scales a block's branch. */
static tm_node *branch_scale(const nfnet *m, int channels)
{
    tm_builder *b = m->b;
    bool after_attention = m->v->attention && !m->v->regnet;
    tm_node *gain = m->v->skipinit ? tm_const_reshape(b, tm_param(b, "skipinit_gain", 0, NULL), 1,
                                                      (int64_t[]){1})
                                   : tm_literal(b, 1, (int64_t[]){1}, (float[]){1});
    return tm_const_affine(b, tm_const_repeat(b, gain, channels),
                           (float)(m->alpha * (after_attention ? m->attn_gain : 1)), 0);
}

static tm_node *branch(const nfnet *m, tm_node *x, nfnet_block p)
{
    bool regnet = m->v->regnet, attention = m->v->attention != ATTENTION_NONE;
    tm_conv spatial = {.out = p.middle,
                       .kernel = 3,
                       .stride = p.stride,
                       .dilation = p.first_dilation,
                       .groups = p.groups};
    x = conv2d(m, "conv1", x, (tm_conv){.out = p.middle, .kernel = 1}, m->gamma * p.beta);
    x = activated_conv(m, "conv2", act(m, x), spatial);
    spatial.stride = 1;
    spatial.dilation = p.dilation;
    if (m->v->extra_conv)
        x = activated_conv(m, "conv2b", act(m, x), spatial);
    if (regnet && attention)
        x = tm_affine(m->b, attend(m, "attn", x), (float)m->attn_gain, 0);
    x = activated_conv(m, "conv3", act(m, x), (tm_conv){.out = p.out, .kernel = 1});
    if (attention && !regnet)
        x = attend(m, "attn_last", x);
    return tm_mul(m->b, x, branch_scale(m, p.out));
}

static tm_node *block(const nfnet *m, tm_node *x, nfnet_block p)
{
    bool project = x->shape.c != p.out || p.stride != 1 || p.dilation != p.first_dilation;
    tm_node *shortcut = x;
    x = act(m, x);
    if (project)
        shortcut = conv2d(m, "downsample.conv", tm_shortcut_pool(m->b, x, p.stride, p.dilation),
                          (tm_conv){.out = p.out, .kernel = 1}, m->gamma * p.beta);
    return tm_add(m->b, branch(m, x, p), shortcut);
}

static void widths(const nfnet *m, int in, bool first, nfnet_block *p)
{
    bool regnet = m->v->regnet;
    int group = m->v->group;
    double ratio = regnet && first ? 1.0 : or_usual(m->v->ratio, 0.5);
    p->middle = tm_divisible((regnet ? in : p->out) * ratio, divisor(m), 0.9);
    p->groups = group ? p->middle / group : 1;
    TM_EXPECT(m->b, p->groups, "bottlenecks that are narrower than a group");
    if (group && group % divisor(m) == 0)
        p->middle = p->groups * group;
}

static tm_node *stage(nfnet *m, tm_node *x, int index, tm_stage at)
{
    nfnet_block p = {.out = channels_of(m, m->v->channels[index]),
                     .stride = at.stride,
                     .dilation = at.dilation,
                     .first_dilation = at.first_dilation};
    tm_push(m->b, "stages.%d", index);
    for (int i = 0; i < m->v->depths[index] && !m->b->graph->error.status; i++) {
        widths(m, x->shape.c, index == 0 && i == 0, &p);
        p.beta = 1.0 / sqrt(m->variance);
        tm_push(m->b, "%d", i);
        x = block(m, x, p);
        tm_pop(m->b);
        m->variance = (i == 0 ? 1.0 : m->variance) + m->alpha * m->alpha;
        p.stride = 1;
        p.first_dilation = p.dilation;
    }
    tm_pop(m->b);
    return x;
}

static tm_node *stages(nfnet *m, tm_node *x, int reduction)
{
    tm_stages walk = tm_stages_begin(m->b, reduction, 2);
    for (int i = 0; i < 4; i++) {
        char module[32];
        tm_stage at = tm_stages_next(&walk, i == 0 && reduction > 2 ? 1 : 2);
        snprintf(module, sizeof module, "stages.%d", i);
        x = stage(m, x, i, at);
        bool final = i == 3 && m->v->features;
        if (final)
            x = plain_conv(m, "final_conv", x,
                           (tm_conv){.out = channels_of(m, m->v->features), .kernel = 1});
        tm_tap_stage(m->b, final ? "final_conv" : module, x, at.reduction);
    }
    return x;
}

static void build(tm_builder *b, const void *variant)
{
    const nfnet_variant *v = variant;
    nfnet m = {.b = b,
               .v = v,
               .act = v->act ? v->act : TM_ACT_SILU,
               .alpha = or_usual(v->alpha, 0.2),
               .attn_gain = or_usual(v->attn_gain, 2),
               .variance = 1.0};
    int reduction;
    m.gamma = gain_of(m.act);
    if (m.gamma == 0)
        tm_refuse(b, "act_layer: the gain of this activation is not known");
    tm_node *x = stem(&m, &reduction);
    x = act(&m, stages(&m, x, reduction));
    if (v->gamma_in_act)
        x = tm_affine(b, x, (float)m.gamma, 0);
    tm_tap_final(b, x);
    tm_classifier_head(b, x, "avg", "head.fc");
}

static const tm_choice stems[] = {{"3x3", CONV_3X3},
                                  {"3x3_pool", CONV_3X3_POOL},
                                  {"7x7", CONV_7X7},
                                  {"7x7_pool", CONV_7X7_POOL},
                                  {"deep", DEEP},
                                  {"deep_pool", DEEP_POOL},
                                  {"deep_tiered", DEEP_TIERED},
                                  {"deep_quad", DEEP_QUAD},
                                  {NULL, 0}};
static const tm_choice attentions[] = {
    {"", ATTENTION_NONE}, {"se", ATTENTION_SE}, {"eca", ATTENTION_ECA}, {NULL, 0}};

#define NF(name, kind, member, ...) TM_TAKES(nfnet_variant, name, kind, member, __VA_ARGS__)
static const tm_argument arguments[] = {
    NF("depths", LIST, depths, TM_DEPTHS),
    NF("channels", LIST, channels, TM_WIDTHS),
    NF("stem_type", CHOICE, stem, TM_ANY, .choices = stems),
    NF("stem_chs", INTEGER, stem_width, 0, 65536),
    NF("width_factor", NUMBER, width, TM_RATIOS),
    NF("ch_div", INTEGER, divisor, 1, 1024),
    NF("group_size", INTEGER, group, 0, 65536),
    NF("bottle_ratio", NUMBER, ratio, TM_RATIOS),
    NF("num_features", INTEGER, features, 0, 65536),
    NF("attn_layer", CHOICE, attention, TM_ANY, .choices = attentions),
    NF("attn_gain", NUMBER, attn_gain, TM_RATIOS),
    NF("alpha", NUMBER, alpha, TM_RATIOS),
    NF("std_conv_eps", NUMBER, eps, 1e-12, 1),
    NF("act_layer", ACT, act, TM_ANY),
    NF("reg", FLAG, regnet, TM_ANY),
    NF("extra_conv", FLAG, extra_conv, TM_ANY),
    NF("gamma_in_act", FLAG, gamma_in_act, TM_ANY),
    NF("same_padding", FLAG, same_padding, TM_ANY),
    NF("skipinit", FLAG, skipinit, TM_ANY),
};

const tm_family tm_family_nfnet = {
    .module = "nfnet", TM_VARIANTS(variants), TM_ARGUMENTS(arguments), .build = build};
