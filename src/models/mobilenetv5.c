/* SPDX-License-Identifier: Apache-2.0 */
/* timm's mobilenetv5.py: MobileNet-V5, the vision encoder of Gemma 3n. */
#include "layers/classifier.h"
#include "layers/make_divisible.h"
#include "layers/taps.h"
#include "layers/upsample.h"
#include "layers/vision_tower.h"
#include "models/efficientnet_builder.h"
#include "models/filters.h"
#include "models/model.h"

enum { STEM = 64, FEATURES = 2048, SIDE = 16 /* of the map that all models end with */ };

typedef struct mobilenetv5_variant {
    const char *name;
    const char *const *arch; /* one string a stage, NULL at the end */
    bool encoder;            /* without a classifier, with TensorFlow's padding */
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
    {.name = "mobilenetv5_300m_enc", .arch = large, .encoder = true},
    {.name = "mobilenetv5_base", .arch = base},
};

static tm_effnet network(tm_builder *b, const mobilenetv5_variant *v)
{
    return (tm_effnet){.b = b,
                       .act = TM_ACT_GELU_TANH,
                       .padding = v->encoder ? TM_PAD_SAME : TM_PAD_DEFAULT,
                       .norm = TM_EFFNET_RMS,
                       .norm_eps = 1e-6f,
                       .width = 1.0,
                       .divisor = 8,
                       .round_limit = 0.9,
                       .depth = 1.0,
                       .layer_scale = true,
                       .fixed_stride = true};
}

/* To SIDE x SIDE pixels, by means of whole pixels or between them. */
static tm_node *resize(tm_builder *b, tm_node *x)
{
    if (x->shape.h % SIDE || x->shape.w % SIDE)
        return tm_resize_bilinear(b, x, SIDE, SIDE, false);
    if (x->shape.h == SIDE && x->shape.w == SIDE)
        return x;
    return tm_adaptive_avg_pool2d(b, x, SIDE, SIDE);
}

/* timm's MobileNetV5MultiScaleFusionAdapter of the last two feature levels */
static tm_node *fuse(const tm_effnet *net, tm_node *x)
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
    x = tm_effnet_conv_norm(net, "ffn.pw_proj", x, (tm_conv){.out = FEATURES, .kernel = 1},
                            TM_ACT_NONE);
    x = tm_effnet_norm(net, "norm", resize(b, x), TM_ACT_NONE);
    tm_pop(b);
    return x;
}

static void build(tm_builder *b, const void *variant)
{
    const mobilenetv5_variant *v = variant;
    tm_effnet net = network(b, v);
    tm_conv stem = {.out = STEM, .kernel = 3, .stride = 2, .bias = true};
    tm_node *x = tm_effnet_conv_norm(&net, "conv_stem", b->graph->input, stem, net.act);
    x = fuse(&net, tm_effnet_stages(&net, x, STEM, v->arch));
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

const tm_family tm_family_mobilenetv5 = {
    .module = "mobilenetv5", TM_VARIANTS(variants), .build = build, .filter = filter};
