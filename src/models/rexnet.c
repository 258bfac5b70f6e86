/* SPDX-License-Identifier: Apache-2.0 */
/* timm's rexnet.py: ReXNet (2007.00992), whose width grows with every block. */
#include <math.h>
#include <stdio.h>

#include "layers/classifier.h"
#include "layers/conv_bn_act.h"
#include "layers/make_divisible.h"
#include "layers/squeeze_excite.h"
#include "layers/stages.h"
#include "layers/taps.h"
#include "models/model.h"

typedef struct rexnet_variant {
    const char *name;
    double width; /* multiplier of channels, at least 1 */
    int divisor;  /* of channels; 0: 1 */
} rexnet_variant;

static const rexnet_variant variants[] = {
    {.name = "rexnet_100", .width = 1.0},
    {.name = "rexnet_130", .width = 1.3},
    {.name = "rexnet_150", .width = 1.5},
    {.name = "rexnet_200", .width = 2.0},
    {.name = "rexnet_300", .width = 3.0},
    {.name = "rexnetr_100", .width = 1.0, .divisor = 8},
    {.name = "rexnetr_130", .width = 1.3, .divisor = 8},
    {.name = "rexnetr_150", .width = 1.5, .divisor = 8},
    {.name = "rexnetr_200", .width = 2.0, .divisor = 8},
    {.name = "rexnetr_300", .width = 3.0, .divisor = 16},
};

static const struct {
    int blocks, stride;
} stages[] = {{1, 1}, {2, 2}, {2, 2}, {3, 2}, {3, 1}, {5, 2}};

enum { STAGES = sizeof stages / sizeof *stages, BLOCKS = 16 };

/* Python's round: to even at the half */
static int channels_of(const rexnet_variant *v, double channels)
{
    return tm_divisible(nearbyint(channels), v->divisor ? v->divisor : 1, 0.9);
}

static tm_node *conv(tm_builder *b, const char *name, tm_node *x, int out, tm_act_kind act)
{
    return tm_conv_norm_act(b, name, x, (tm_conv){.out = out, .kernel = 1},
                            (tm_conv_tail){.act = act});
}

typedef struct rexnet_block {
    int out, expansion, stride;
    int dilation; /* of the depthwise convolution */
    bool squeeze, shortcut;
} rexnet_block;

/* the channels that the block adds have no shortcut */
static tm_node *add_shortcut(tm_builder *b, tm_node *x, tm_node *shortcut)
{
    int in = shortcut->shape.c, added = x->shape.c - in;
    if (!added)
        return tm_add(b, x, shortcut);
    tm_node *parts[] = {tm_add(b, tm_slice_c(b, x, 0, in), shortcut), tm_slice_c(b, x, in, added)};
    return tm_concat_c(b, 2, parts);
}

static tm_node *block(tm_builder *b, const rexnet_variant *v, tm_node *x, rexnet_block p)
{
    tm_node *shortcut = x;
    int divisor = v->divisor ? v->divisor : 1;
    if (p.expansion != 1)
        x = conv(b, "conv_exp", x, channels_of(v, x->shape.c * p.expansion), TM_ACT_SILU);
    int middle = x->shape.c;
    x = tm_conv_norm_act(b, "conv_dw", x,
                         (tm_conv){.out = middle,
                                   .kernel = 3,
                                   .stride = p.stride,
                                   .dilation = p.dilation,
                                   .groups = TM_DEPTHWISE},
                         (tm_conv_tail){0});
    if (p.squeeze)
        x = tm_squeeze_excite_with(
            b, "se", x,
            (tm_squeeze){.reduced = tm_divisible((int)(middle * (1 / 12.0)), divisor, 0.9),
                         .norm = true});
    x = conv(b, "conv_pwl", tm_activate(b, x, TM_ACT_RELU6), p.out, TM_ACT_NONE);
    return p.shortcut && shortcut->shape.c <= p.out ? add_shortcut(b, x, shortcut) : x;
}

static void tap(tm_builder *b, tm_node *x, int block_index, int reduction)
{
    tm_tap_stage_of(b, "features", block_index, x, reduction);
}

static tm_node *blocks(tm_builder *b, const rexnet_variant *v, tm_node *x)
{
    tm_stages walk = tm_stages_begin(b, 2, 8);
    double channels = 16;
    int index = 0;
    for (int s = 0; s < STAGES; s++)
        for (int i = 0; i < stages[s].blocks; i++, index++) {
            int stride = i == 0 ? stages[s].stride : 1, before = walk.dilation;
            if (stride > 1)
                tap(b, x, index - 1, walk.reduction);
            tm_stage at = tm_stages_next(&walk, stride);
            rexnet_block p = {.out = channels_of(v, channels * v->width),
                              .expansion = s == 0 ? 1 : 6,
                              .stride = at.stride,
                              .dilation = before,
                              .squeeze = s > 1,
                              .shortcut = at.stride == 1 && at.dilation == before};
            tm_push(b, "features.%d", index);
            x = block(b, v, x, p);
            tm_pop(b);
            channels += 180 / (double)BLOCKS;
        }
    tap(b, x, index - 1, walk.reduction);
    return x;
}

static void build(tm_builder *b, const void *variant)
{
    const rexnet_variant *v = variant;
    tm_node *x =
        tm_conv_norm_act(b, "stem", b->graph->input,
                         (tm_conv){.out = channels_of(v, 32 * v->width), .kernel = 3, .stride = 2},
                         (tm_conv_tail){.act = TM_ACT_SILU});
    x = blocks(b, v, x);
    char name[32];
    snprintf(name, sizeof name, "features.%d", BLOCKS);
    x = conv(b, name, x, tm_divisible(1280 * v->width, v->divisor ? v->divisor : 1, 0.9),
             TM_ACT_SILU);
    b->graph->pruning = TM_PRUNING_TOGETHER;
    tm_tap_final(b, x);
    tm_classifier_head(b, x, "avg", "head.fc");
}

const tm_family tm_family_rexnet = {.module = "rexnet", TM_VARIANTS(variants), .build = build};
