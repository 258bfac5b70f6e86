/* SPDX-License-Identifier: Apache-2.0 */
/* timm's mobilenetv5.py: MobileNet-V5, the vision encoder of Gemma 3n. */
#include "layers/classifier.h"
#include "layers/make_divisible.h"
#include "layers/taps.h"
#include "layers/upsample.h"
#include "layers/vision_tower.h"
#include "models/choices.h"
#include "models/efficientnet_builder.h"
#include "models/filters.h"
#include "models/model.h"

enum {
    STEM = 64,
    FEATURES = 2048 /* of the end, whose map has so many pixels a side: */,
    SIDE = 16
};

typedef struct mobilenetv5_variant {
    const char *name;
    const char *const *arch;  /* one string a stage, NULL at the end */
    bool encoder;             /* without a classifier */
    double width;             /* multiplier, 1 */
    int stem, features, side; /* STEM, FEATURES, SIDE */
    bool no_stem_bias;
    int group_size; /* of depthwise convolutions; 0: 1 */
    tm_padding padding;
    tm_aa_kind aa;
    tm_act_kind act; /* tanh's GELU */
} mobilenetv5_variant;

#define TIMES_6(blocks) blocks blocks blocks blocks blocks blocks
#define TIMES_7(blocks) TIMES_6(blocks) blocks
#define TIMES_14(blocks) TIMES_7(blocks) TIMES_7(blocks)
#define TIMES_19(blocks) TIMES_6(blocks) TIMES_6(blocks) TIMES_7(blocks)
#define STAGE_0 "er_r1_k3_s2_e4_c128 er_r2_k3_s1_e4_c128"
#define STAGE_1                                                                                    \
    "uir_r1_a3_k5_s2_e6_c256 uir_r1_a5_k0_s1_e4_c256 uir_r1_a3_k0_s1_e4_c256 "                     \
    "uir_r1_a5_k0_s1_e4_c256 uir_r1_a3_k0_s1_e4_c256"

/* clang-format off */
static const char *const base[] = {
    STAGE_0, STAGE_1,
    "uir_r1_a5_k5_s2_e6_c512 uir_r2_a5_k0_s1_e4_c512 uir_r1_a0_k0_s1_e1_c512"
    TIMES_6(" mqa_r1_k3_h8_s1_d64_c512 uir_r1_a0_k0_s1_e2_c512"),
    "uir_r1_a5_k5_s2_e6_c1024" TIMES_7(" mqa_r1_k3_h16_s1_d64_c1024 uir_r1_a0_k0_s1_e2_c1024"),
    NULL,
};
static const char *const large[] = {
    STAGE_0, STAGE_1,
    "uir_r1_a5_k5_s2_e6_c640 uir_r7_a5_k0_s1_e4_c640 uir_r1_a0_k0_s1_e1_c640"
    TIMES_14(" mqa_r1_k3_h12_v2_s1_d64_c640 uir_r1_a0_k0_s1_e2_c640"),
    "uir_r1_a5_k5_s2_e6_c1280" TIMES_19(" mqa_r1_k3_h16_s1_d96_c1280 uir_r1_a0_k0_s1_e2_c1280"),
    NULL,
};
/* clang-format on */

static const mobilenetv5_variant variants[] = {
    {.name = "mobilenetv5_300m", .arch = large},
    {.name = "mobilenetv5_300m_enc", .arch = large, .encoder = true, .padding = TM_PAD_SAME},
    {.name = "mobilenetv5_base", .arch = base},
};

static tm_effnet network(tm_builder *b, const mobilenetv5_variant *v)
{
    return (tm_effnet){.b = b,
                       .act = v->act ? v->act : TM_ACT_GELU_TANH,
                       .padding = v->padding,
                       .norm = TM_EFFNET_RMS,
                       .norm_eps = 1e-6f,
                       .width = v->width > 0 ? v->width : 1.0,
                       .divisor = 8,
                       .round_limit = 0.9,
                       .depth = 1.0,
                       .group_size = v->group_size,
                       .aa = v->aa,
                       .layer_scale = true,
                       .fixed_stride = true};
}

