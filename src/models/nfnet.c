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

typedef enum nfnet_series {
    NFNET_F,
    NFNET_F_SILU, /* of timm 0.4.12 */
    NFNET_DEEPMIND,
    NFNET_LIGHT,
    NF_REGNET,
    NF_RESNET
} nfnet_series;

typedef enum nfnet_attention { ATTENTION_NONE, ATTENTION_SE, ATTENTION_ECA } nfnet_attention;

typedef struct nfnet_variant {
    const char *name;
    nfnet_series series;
    int depths[4];
    int channels[4]; /* 0: the series' own */
    nfnet_attention attention;
    double se_ratio; /* 0.5 */
    int group;       /* channels per group; 0: the series' own */
    int features;    /* of the last convolution before the width; 0: none */
} nfnet_variant;

/* clang-format off */
static const nfnet_variant variants[] = {
    {"dm_nfnet_f0", NFNET_DEEPMIND, {1, 2, 6, 3}, {0}, ATTENTION_SE, .features = 3072},
    {"dm_nfnet_f1", NFNET_DEEPMIND, {2, 4, 12, 6}, {0}, ATTENTION_SE, .features = 3072},
    {"dm_nfnet_f2", NFNET_DEEPMIND, {3, 6, 18, 9}, {0}, ATTENTION_SE, .features = 3072},
    {"dm_nfnet_f3", NFNET_DEEPMIND, {4, 8, 24, 12}, {0}, ATTENTION_SE, .features = 3072},
    {"dm_nfnet_f4", NFNET_DEEPMIND, {5, 10, 30, 15}, {0}, ATTENTION_SE, .features = 3072},
    {"dm_nfnet_f5", NFNET_DEEPMIND, {6, 12, 36, 18}, {0}, ATTENTION_SE, .features = 3072},
    {"dm_nfnet_f6", NFNET_DEEPMIND, {7, 14, 42, 21}, {0}, ATTENTION_SE, .features = 3072},
    {"eca_nfnet_l0", NFNET_LIGHT, {1, 2, 6, 3}, {0}, ATTENTION_ECA, .features = 2304},
    {"eca_nfnet_l1", NFNET_LIGHT, {2, 4, 12, 6}, {0}, ATTENTION_ECA, .features = 3072},
    {"eca_nfnet_l2", NFNET_LIGHT, {3, 6, 18, 9}, {0}, ATTENTION_ECA, .features = 3072},
    {"eca_nfnet_l3", NFNET_LIGHT, {4, 8, 24, 12}, {0}, ATTENTION_ECA, .features = 3072},
    {"nf_ecaresnet26", NF_RESNET, {2, 2, 2, 2}, {0}, .attention = ATTENTION_ECA},
    {"nf_ecaresnet50", NF_RESNET, {3, 4, 6, 3}, {0}, .attention = ATTENTION_ECA},
    {"nf_ecaresnet101", NF_RESNET, {3, 4, 23, 3}, {0}, .attention = ATTENTION_ECA},
    {"nf_regnet_b0", NF_REGNET, {1, 3, 6, 6}, {0}, ATTENTION_SE, .features = 1280},
    {"nf_regnet_b1", NF_REGNET, {2, 4, 7, 7}, {0}, ATTENTION_SE, .features = 1280},
    {"nf_regnet_b2", NF_REGNET, {2, 4, 8, 8}, {56, 112, 232, 488}, ATTENTION_SE, .features = 1419},
    {"nf_regnet_b3", NF_REGNET, {2, 5, 9, 9}, {56, 128, 248, 528}, ATTENTION_SE, .features = 1536},
    {"nf_regnet_b4", NF_REGNET, {2, 6, 11, 11}, {64, 144, 288, 616}, ATTENTION_SE,
     .features = 1792},
    {"nf_regnet_b5", NF_REGNET, {3, 7, 14, 14}, {80, 168, 336, 704}, ATTENTION_SE,
     .features = 2048},
    {"nf_resnet26", NF_RESNET, {2, 2, 2, 2}, {0}, .attention = ATTENTION_NONE},
    {"nf_resnet50", NF_RESNET, {3, 4, 6, 3}, {0}, .attention = ATTENTION_NONE},
    {"nf_resnet101", NF_RESNET, {3, 4, 23, 3}, {0}, .attention = ATTENTION_NONE},
    {"nf_seresnet26", NF_RESNET, {2, 2, 2, 2}, {0}, ATTENTION_SE, .se_ratio = 1 / 16.0},
    {"nf_seresnet50", NF_RESNET, {3, 4, 6, 3}, {0}, ATTENTION_SE, .se_ratio = 1 / 16.0},
    {"nf_seresnet101", NF_RESNET, {3, 4, 23, 3}, {0}, ATTENTION_SE, .se_ratio = 1 / 16.0},
    {"nfnet_f0", NFNET_F, {1, 2, 6, 3}, {0}, ATTENTION_SE, .features = 3072},
    {"nfnet_f1", NFNET_F, {2, 4, 12, 6}, {0}, ATTENTION_SE, .features = 3072},
    {"nfnet_f2", NFNET_F, {3, 6, 18, 9}, {0}, ATTENTION_SE, .features = 3072},
    {"nfnet_f3", NFNET_F, {4, 8, 24, 12}, {0}, ATTENTION_SE, .features = 3072},
    {"nfnet_f4", NFNET_F, {5, 10, 30, 15}, {0}, ATTENTION_SE, .features = 3072},
    {"nfnet_f5", NFNET_F, {6, 12, 36, 18}, {0}, ATTENTION_SE, .features = 3072},
    {"nfnet_f6", NFNET_F, {7, 14, 42, 21}, {0}, ATTENTION_SE, .features = 3072},
    {"nfnet_f7", NFNET_F, {8, 16, 48, 24}, {0}, ATTENTION_SE, .features = 3072},
    {"nfnet_f0s", NFNET_F_SILU, {1, 2, 6, 3}, {0}, ATTENTION_SE, .features = 3072},
    {"nfnet_f1s", NFNET_F_SILU, {2, 4, 12, 6}, {0}, ATTENTION_SE, .features = 3072},
    {"nfnet_f2s", NFNET_F_SILU, {3, 6, 18, 9}, {0}, ATTENTION_SE, .features = 3072},
    {"nfnet_f3s", NFNET_F_SILU, {4, 8, 24, 12}, {0}, ATTENTION_SE, .features = 3072},
    {"nfnet_f4s", NFNET_F_SILU, {5, 10, 30, 15}, {0}, ATTENTION_SE, .features = 3072},
    {"nfnet_f5s", NFNET_F_SILU, {6, 12, 36, 18}, {0}, ATTENTION_SE, .features = 3072},
    {"nfnet_f6s", NFNET_F_SILU, {7, 14, 42, 21}, {0}, ATTENTION_SE, .features = 3072},
    {"nfnet_f7s", NFNET_F_SILU, {8, 16, 48, 24}, {0}, ATTENTION_SE, .features = 3072},
    {"nfnet_l0", NFNET_LIGHT, {1, 2, 6, 3}, {0}, ATTENTION_SE, .se_ratio = 0.25, .features = 2304},
    {"test_nfnet", NFNET_LIGHT, {1, 1, 1, 1}, {32, 64, 96, 128}, ATTENTION_SE, .se_ratio = 0.25,
     .group = 8, .features = 192},
};
/* clang-format on */

