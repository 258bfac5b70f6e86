/* SPDX-License-Identifier: Apache-2.0 */
/* timm's vovnet.py: VoVNet (1904.09730) and VoVNet-V2 (1911.06667) with effective squeeze-excite.
 */
#include <stdio.h>

#include "layers/classifier.h"
#include "layers/conv_bn_act.h"
#include "layers/eca.h"
#include "layers/squeeze_excite.h"
#include "layers/taps.h"
#include "models/model.h"

enum { MAX_LAYERS = 5, EVO_GROUPS = 32 };

typedef enum attn_kind { NO_ATTN, ESE, ECA } attn_kind;

typedef struct vovnet_variant {
    const char *name;
    int stem;              /* channels of its last convolution; 64 of those before */
    int middle[4], out[4]; /* channels of the stages, inside and at the end of blocks */
    int blocks[4], layers; /* blocks of a stage, convolutions of a block */
    attn_kind attn;
    bool residual, depthwise, evo_norm;
    bool in_place; /* In-Place Activated BatchNorm: by the weight's magnitude, leaky ReLU */
} vovnet_variant;

#define WIDE .middle = {128, 160, 192, 224}, .out = {256, 512, 768, 1024}
#define SLIM .middle = {64, 80, 96, 112}, .out = {112, 256, 384, 512}

/* clang-format off */
static const vovnet_variant variants[] = {
    {.name = "eca_vovnet39b", .stem = 128, WIDE, .blocks = {1, 1, 2, 2}, .layers = 5, .attn = ECA,
     .residual = true},
    {.name = "ese_vovnet19b_dw", .stem = 64, WIDE, .blocks = {1, 1, 1, 1}, .layers = 3,
     .attn = ESE, .residual = true, .depthwise = true},
    {.name = "ese_vovnet19b_slim", .stem = 128, SLIM, .blocks = {1, 1, 1, 1}, .layers = 3,
     .attn = ESE, .residual = true},
    {.name = "ese_vovnet19b_slim_dw", .stem = 64, SLIM, .blocks = {1, 1, 1, 1}, .layers = 3,
     .attn = ESE, .residual = true, .depthwise = true},
    {.name = "ese_vovnet39b", .stem = 128, WIDE, .blocks = {1, 1, 2, 2}, .layers = 5, .attn = ESE,
     .residual = true},
    {.name = "ese_vovnet39b_evos", .stem = 128, WIDE, .blocks = {1, 1, 2, 2}, .layers = 5,
     .attn = ESE, .residual = true, .evo_norm = true},
    {.name = "ese_vovnet57b", .stem = 128, WIDE, .blocks = {1, 1, 4, 3}, .layers = 5, .attn = ESE,
     .residual = true},
    {.name = "ese_vovnet99b", .stem = 128, WIDE, .blocks = {1, 3, 9, 3}, .layers = 5, .attn = ESE,
     .residual = true},
    {.name = "ese_vovnet99b_iabn", .stem = 128, WIDE, .blocks = {1, 3, 9, 3}, .layers = 5,
     .attn = ESE, .residual = true, .in_place = true},
    {.name = "vovnet39a", .stem = 128, WIDE, .blocks = {1, 1, 2, 2}, .layers = 5},
    {.name = "vovnet57a", .stem = 128, WIDE, .blocks = {1, 1, 4, 3}, .layers = 5},
};
/* clang-format on */

typedef struct vovnet {
    tm_builder *b;
    const vovnet_variant *v;
    tm_conv_tail tail;
} vovnet;

static tm_node *conv_norm(const vovnet *m, const char *name, tm_node *x, tm_conv conv)
{
    return tm_conv_norm_act(m->b, name, x, conv, m->tail);
}

/* separable where the network is depthwise */
static tm_node *spatial_conv(const vovnet *m, const char *name, tm_node *x, int out, int stride)
{
    tm_conv conv = {.out = out, .kernel = 3, .stride = stride};
    return m->v->depthwise ? tm_separable_conv_norm_act(m->b, name, x, conv, m->tail)
                           : conv_norm(m, name, x, conv);
}

static tm_node *attention(const vovnet *m, tm_node *x)
{
    switch (m->v->attn) {
    case ESE:
        return tm_effective_squeeze_excite(m->b, "attn", x);
    case ECA:
        return tm_efficient_channel_attention(m->b, "attn", x, x->shape.c);
    case NO_ATTN:
        break;
    }
    return x;
}

/* One-shot aggregation: the input and every layer's output side by side. */
static tm_node *osa_block(const vovnet *m, tm_node *x, int stage, bool first, bool last)
{
    tm_builder *b = m->b;
    int middle = m->v->middle[stage];
    tm_node *parts[MAX_LAYERS + 1] = {x}, *y = x;
    if (m->v->depthwise && x->shape.c != middle)
        y = conv_norm(m, "conv_reduction", y, (tm_conv){.out = middle, .kernel = 1});
    for (int i = 0; i < m->v->layers; i++) {
        char name[24];
        snprintf(name, sizeof name, "conv_mid.%d", i);
        parts[i + 1] = y = spatial_conv(m, name, y, middle, 1);
    }
    y = tm_concat_c(b, m->v->layers + 1, parts);
    y = conv_norm(m, "conv_concat", y, (tm_conv){.out = m->v->out[stage], .kernel = 1});
    if (last)
        y = attention(m, y);
    return m->v->residual && !first ? tm_add(b, y, x) : y;
}

static tm_node *stage(const vovnet *m, tm_node *x, int index)
{
    tm_builder *b = m->b;
    if (index)
        x = tm_pool2d(b, x, (tm_pool){.max = true, .kernel = 3, .stride = 2, .ceil_mode = true});
    int count = m->v->blocks[index];
    for (int i = 0; i < count; i++) {
        tm_push(b, "blocks.%d", i);
        x = osa_block(m, x, index, i == 0, i == count - 1);
        tm_pop(b);
    }
    return x;
}

static void build(tm_builder *b, const void *variant)
{
    const vovnet_variant *v = variant;
    vovnet m = {.b = b,
                .v = v,
                .tail = {.norm = {.magnitude = v->in_place},
                         .act = v->in_place ? TM_ACT_LEAKY_RELU : TM_ACT_RELU,
                         .evo_groups = v->evo_norm ? EVO_GROUPS : 0}};
    tm_node *x = b->graph->input;
    x = conv_norm(&m, "stem.0", x, (tm_conv){.out = 64, .kernel = 3, .stride = 2});
    x = spatial_conv(&m, "stem.1", x, 64, 1);
    tm_tap_stage(b, "stem.1", x, 2);
    x = spatial_conv(&m, "stem.2", x, v->stem, 2);
    for (int i = 0; i < 4; i++) {
        char name[24];
        snprintf(name, sizeof name, "stages.%d", i);
        tm_push(b, "%s", name);
        x = stage(&m, x, i);
        tm_pop(b);
        tm_tap_stage(b, name, x, 4 << i);
    }
    tm_tap_final(b, x);
    tm_classifier_head(b, x, "avg", "head.fc");
}

const tm_family tm_family_vovnet = {.module = "vovnet", TM_VARIANTS(variants), .build = build};
