/* SPDX-License-Identifier: Apache-2.0 */
/* timm's class ByobNet: from a table to a network. */
#include <math.h>
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
#include "models/byobnet.h"

enum { EVO_GROUP = 16, BAT_BLOCK = 8 };

static int scaled(const tm_byob_net *m, double channels)
{
    return (int)rint(channels * (m->v->width > 0 ? m->v->width : 1.0));
}

/* ---- layers ---- */

tm_node *tm_byob_norm_act(const tm_byob_net *m, const char *name, tm_node *x, bool act)
{
    if (m->v->evo_norm)
        return tm_evo_norm_s0a(m->b, name, x, x->shape.c / EVO_GROUP, act);
    x = tm_normalize(m->b, name, x, (tm_norm){.kind = TM_NORM_BATCH});
    return act ? tm_activate(m->b, x, m->act) : x;
}

tm_node *tm_byob_conv(const tm_byob_net *m, const char *name, tm_node *x, tm_conv c, bool act)
{
    tm_push(m->b, "%s", name);
    x = tm_byob_norm_act(m, "bn", tm_conv2d(m->b, "conv", x, c), act);
    tm_pop(m->b);
    return x;
}

/* The same in a stage, where a stride may become an average pool. */
static tm_node *spatial(const tm_byob_net *m, const char *name, tm_node *x, tm_conv c, bool act)
{
    int stride = c.stride;
    bool aa = m->v->aa && stride > 1;
    if (aa)
        c.stride = 1;
    x = tm_byob_conv(m, name, x, c, act);
    return aa ? tm_anti_alias(m->b, x, m->v->aa, stride) : x;
}

static tm_node *attend(const tm_byob_net *m, const char *name, tm_node *x)
{
    const tm_byob *v = m->v;
    int c = x->shape.c;
    double ratio = v->attn_ratio > 0 ? v->attn_ratio : v->attn == TM_BYOB_GCA ? 1 / 8.0 : 1 / 16.0;
    int divisor = v->attn_divisor ? v->attn_divisor : v->attn == TM_BYOB_GCA ? 1 : 8;
    switch (v->attn) {
    case TM_BYOB_SE:
        return tm_squeeze_excite(m->b, name, x, tm_divisible(c * ratio, divisor, 0.0));
    case TM_BYOB_ECA:
        return tm_efficient_channel_attention(m->b, name, x, c);
    case TM_BYOB_GCA:
        return tm_global_context(m->b, name, x, tm_divisible(c * ratio, divisor, 0.0), TM_ACT_RELU,
                                 true);
    case TM_BYOB_BAT:
        return tm_bilinear_attention(m->b, name, x, tm_divisible(c * 0.25, 8, 0.9), BAT_BLOCK);
    case TM_BYOB_GE:
        return tm_gather_excite(m->b, name, x, 3);
    case TM_BYOB_NO_ATTN:
        break;
    }
    return x;
}

static int groups_of(const tm_byob_net *m, int group_size, int channels)
{
    TM_EXPECT(m->b, !group_size || channels % group_size == 0,
              "channels inside a block that do not divide into groups");
    return group_size ? channels / group_size : 1;
}

/* ---- blocks ---- */

tm_node *tm_byob_add_shortcut(const tm_byob_net *m, tm_node *x, tm_node *y, const tm_byob_at *k)
{
    if (k->in == k->out && k->stride == 1 && k->dilation[0] == k->dilation[1])
        return tm_add(m->b, y, x);
    switch (m->v->shortcut) {
    case TM_BYOB_CONV:
        x = spatial(m, "shortcut", x, (tm_conv){.out = k->out, .kernel = 1, .stride = k->stride},
                    false);
        break;
    case TM_BYOB_AVG:
        x = tm_shortcut_pool(m->b, x, k->stride, k->dilation[0]);
        x = tm_byob_conv(m, "shortcut.conv", x, (tm_conv){.out = k->out, .kernel = 1}, false);
        break;
    case TM_BYOB_IDENTITY:
        return y;
    }
    return tm_add(m->b, y, x);
}

/* The first kxk convolution of a block: it takes the stride. */
static tm_conv first_conv(const tm_byob_at *k, int out, int groups)
{
    return (tm_conv){.out = out,
                     .kernel = k->kernel,
                     .stride = k->stride,
                     .dilation = k->dilation[0],
                     .groups = groups};
}

