/* SPDX-License-Identifier: Apache-2.0 */
/* timm's xception_aligned.py: the Xception of DeepLab (1802.02611), and pre-activated; and
 * gluon_xception.py, which timm 0.4.12 had for the same network with names of its own. */
#include <stdio.h>

#include "layers/classifier.h"
#include "layers/conv_bn_act.h"
#include "layers/stages.h"
#include "layers/taps.h"
#include "models/model.h"

enum { CONVS = 3, MAX_ENTRY = 6 };

typedef struct block {
    int out[CONVS], stride;
    bool no_skip; /* and the activations after the convolutions, not before */
} block;

typedef struct xception_variant {
    const char *name;
    block entry[MAX_ENTRY]; /* ends with out 0 */
    int middle;             /* blocks of 728 channels */
    bool preact;
    bool small_epsilon; /* 1e-5, not 1e-3 */
    bool gluon;         /* names and features of gluon_xception.py */
} xception_variant;

#define STEP(c, s)                                                                                 \
    {                                                                                              \
        .out = {c, c, c}, .stride = s                                                              \
    }
#define SHORT_ENTRY .entry = {STEP(128, 2), STEP(256, 2), STEP(728, 2)}
#define LONG_ENTRY .entry = {STEP(128, 2), STEP(256, 1), STEP(256, 2), STEP(728, 1), STEP(728, 2)}

/* clang-format off */
static const xception_variant variants[] = {
    {.name = "gluon_xception65", SHORT_ENTRY, .middle = 16, .small_epsilon = true, .gluon = true},
    {.name = "xception41", SHORT_ENTRY, .middle = 8},
    {.name = "xception41p", SHORT_ENTRY, .middle = 8, .preact = true, .small_epsilon = true},
    {.name = "xception65", SHORT_ENTRY, .middle = 16},
    {.name = "xception65p", SHORT_ENTRY, .middle = 16, .preact = true},
    {.name = "xception71", LONG_ENTRY, .middle = 16},
};
/* clang-format on */

static const block middle = STEP(728, 1);
static const block last_blocks[] = {
    {.out = {728, 1024, 1024}, .stride = 2},
    {.out = {1536, 1536, 2048}, .stride = 1, .no_skip = true},
};

typedef struct xception {
    tm_builder *b;
    bool preact, gluon;
    tm_norm norm;
    int index;      /* of the block */
    tm_stages walk; /* before it */
} xception;

static tm_node *norm_act(const xception *m, const char *name, tm_node *x, tm_act_kind act)
{
    return tm_activate(m->b, tm_normalize(m->b, name, x, m->norm), act);
}

static tm_node *separable_conv(const xception *m, tm_node *x, int out, int stride, int dilation,
                               tm_act_kind act)
{
    tm_conv depthwise = {.out = x->shape.c,
                         .kernel = 3,
                         .stride = stride,
                         .dilation = dilation,
                         .groups = TM_DEPTHWISE};
    x = tm_conv2d(m->b, "conv_dw", x, depthwise);
    if (!m->preact)
        x = norm_act(m, "bn_dw", x, act);
    x = tm_conv2d(m->b, "conv_pw", x, (tm_conv){.out = out, .kernel = 1});
    return m->preact ? x : norm_act(m, "bn_pw", x, act);
}

static tm_node *shortcut(const xception *m, tm_node *x, int out, int stride)
{
    if (x->shape.c == out && stride == 1)
        return x;
    tm_conv conv = {.out = out, .kernel = 1, .stride = stride};
    return m->preact ? tm_conv2d(m->b, "shortcut", x, conv)
                     : tm_conv_norm_act(m->b, "shortcut", x, conv, (tm_conv_tail){.norm = m->norm});
}

/* What goes into the last convolution of a strided block is a feature: of plain blocks once it is
 * activated, of pre-activated ones before their norm. */
static void tap_inside(const xception *m, const block *k, tm_node *x)
{
    char module[32];
    if (k->stride == 1)
        return;
    snprintf(module, sizeof module, "blocks.%d.stack.%s", m->index, m->preact ? "conv2" : "act3");
    tm_tap_stage(m->b, module, x, m->walk.reduction);
}

static tm_node *run_block(const xception *m, const block *k, tm_node *x, int stride)
{
    tm_act_kind before = m->preact || k->no_skip ? TM_ACT_NONE : TM_ACT_RELU;
    tm_act_kind inside = !m->preact && k->no_skip ? TM_ACT_RELU : TM_ACT_NONE;
    if (m->preact)
        x = norm_act(m, "norm", x, TM_ACT_RELU);
    tm_node *y = x;
    for (int i = 0; i < CONVS; i++) {
        bool last = i == CONVS - 1;
        y = tm_activate(m->b, y, before);
        if (last)
            tap_inside(m, k, y);
        tm_push(m->b, "stack.conv%d", i + 1);
        if (m->preact && i)
            y = norm_act(m, "norm", y, TM_ACT_RELU);
        y = separable_conv(m, y, k->out[i], last ? stride : 1, m->walk.dilation, inside);
        tm_pop(m->b);
    }
    return k->no_skip ? y : tm_add(m->b, y, shortcut(m, x, k->out[CONVS - 1], stride));
}

/* ---- gluon_xception.py ---- */