typedef struct nfnet_design {
    int channels[4];
    int stem;  /* channels; 0: those of the first stage */
    int group; /* channels per group; 0: one group */
    double ratio, width;
    tm_act_kind act;
    double gamma; /* the activation's gain */
    bool deep_stem;
} nfnet_design;

#define GELU_GAIN 1.7015043497085571
#define RELU_GAIN 1.7139588594436646
#define SILU_GAIN 1.7881293296813965

static const nfnet_design designs[] = {
    [NFNET_F] = {{256, 512, 1536, 1536}, 128, 128, 0.5, 1, TM_ACT_GELU, GELU_GAIN, true},
    [NFNET_F_SILU] = {{256, 512, 1536, 1536}, 128, 128, 0.5, 1, TM_ACT_SILU, SILU_GAIN, true},
    [NFNET_DEEPMIND] = {{256, 512, 1536, 1536}, 128, 128, 0.5, 1, TM_ACT_GELU, GELU_GAIN, true},
    [NFNET_LIGHT] = {{256, 512, 1536, 1536}, 128, 64, 0.25, 1, TM_ACT_SILU, SILU_GAIN, true},
    [NF_REGNET] = {{48, 104, 208, 440}, 0, 8, 2.25, 0.75, TM_ACT_SILU, SILU_GAIN, false},
    [NF_RESNET] = {{256, 512, 1024, 2048}, 64, 0, 0.25, 1, TM_ACT_RELU, RELU_GAIN, false},
};