static tm_node *bottle_block(const tm_byob_net *m, tm_node *x, const tm_byob_at *k, int middle)
{
    int groups = groups_of(m, k->stage->group_size, middle);
    tm_node *y = tm_byob_conv(m, "conv1_1x1", x, (tm_conv){.out = middle, .kernel = 1}, true);
    y = spatial(m, "conv2_kxk", y, first_conv(k, middle, groups), true);
    if (m->v->extra_conv)
        y = spatial(
            m, "conv2b_kxk", y,
            (tm_conv){
                .out = middle, .kernel = k->kernel, .dilation = k->dilation[1], .groups = groups},
            true);
    y = attend(m, "attn", y);
    return tm_byob_conv(m, "conv3_1x1", y, (tm_conv){.out = k->out, .kernel = 1}, false);
}

static tm_node *basic_block(const tm_byob_net *m, tm_node *x, const tm_byob_at *k, int middle)
{
    tm_conv second = {.out = k->out,
                      .kernel = k->kernel,
                      .dilation = k->dilation[1],
                      .groups = groups_of(m, k->stage->group_size, middle)};
    tm_node *y = spatial(m, "conv1_kxk", x, first_conv(k, middle, 1), true);
    return attend(m, "attn_last", spatial(m, "conv2_kxk", y, second, false));
}

static tm_node *dark_block(const tm_byob_net *m, tm_node *x, const tm_byob_at *k, int middle)
{
    int groups = groups_of(m, k->stage->group_size, middle);
    tm_node *y = tm_byob_conv(m, "conv1_1x1", x, (tm_conv){.out = middle, .kernel = 1}, true);
    return attend(m, "attn_last", spatial(m, "conv2_kxk", y, first_conv(k, k->out, groups), false));
}

static tm_node *edge_block(const tm_byob_net *m, tm_node *x, const tm_byob_at *k, int middle)
{
    int groups = groups_of(m, k->stage->group_size, middle);
    tm_node *y = spatial(m, "conv1_kxk", x, first_conv(k, middle, groups), true);
    return tm_byob_conv(m, "conv2_1x1", attend(m, "attn", y), (tm_conv){.out = k->out, .kernel = 1},
                        false);
}

static bool is_inverted(const tm_byob_net *m, const tm_byob_stage *stage)
{
    return m->v->inverted && stage->block == TM_BYOB_BOTTLE;
}

static tm_node *plain_block(const tm_byob_net *m, tm_node *x, const tm_byob_at *k)
{
    static tm_node *(*const kinds[])(const tm_byob_net *, tm_node *, const tm_byob_at *,
                                     int) = {[TM_BYOB_BOTTLE] = bottle_block,
                                             [TM_BYOB_BASIC] = basic_block,
                                             [TM_BYOB_DARK] = dark_block,
                                             [TM_BYOB_EDGE] = edge_block};
    tm_byob_block kind = k->stage->block;
    tm_node *y = tm_byob_add_shortcut(m, x, kinds[kind](m, x, k, k->middle), k);
    return is_inverted(m, k->stage) ? y : tm_activate(m->b, y, m->act);
}

/* ---- blocks of branches that become one convolution ---- */

static tm_branch conv_branch(const tm_byob_net *m, const char *name, tm_node *x, tm_conv c)
{
    tm_push(m->b, "%s", name);
    tm_branch branch = tm_conv_norm_branch(m->b, "conv", "bn", x, c, (tm_norm){0});
    tm_pop(m->b);
    return branch;
}

static tm_branch add_identity(const tm_byob_net *m, tm_node *x, tm_branch sum, const tm_byob_at *k)
{
    if (k->in != k->out || k->stride != 1 || k->dilation[0] != k->dilation[1])
        return sum;
    return tm_add_branch(m->b, sum, tm_norm_branch(m->b, "identity", x, (tm_norm){0}));
}

static tm_node *run_branches(const tm_byob_net *m, tm_node *x, tm_branch sum, tm_conv c, bool attn)
{
    x = tm_conv2d_with(m->b, "reparam_conv", x, sum.weight, sum.bias, c);
    if (attn)
        x = attend(m, "attn", x);
    return tm_activate(m->b, x, m->act);
}

static tm_node *rep_block(const tm_byob_net *m, tm_node *x, const tm_byob_at *k)
{
    int groups = m->v->rep_groups && k->index % 2 ? k->in / (k->out / m->v->rep_groups) : 1;
    tm_conv c = first_conv(k, k->out, groups), point = c;
    point.kernel = point.dilation = 1;
    tm_branch sum = conv_branch(m, "conv_kxk", x, c);
    sum = tm_add_branch(m->b, sum, conv_branch(m, "conv_1x1", x, point));
    return run_branches(m, x, add_identity(m, x, sum, k), c, true);
}