static tm_node *gluon_conv(const xception *m, int index, tm_node *x, int out, int stride)
{
    char norm[16];
    tm_conv depthwise = {.out = x->shape.c,
                         .kernel = 3,
                         .stride = stride,
                         .dilation = m->walk.dilation,
                         .groups = TM_DEPTHWISE};
    tm_push(m->b, "conv%d", index);
    x = norm_act(m, "bn", tm_conv2d(m->b, "conv_dw", x, depthwise), TM_ACT_NONE);
    x = tm_conv2d(m->b, "conv_pw", x, (tm_conv){.out = out, .kernel = 1});
    tm_pop(m->b);
    snprintf(norm, sizeof norm, "bn%d", index);
    return norm_act(m, norm, x, TM_ACT_NONE);
}

/* What goes into the later strided blocks is a feature, activated. */
static tm_node *gluon_block(const xception *m, const block *k, tm_node *x, int stride)
{
    char name[32], module[48];
    int out = k->out[CONVS - 1];
    snprintf(name, sizeof name, "%sblock%d", k == &middle ? "mid." : "", m->index + 1);
    snprintf(module, sizeof module, "%s.rep.act1", name);
    tm_push(m->b, "%s", name);
    tm_node *y = x;
    for (int i = 0; i < CONVS; i++) {
        y = tm_activate(m->b, y, TM_ACT_RELU);
        if (i == 0 && k->stride > 1 && m->index > 1)
            tm_tap_stage(m->b, module, y, m->walk.reduction);
        tm_push(m->b, "rep");
        y = gluon_conv(m, i + 1, y, k->out[i], i == CONVS - 1 ? stride : 1);
        tm_pop(m->b);
    }
    if (x->shape.c != out || stride != 1) {
        x = tm_conv2d(m->b, "skip.conv1", x, (tm_conv){.out = out, .kernel = 1, .stride = stride});
        x = norm_act(m, "skip.bn1", x, TM_ACT_NONE);
    }
    tm_pop(m->b);
    return tm_add(m->b, y, x);
}

static tm_node *gluon_stem(const xception *m, tm_node *x)
{
    x = tm_conv2d(m->b, "conv1", x, (tm_conv){.out = 32, .kernel = 3, .stride = 2});
    x = norm_act(m, "bn1", x, TM_ACT_RELU);
    x = tm_conv2d(m->b, "conv2", x, (tm_conv){.out = 64, .kernel = 3});
    x = norm_act(m, "bn2", x, TM_ACT_RELU);
    tm_tap_stage(m->b, "act2", x, m->walk.reduction);
    return x;
}

static tm_node *gluon_exit(const xception *m, tm_node *x)
{
    for (int i = 0; i < CONVS; i++) {
        x = tm_activate(m->b, x, TM_ACT_RELU);
        x = gluon_conv(m, i + 3, x, last_blocks[1].out[i], 1);
    }
    x = tm_activate(m->b, x, TM_ACT_RELU);
    tm_tap_stage(m->b, "act5", x, m->walk.reduction);
    return x;
}

/* ---- networks ---- */

static tm_node *next_block(xception *m, const block *k, tm_node *x)
{
    tm_stages behind = m->walk; /* a block that loses its stride is not dilated itself */
    int stride = tm_stages_next(&behind, k->stride).stride;
    if (m->gluon) {
        x = gluon_block(m, k, x, stride);
    } else {
        tm_push(m->b, "blocks.%d", m->index);
        x = run_block(m, k, x, stride);
        tm_pop(m->b);
    }
    m->index++;
    m->walk = behind;
    return x;
}

static tm_node *stem(const xception *m, tm_node *x)
{
    tm_conv_tail tail = {.norm = m->norm, .act = TM_ACT_RELU};
    x = tm_conv_norm_act(m->b, "stem.0", x, (tm_conv){.out = 32, .kernel = 3, .stride = 2}, tail);
    tm_conv second = {.out = 64, .kernel = 3};
    return m->preact ? tm_conv2d(m->b, "stem.1", x, second)
                     : tm_conv_norm_act(m->b, "stem.1", x, second, tail);
}

static void build_gluon(xception *m, const xception_variant *v)
{
    tm_node *x = next_block(m, &v->entry[0], gluon_stem(m, m->b->graph->input));
    x = tm_activate(m->b, x, TM_ACT_RELU);
    tm_tap_stage(m->b, "block1_act", x, m->walk.reduction);
    for (int i = 1; v->entry[i].stride; i++)
        x = next_block(m, &v->entry[i], x);
    for (int i = 0; i < v->middle; i++)
        x = next_block(m, &middle, x);
    x = gluon_exit(m, next_block(m, &last_blocks[0], x));
    tm_tap_final(m->b, x);
    tm_classifier_head(m->b, x, "avg", "fc");
}

static void build(tm_builder *b, const void *variant)
{
    const xception_variant *v = variant;
    xception m = {.b = b,
                  .preact = v->preact,
                  .gluon = v->gluon,
                  .norm = {.kind = TM_NORM_BATCH, .eps = v->small_epsilon ? 1e-5f : 1e-3f},
                  .walk = tm_stages_begin(b, 2, 8)};
    if (v->gluon) {
        build_gluon(&m, v);
        return;
    }
    tm_node *x = stem(&m, b->graph->input);
    for (int i = 0; v->entry[i].stride; i++)
        x = next_block(&m, &v->entry[i], x);
    for (int i = 0; i < v->middle; i++)
        x = next_block(&m, &middle, x);
    for (int i = 0; i < 2; i++)
        x = next_block(&m, &last_blocks[i], x);
    tm_tap_stage_of(b, "blocks", m.index - 1, x, m.walk.reduction);
    if (v->preact)
        x = tm_activate(b, x, TM_ACT_RELU);
    tm_tap_final(b, x);
    tm_classifier_head(b, x, "avg", "head.fc");
}

const tm_family tm_family_xception_aligned = {
    .module = "xception_aligned", TM_VARIANTS(variants), .build = build};