static const double alpha = 0.2;          /* of every block's branch */
static const double attention_gain = 2.0; /* what attention takes of the variance */

typedef struct nfnet {
    tm_builder *b;
    const nfnet_variant *v;
    const nfnet_design *d;
    double variance; /* of the map, as designed */
} nfnet;

static int channels_of(const nfnet *m, double channels)
{
    return tm_divisible(channels * m->d->width, 8, 0.9);
}

/* timm's ScaledStdConv2d, its input scaled by `scale` */
static tm_node *conv2d(const nfnet *m, const char *name, tm_node *x, tm_conv conv, double scale)
{
    tm_builder *b = m->b;
    int in = x->shape.c / (conv.groups ? conv.groups : 1);
    double fan_in = (double)in * conv.kernel * conv.kernel;
    if (m->v->series == NFNET_DEEPMIND)
        conv.padding = TM_PAD_SAME;
    tm_push(b, "%s", name);
    tm_node *weight = tm_param4(b, "weight", conv.out, in, conv.kernel, conv.kernel);
    tm_node *gain = tm_param4(b, "gain", conv.out, 1, 1, 1);
    tm_node *bias = tm_param1(b, "bias", conv.out);
    tm_pop(b);
    weight = tm_const_standardize(b, weight, 1e-5f, gain, (float)(scale / sqrt(fan_in)));
    return tm_conv2d_with(b, name, x, weight, bias, conv);
}

/* of an activation's output, whose gain timm has in this convolution or in that activation */
static tm_node *activated_conv(const nfnet *m, const char *name, tm_node *x, tm_conv conv)
{
    return conv2d(m, name, x, conv, m->d->gamma);
}

/* of no activation's output */
static tm_node *plain_conv(const nfnet *m, const char *name, tm_node *x, tm_conv conv)
{
    return conv2d(m, name, x, conv, m->v->series == NFNET_DEEPMIND ? 1.0 : m->d->gamma);
}

static tm_node *act(const nfnet *m, tm_node *x)
{
    return tm_activate(m->b, x, m->d->act);
}

/* ---- stem ---- */

static tm_node *deep_stem(const nfnet *m, tm_node *x)
{
    int out = channels_of(m, m->d->stem);
    x = plain_conv(m, "conv1", x, (tm_conv){.out = out / 8, .kernel = 3, .stride = 2});
    x = activated_conv(m, "conv2", act(m, x), (tm_conv){.out = out / 4, .kernel = 3});
    x = activated_conv(m, "conv3", act(m, x), (tm_conv){.out = out / 2, .kernel = 3});
    tm_tap_stage(m->b, "stem.conv3", x, 2);
    return activated_conv(m, "conv4", act(m, x), (tm_conv){.out = out, .kernel = 3, .stride = 2});
}

static tm_node *stem(const nfnet *m, const int *channels, int *reduction)
{
    bool resnet = m->v->series == NF_RESNET;
    tm_node *x = m->b->graph->input;
    tm_conv conv = {.out = channels_of(m, m->d->stem ? m->d->stem : channels[0]),
                    .kernel = resnet ? 7 : 3,
                    .stride = 2};
    tm_push(m->b, "stem");
    if (m->d->deep_stem) {
        x = deep_stem(m, x);
    } else {
        x = plain_conv(m, "conv", x, conv);
        tm_tap_stage(m->b, "stem.conv", x, 2);
    }
    if (resnet)
        x = tm_pool2d(m->b, x, (tm_pool){.max = true, .kernel = 3, .stride = 2, .pad = 1});
    tm_pop(m->b);
    *reduction = resnet || m->d->deep_stem ? 4 : 2;
    return x;
}

/* ---- blocks ---- */

typedef struct nfnet_block {
    int out, middle, groups, stride, dilation, first_dilation;
    double beta; /* the scale of the block's input */
} nfnet_block;

static tm_node *attend(const nfnet *m, const char *name, tm_node *x)
{
    double ratio = m->v->se_ratio > 0 ? m->v->se_ratio : 0.5;
    if (m->v->attention == ATTENTION_ECA)
        return tm_efficient_channel_attention(m->b, name, x, x->shape.c);
    return tm_squeeze_excite(m->b, name, x, tm_divisible(x->shape.c * ratio, 8, 0));
}