static tm_node *one_block(const tm_byob_net *m, tm_node *x, const tm_byob_at *k, int groups,
                          int branches, bool attn)
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
static tm_node *stem_stack(const tm_byob_net *m, tm_node *x, int count, const int *widths,
                           int plain)
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
        x = i < plain ? tm_conv2d(b, name, x, c) : tm_byob_conv(m, name, x, c, true);
        if (last && m->v->stem_pool)
            tm_tap_stage(b, name, x, 2);
    }
    if (m->v->stem_pool == TM_BYOB_MAX_POOL)
        x = tm_pool2d(b, x, (tm_pool){.max = true, .kernel = 3, .stride = 2, .pad = 1});
    else if (m->v->stem_pool == TM_BYOB_AVG_POOL)
        x = tm_pool2d(b, x, (tm_pool){.kernel = 2});
    return x;
}

/* A stem of one layer and stride 2 is a feature itself, where a stride follows. */
static tm_node *stem_layer(const tm_byob_net *m, tm_node *x, int width)
{
    tm_builder *b = m->b;
    tm_byob_at k = {.in = x->shape.c, .out = width, .kernel = 3, .stride = 2, .dilation = {1, 1}};
    if (m->v->stem == TM_BYOB_STEM_3X3 || m->v->stem == TM_BYOB_STEM_7X7) {
        k.kernel = m->v->stem == TM_BYOB_STEM_7X7 ? 7 : 3;
        x = tm_byob_conv(m, "stem", x, first_conv(&k, width, 1), true);
    } else {
        tm_push(b, "stem");
        x = m->v->stem == TM_BYOB_STEM_REP
                ? rep_block(m, x, &k)
                : one_block(m, x, &k, 1, 1, m->v->stages[0].block != TM_BYOB_ONE);
        tm_pop(b);
    }
    if (m->v->stages[0].stride > 1)
        tm_tap_stage(b, "stem", x, 2);
    return x;
}

/* Whether it is of one layer. */
static bool has_stem_layer(const tm_byob *v)
{
    bool plain = v->stem == TM_BYOB_STEM_3X3 || v->stem == TM_BYOB_STEM_7X7;
    return v->stem == TM_BYOB_STEM_REP || v->stem == TM_BYOB_STEM_ONE || (plain && !v->stem_pool);
}

static int stem_reduction(const tm_byob *v)
{
    return has_stem_layer(v) ? 2 : 4;
}

static int stem_width(const tm_byob_net *m)
{
    return scaled(m, m->v->own_stem_width ? m->v->own_stem_width : m->v->stem_width);
}

static tm_node *stem(const tm_byob_net *m, tm_node *x)
{
    const tm_byob *v = m->v;
    int w = stem_width(m), half = scaled(m, v->stem_width / 2.0);
    if (has_stem_layer(v))
        return stem_layer(m, x, w);
    switch (v->stem) {
    case TM_BYOB_STEM_TIERED:
        return stem_stack(m, x, 3, (int[]){3 * w / 8, w / 2, w}, 0);
    case TM_BYOB_STEM_DEEP:
        return stem_stack(m, x, 3, (int[]){w, w, w}, 0);
    case TM_BYOB_STEM_CLIP: /* timm's list of widths; with one width it is a convolution */
        return v->own_stem_width ? stem_stack(m, x, 1, &w, 0)
                                 : stem_stack(m, x, 3, (int[]){half, half, w}, 0);
    case TM_BYOB_STEM_QUAD:
    case TM_BYOB_STEM_QUAD2:
        return stem_stack(m, x, 4,
                          (int[]){(int)rint(w / 8.0), (int)rint(w / 4.0), (int)rint(w / 2.0), w},
                          v->stem == TM_BYOB_STEM_QUAD2 ? 2 : 0);
    case TM_BYOB_STEM_3X3:
    case TM_BYOB_STEM_7X7:
    case TM_BYOB_STEM_REP:
    case TM_BYOB_STEM_ONE:
        break;
    }
    return stem_stack(m, x, 1, &w, 0);
}

/* ---- stages ---- */

/* Two blocks: a depthwise one and a pointwise one. */
static tm_node *one_pair(const tm_byob_net *m, tm_node *x, tm_byob_at k, int stage)
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

static tm_node *stage_block(const tm_byob_net *m, tm_node *x, const tm_byob_at *k)
{
    int own = m->v->own[k->stage_index];
    if (own == TM_BYOB_OWN_BUT_FIRST ? k->index > 0 : own && k->index % own == own - 1)
        return m->own(m, x, k);
    return k->stage->block == TM_BYOB_REP ? rep_block(m, x, k) : plain_block(m, x, k);
}