/* To side x side pixels, by means of whole pixels or between them. */
static tm_node *resize(tm_builder *b, tm_node *x, int side)
{
    if (x->shape.h % side || x->shape.w % side)
        return tm_resize_bilinear(b, x, side, side, false);
    if (x->shape.h == side && x->shape.w == side)
        return x;
    return tm_adaptive_avg_pool2d(b, x, side, side);
}

/* timm's MobileNetV5MultiScaleFusionAdapter of the last two feature levels */
static tm_node *fuse(const tm_effnet *net, const mobilenetv5_variant *v, tm_node *x)
{
    tm_builder *b = net->b;
    int count = tm_graph_tap_count(b->graph, TM_TAP_FEATURE);
    const tm_tap *tap = tm_graph_tap(b->graph, TM_TAP_FEATURE, count - 2);
    tm_node *fine = tap ? tap->node : x; /* without memory there is none */
    tm_node *levels[] = {fine, tm_upsample_nearest(b, x, fine->shape.h, fine->shape.w)};
    x = tm_concat_c(b, 2, levels);
    tm_conv expand = {.out = tm_divisible(2.0 * x->shape.c, 8, 0.9), .kernel = 1};
    tm_push(b, "msfa");
    x = tm_effnet_conv_norm(net, "ffn.pw_exp", x, expand, net->act);
    tm_conv project = {.out = v->features ? v->features : FEATURES, .kernel = 1};
    x = tm_effnet_conv_norm(net, "ffn.pw_proj", x, project, TM_ACT_NONE);
    x = tm_effnet_norm(net, "norm", resize(b, x, v->side ? v->side : SIDE), TM_ACT_NONE);
    tm_pop(b);
    return x;
}

static void build(tm_builder *b, const void *variant)
{
    const mobilenetv5_variant *v = variant;
    tm_effnet net = network(b, v);
    int width = v->stem ? v->stem : STEM;
    if (net.width >= 1.0)
        width = tm_effnet_channels(&net, width);
    tm_conv stem = {.out = width, .kernel = 3, .stride = 2, .bias = !v->no_stem_bias};
    net.aa = TM_AA_NONE; /* not of the stem */
    tm_node *x = tm_effnet_conv_norm(&net, "conv_stem", b->graph->input, stem, net.act);
    net.aa = v->aa;
    x = fuse(&net, v, tm_effnet_stages(&net, x, width, v->arch));
    b->graph->pruning = TM_PRUNING_WITH_HEAD;
    tm_tap_final(b, x);
    if (v->encoder)
        tm_tap_embedding(b, "MobileNetV5Encoder", x, TM_LAYOUT_MAP);
    else
        tm_classifier_head(b, x, "avg", "classifier");
}

/* ---- the language model's checkpoints ---- */

static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    static const char prefix[] = "model.vision_tower.timm_model.";
    const mobilenetv5_variant *v = variant;
    if (tm_state_has_prefix(dict, prefix))
        tm_state_keep_prefix(dict, prefix);
    if (v->encoder)
        tm_keep_known(dict, graph);
}

#define MNV5(name, kind, member, ...) TM_TAKES(mobilenetv5_variant, name, kind, member, __VA_ARGS__)
static const tm_argument arguments[] = {
    MNV5("channel_multiplier", NUMBER, width, TM_RATIOS),
    MNV5("group_size", INTEGER, group_size, TM_WIDTHS),
    MNV5("stem_size", INTEGER, stem, TM_WIDTHS),
    MNV5("stem_bias", NO_FLAG, no_stem_bias, TM_ANY),
    MNV5("num_features", INTEGER, features, TM_WIDTHS, "*_enc"),
    MNV5("msfa_output_resolution", INTEGER, side, 1, 256),
    MNV5("pad_type", CHOICE, padding, TM_ANY, .choices = tm_pad_types),
    MNV5("aa_layer", CHOICE, aa, TM_ANY, .choices = tm_aa_layers),
    MNV5("act_layer", ACT, act, TM_ANY),
};

const tm_family tm_family_mobilenetv5 = {.module = "mobilenetv5",
                                         TM_VARIANTS(variants),
                                         TM_ARGUMENTS(arguments),
                                         .build = build,
                                         .filter = filter};