/* Constant [channels]: all that scales a block's branch. */
static tm_node *branch_scale(const nfnet *m, int channels)
{
    tm_builder *b = m->b;
    bool after_attention = m->v->attention && m->v->series != NF_REGNET;
    tm_node *gain =
        m->v->series == NFNET_DEEPMIND
            ? tm_const_reshape(b, tm_param(b, "skipinit_gain", 0, NULL), 1, (int64_t[]){1})
            : tm_literal(b, 1, (int64_t[]){1}, (float[]){1});
    return tm_const_affine(b, tm_const_repeat(b, gain, channels),
                           (float)(alpha * (after_attention ? attention_gain : 1)), 0);
}

static tm_node *branch(const nfnet *m, tm_node *x, nfnet_block p)
{
    bool regnet = m->v->series == NF_REGNET;
    tm_conv spatial = {.out = p.middle,
                       .kernel = 3,
                       .stride = p.stride,
                       .dilation = p.first_dilation,
                       .groups = p.groups};
    x = conv2d(m, "conv1", x, (tm_conv){.out = p.middle, .kernel = 1}, m->d->gamma * p.beta);
    x = activated_conv(m, "conv2", act(m, x), spatial);
    spatial.stride = 1;
    spatial.dilation = p.dilation;
    if (m->d->deep_stem) /* NFNet proper */
        x = activated_conv(m, "conv2b", act(m, x), spatial);
    if (regnet)
        x = tm_affine(m->b, attend(m, "attn", x), (float)attention_gain, 0);
    x = activated_conv(m, "conv3", act(m, x), (tm_conv){.out = p.out, .kernel = 1});
    if (m->v->attention && !regnet)
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
                          (tm_conv){.out = p.out, .kernel = 1}, m->d->gamma * p.beta);
    return tm_add(m->b, branch(m, x, p), shortcut);
}

static void widths(const nfnet *m, int in, bool first, nfnet_block *p)
{
    bool regnet = m->v->series == NF_REGNET;
    int group = m->v->group ? m->v->group : m->d->group;
    double ratio = regnet && first ? 1.0 : m->d->ratio;
    p->middle = tm_divisible((regnet ? in : p->out) * ratio, 8, 0.9);
    p->groups = 1;
    if (group) {
        p->groups = p->middle / group;
        p->middle = p->groups * group;
    }
}

static tm_node *stage(nfnet *m, tm_node *x, int index, int channels, tm_stage at)
{
    nfnet_block p = {.out = channels_of(m, channels),
                     .stride = at.stride,
                     .dilation = at.dilation,
                     .first_dilation = at.first_dilation};
    tm_push(m->b, "stages.%d", index);
    for (int i = 0; i < m->v->depths[index]; i++) {
        widths(m, x->shape.c, index == 0 && i == 0, &p);
        p.beta = 1.0 / sqrt(m->variance);
        tm_push(m->b, "%d", i);
        x = block(m, x, p);
        tm_pop(m->b);
        m->variance = (i == 0 ? 1.0 : m->variance) + alpha * alpha;
        p.stride = 1;
        p.first_dilation = p.dilation;
    }
    tm_pop(m->b);
    return x;
}

static tm_node *stages(nfnet *m, tm_node *x, const int *channels, int reduction)
{
    tm_stages walk = tm_stages_begin(m->b, reduction, 2);
    for (int i = 0; i < 4; i++) {
        char module[32];
        tm_stage at = tm_stages_next(&walk, i == 0 && reduction > 2 ? 1 : 2);
        snprintf(module, sizeof module, "stages.%d", i);
        x = stage(m, x, i, channels[i], at);
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
    nfnet m = {.b = b, .v = variant, .variance = 1.0};
    m.d = &designs[m.v->series];
    const int *channels = m.v->channels[0] ? m.v->channels : m.d->channels;
    int reduction;
    tm_node *x = stem(&m, channels, &reduction);
    x = act(&m, stages(&m, x, channels, reduction));
    if (m.v->series == NFNET_DEEPMIND)
        x = tm_affine(b, x, (float)m.d->gamma, 0);
    tm_tap_final(b, x);
    tm_classifier_head(b, x, "avg", "head.fc");
}

const tm_family tm_family_nfnet = {.module = "nfnet", TM_VARIANTS(variants), .build = build};