/* feat: sides of the map that timm expects, rounded down at each stride. */
static tm_node *stage(const tm_byob_net *m, tm_node *x, int index, tm_stage at, int feat[2])
{
    const tm_byob_stage *s = &m->v->stages[index];
    double width = m->v->width > 0 ? m->v->width : 1.0, ratio = s->ratio > 0 ? s->ratio : 1.0;
    tm_byob_at k = {.stage = s,
                    .stage_index = index,
                    .out = tm_divisible(s->channels * width, 8, 0.9),
                    .kernel = 3,
                    .dilation = {at.first_dilation, at.dilation}};
    tm_push(m->b, "stages.%d", index);
    for (int i = 0; i < s->depth; i++) {
        k.index = i;
        k.in = x->shape.c;
        k.middle = tm_divisible((is_inverted(m, s) ? k.in : k.out) * ratio, 8, 0.9);
        k.stride = i ? 1 : at.stride;
        k.feat_h = feat[0];
        k.feat_w = feat[1];
        if (s->block == TM_BYOB_ONE) {
            x = one_pair(m, x, k, index);
        } else {
            tm_push(m->b, "%d", i);
            x = stage_block(m, x, &k);
            tm_pop(m->b);
        }
        k.dilation[0] = at.dilation;
        feat[0] /= k.stride;
        feat[1] /= k.stride;
    }
    tm_pop(m->b);
    return x;
}

/* Returns the last map and its reduction. */
static tm_node *stages(const tm_byob_net *m, tm_node *x, int *reduction)
{
    tm_builder *b = m->b;
    tm_stages walk = tm_stages_begin(b, stem_reduction(m->v), 2);
    int feat[2] = {b->options.img_h / walk.reduction, b->options.img_w / walk.reduction};
    for (int i = 0; i < TM_BYOB_STAGES && m->v->stages[i].block; i++) {
        tm_stage s = tm_stages_next(&walk, m->v->stages[i].stride);
        *reduction = s.reduction;
        x = stage(m, x, i, s, feat);
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
static int feature_side(const tm_byob_net *m, int side)
{
    tm_stages walk = tm_stages_begin(m->b, stem_reduction(m->v), 2);
    side /= walk.reduction;
    for (int i = 0; i < TM_BYOB_STAGES && m->v->stages[i].block; i++)
        side /= tm_stages_next(&walk, m->v->stages[i].stride).stride;
    return side;
}

static void attention_head(const tm_byob_net *m, tm_node *x)
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

/* timm's first depthwise block has the width that the stem has by design, rounded as a stage's. */
static void check_depthwise(const tm_byob_net *m)
{
    double width = m->v->width > 0 ? m->v->width : 1.0;
    int first = tm_divisible(m->v->stem_width * width, 8, 0.9);
    if (m->v->stages[0].block == TM_BYOB_ONE && stem_width(m) != first)
        tm_refuse(m->b, "a stem of %d channels before a depthwise block of %d", stem_width(m),
                  first);
}

static void check(tm_builder *b, const tm_byob *v)
{
    bool stem_feature = v->stages[0].stride > 1, five_stages = v->stages[4].block;
    /* timm has two features of the stem then and one intermediate, or no five features */
    if (has_stem_layer(v) ? !stem_feature && !five_stages : stem_feature)
        tm_refuse(b, "a stem of stride %d before a stage of stride %d", stem_reduction(v),
                  v->stages[0].stride);
    if (v->head == TM_BYOB_CLASSIFIER && v->head_hidden)
        tm_refuse(b, "head_hidden_size: a head of type 'classifier' has no hidden layer");
    if (v->head == TM_BYOB_MLP && v->evo_norm)
        tm_refuse(b, "head_type: this network's norm is not one of pooled features");
}

static void head(const tm_byob_net *m, tm_node *x)
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

void tm_byob_build(tm_builder *b, const tm_byob *v, tm_byob_own *own)
{
    tm_byob_net m = {.b = b, .v = v, .own = own, .act = v->act ? v->act : TM_ACT_RELU};
    int reduction = 0;
    check(b, v);
    check_depthwise(&m);
    tm_node *x = stages(&m, stem(&m, b->graph->input), &reduction);
    if (v->features)
        x = tm_byob_conv(&m, "final_conv", x,
                         (tm_conv){.out = scaled(&m, v->features), .kernel = 1}, true);
    tm_tap_stage(b, "final_conv", x, reduction);
    tm_tap_final(b, x);
    head(&m, x);
}
