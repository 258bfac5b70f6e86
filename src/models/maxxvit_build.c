/* SPDX-License-Identifier: Apache-2.0 */
/* The network of maxxvit.c: blocks of convolutions and of attention. */
#include <stdio.h>

#include "layers/attention_biases.h"
#include "layers/classifier.h"
#include "layers/layer_scale.h"
#include "layers/make_divisible.h"
#include "layers/mlp.h"
#include "layers/patch_embed.h"
#include "layers/rel_pos_mlp.h"
#include "layers/squeeze_excite.h"
#include "layers/taps.h"
#include "layers/window.h"
#include "models/maxxvit.h"

enum { STAGES = TM_MAXXVIT_STAGES };

typedef struct maxxvit {
    tm_builder *b;
    const tm_maxxvit *v;
    tm_act_kind conv_act, act;
    tm_norm conv_norm, norm; /* of convolutions, of attention */
    bool bias;               /* of the last convolution of a block and its shortcut */
    tm_padding padding;
    int head_width;
    double ratio, conv_ratio, se_ratio;
    tm_window window, grid;
    int feat_h, feat_w; /* the map that a stage's biases of attention are made for */
} maxxvit;

static tm_norm conv_norm(const tm_maxxvit *v)
{
    if (v->series == CONVNEXT)
        return (tm_norm){.kind = TM_NORM_LAYER, .eps = 1e-6f};
    return (tm_norm){.kind = TM_NORM_BATCH, .eps = v->series == TF ? 1e-3f : 1e-5f};
}

static double or_usual(double given, double usual)
{
    return given > 0 ? given : usual;
}

static maxxvit begin(tm_builder *b, const tm_maxxvit *v)
{
    bool small = v->series == RW_MAX && v->blocks != COATNET;
    bool rw = v->series == RW_COAT || v->series == RW_MAX, tf = v->series == TF;
    tm_act_kind gelu = tf ? TM_ACT_GELU_TANH : TM_ACT_GELU;
    return (maxxvit){
        .b = b,
        .v = v,
        .conv_act = v->conv_act ? v->conv_act
                    : rw        ? TM_ACT_SILU
                                : gelu,
        .act = v->act ? v->act : gelu,
        .conv_norm = conv_norm(v),
        .norm = {.kind = v->batch_norm ? TM_NORM_BATCH : TM_NORM_LAYER, .eps = tf ? 1e-5f : 1e-6f},
        .bias = !rw || (v->series == RW_MAX && v->blocks == COATNET),
        .padding = tf ? TM_PAD_SAME : TM_PAD_DEFAULT,
        .head_width = v->head_width ? v->head_width : 32,
        .ratio = or_usual(v->ratio, 4),
        .conv_ratio = or_usual(v->conv_ratio, 4),
        .se_ratio = or_usual(v->se_ratio, small ? 1 / 16.0 : 0.25)};
}

static tm_node *norm_act(const maxxvit *m, const char *name, tm_node *x)
{
    return tm_activate(m->b, tm_normalize(m->b, name, x, m->conv_norm), m->conv_act);
}

/* The map with half the sides. */
static tm_node *halve(const maxxvit *m, tm_node *x, bool max)
{
    int down = x->shape.h % 2, right = x->shape.w % 2;
    if (max)
        return tm_pool2d(m->b, x, (tm_pool){.max = true, .kernel = 3, .stride = 2, .pad = 1});
    if (m->padding == TM_PAD_SAME && (down || right)) /* whose zeros count */
        x = tm_pad2d(m->b, x, 0, down, 0, right, TM_PAD_ZERO);
    return tm_pool2d(m->b, x, (tm_pool){.kernel = 2});
}

/* timm's Downsample2d */
static tm_node *downsample(const maxxvit *m, const char *name, tm_node *x, int out, bool bias)
{
    tm_push(m->b, "%s", name);
    x = halve(m, x, m->v->max_pool);
    if (x->shape.c != out)
        x = tm_conv2d(m->b, "expand", x, (tm_conv){.out = out, .kernel = 1, .bias = bias});
    tm_pop(m->b);
    return x;
}

static tm_node *add_shortcut(const maxxvit *m, tm_node *shortcut, tm_node *x)
{
    if (shortcut->shape.h == x->shape.h && shortcut->shape.w == x->shape.w)
        return tm_add(m->b, shortcut, x);
    tm_refuse(m->b, "picture %dx%d: a block makes %dx%d of it and its shortcut %dx%d",
              m->b->options.img_h, m->b->options.img_w, x->shape.h, x->shape.w, shortcut->shape.h,
              shortcut->shape.w);
    return x;
}

static tm_node *scaled(const maxxvit *m, const char *name, tm_node *x)
{
    return m->v->layer_scale ? tm_layer_scale(m->b, name, x) : x;
}

/* ---- convolutions ---- */

static tm_node *squeeze_excite(const maxxvit *m, const char *name, tm_node *x, int out)
{
    bool from_out = m->v->series == PAPER || m->v->series == TF;
    bool relu = m->v->series == RW_COAT && !m->v->silu_se;
    tm_squeeze squeeze = {.reduced = (int)(m->se_ratio * (from_out ? out : x->shape.c)),
                          .act = relu ? TM_ACT_RELU : TM_ACT_SILU};
    return tm_squeeze_excite_with(m->b, name, x, squeeze);
}

static tm_node *mb_conv(const maxxvit *m, tm_node *x, int out, int stride)
{
    tm_builder *b = m->b;
    const tm_maxxvit *v = m->v;
    bool rw = v->series == RW_COAT || v->series == RW_MAX, pooled = stride > 1 && v->pool_stride;
    int expanded = tm_divisible((rw ? x->shape.c : out) * m->conv_ratio, 8, 0.9);
    tm_conv wide = {.out = expanded, .kernel = 1}, deep = wide;
    tm_node *shortcut = stride > 1 ? downsample(m, "shortcut", x, out, m->bias) : x;
    deep.kernel = v->conv_kernel ? v->conv_kernel : 3, deep.stride = pooled ? 1 : stride;
    deep.groups = TM_DEPTHWISE, deep.padding = m->padding;
    if (v->series == RW_COAT)
        x = norm_act(m, "pre_norm", x);
    else
        x = tm_normalize(b, "pre_norm", x, m->conv_norm);
    if (pooled)
        x = halve(m, x, false);
    x = norm_act(m, "norm1", tm_conv2d(b, "conv1_1x1", x, wide));
    x = tm_conv2d(b, "conv2_kxk", x, deep);
    if (v->early)
        x = squeeze_excite(m, "se_early", x, out);
    x = norm_act(m, "norm2", x);
    if (!v->early)
        x = squeeze_excite(m, "se", x, out);
    x = tm_conv2d(b, "conv3_1x1", x, (tm_conv){.out = out, .kernel = 1, .bias = m->bias});
    return add_shortcut(m, shortcut, x);
}

static tm_node *convnext(const maxxvit *m, tm_node *x, int out, int stride)
{
    tm_builder *b = m->b;
    tm_ffn ffn = {.hidden = (int)(m->conv_ratio * out), .act = m->conv_act, .conv = true};
    tm_node *shortcut = stride > 1 ? downsample(m, "shortcut", x, out, true) : x;
    x = tm_conv2d(
        b, "conv_dw", x,
        (tm_conv){.out = out, .kernel = 7, .stride = stride, .groups = TM_DEPTHWISE, .bias = true});
    x = tm_feed_forward(b, "mlp", tm_normalize(b, "norm", x, m->conv_norm), ffn);
    return add_shortcut(m, shortcut, tm_layer_scale(b, "ls", x));
}

static tm_node *conv_block(const maxxvit *m, tm_node *x, int out, int stride)
{
    return m->v->series == CONVNEXT ? convnext(m, x, out, stride) : mb_conv(m, x, out, stride);
}

/* ---- attention ---- */

/* of h x w pixels: constant [heads, h * w, h * w], or NULL */
static tm_node *position_bias(const maxxvit *m, int heads, int h, int w)
{
    static const char name[] = "relative_position_bias_table";
    tm_builder *b = m->b;
    if (m->v->positions == POS_NONE)
        return NULL;
    if (m->v->positions == POS_MLP)
        return tm_rel_pos_mlp(b, "rel_pos", h, w, heads, m->v->mlp ? m->v->mlp : 512, 0);
    tm_push(b, "rel_pos");
    tm_node *bias;
    if (m->v->positions == POS_TABLE) {
        bias = tm_relative_position_bias(b, tm_window_table(b, name, h, w, heads), h, w);
    } else { /* offsets of keys from queries */
        int64_t offsets = (2 * (int64_t)h - 1) * (2 * w - 1);
        tm_node *table = tm_window_head_table(b, name, h, w, heads);
        table = tm_const_reshape(b, table, 2, (int64_t[]){heads, offsets});
        table = tm_const_permute(b, table, (int[]){1, 0});
        bias = tm_relative_position_bias(b, table, h, w);
        bias = tm_const_permute(b, bias, (int[]){0, 2, 1});
    }
    tm_pop(b);
    return bias;
}

/* q, k and v one after another; the checkpoint has them head by head, but for TF's */
static tm_node *project(const maxxvit *m, tm_node *x, int dim, bool linear)
{
    tm_builder *b = m->b;
    tm_conv conv = {.out = 3 * dim, .kernel = 1, .linear = linear};
    int head = m->head_width;
    tm_head_parts parts = {dim / head, 3, {head, head, head}};
    tm_node *bias = tm_param1(b, "qkv.bias", conv.out);
    tm_node *weight = linear ? tm_param2(b, "qkv.weight", conv.out, x->shape.c)
                             : tm_param4(b, "qkv.weight", conv.out, x->shape.c, 1, 1);
    if (m->v->series != TF) {
        weight = tm_parts_first(b, weight, parts);
        bias = tm_parts_first(b, bias, parts);
    }
    return tm_conv2d_with(b, "qkv", x, weight, bias, conv);
}

/* Rows of tokens, each h x w pixels. */
static tm_node *attend(const maxxvit *m, const char *name, tm_node *x, int out, tm_shape pixels)
{
    tm_builder *b = m->b;
    bool linear = m->v->blocks == MAXVIT || m->v->blocks == PARALLEL;
    int dim = m->v->series == PAPER && out > x->shape.c ? out : x->shape.c;
    int heads = dim / m->head_width;
    TM_EXPECT(b, heads && dim % m->head_width == 0,
              "channels of attention that do not divide into heads");
    if (b->graph->error.status)
        return x;
    tm_push(b, "%s", name);
    tm_node *qkv = project(m, x, dim, linear);
    x = tm_attend(
        b, tm_slice_c(b, qkv, 0, dim), tm_slice_c(b, qkv, dim, dim),
        tm_slice_c(b, qkv, 2 * dim, dim),
        (tm_attention){.heads = heads, .bias = position_bias(m, heads, pixels.h, pixels.w)});
    x = tm_conv2d(b, "proj", x, (tm_conv){.out = out, .kernel = 1, .bias = true, .linear = linear});
    tm_pop(b);
    return x;
}

static tm_node *attend_windows(const maxxvit *m, const char *name, tm_node *x, int out, bool grid)
{
    tm_shape s = x->shape;
    tm_window window = grid ? m->grid : m->window;
    x = tm_window_partition(m->b, x, window);
    x = attend(m, name, x, out, (tm_shape){.h = window.h, .w = window.w});
    return tm_window_reverse(m->b, x, s.h, s.w, window);
}

static tm_node *feed_forward(const maxxvit *m, tm_node *x, bool conv)
{
    tm_ffn ffn = {.hidden = (int)(m->ratio * x->shape.c), .act = m->act, .conv = conv};
    tm_node *y = tm_feed_forward(m->b, "mlp", tm_normalize(m->b, "norm2", x, m->norm), ffn);
    return tm_add(m->b, x, scaled(m, "ls2", y));
}

/* The whole map attends to itself. */
static tm_node *transformer(const maxxvit *m, tm_node *x, int out, int stride)
{
    tm_builder *b = m->b;
    tm_node *shortcut = x, *y = tm_normalize(b, stride > 1 ? "norm1.norm" : "norm1", x, m->norm);
    if (stride > 1) {
        shortcut = downsample(m, "shortcut", x, out, !m->v->early);
        y = halve(m, y, m->v->max_pool);
    }
    tm_shape s = y->shape;
    if (m->v->positions != POS_NONE && (s.h != m->feat_h || s.w != m->feat_w))
        tm_refuse(b, "picture %dx%d: the biases of attention are for a map of %dx%d, this is %dx%d",
                  b->options.img_h, b->options.img_w, m->feat_h, m->feat_w, s.h, s.w);
    y = tm_reshape(b, attend(m, "attn", tm_map_tokens(b, y), out, s), s.h, s.w, out);
    return feed_forward(m, tm_add(b, shortcut, scaled(m, "ls1", y)), true);
}

static tm_node *window_block(const maxxvit *m, const char *name, tm_node *x, bool grid)
{
    tm_builder *b = m->b;
    tm_push(b, "%s", name);
    tm_node *y = attend_windows(m, "attn", tm_normalize(b, "norm1", x, m->norm), x->shape.c, grid);
    x = feed_forward(m, tm_add(b, x, scaled(m, "ls1", y)), false);
    tm_pop(b);
    return x;
}

/* Half of the channels from windows, half from grids. */
static tm_node *parallel_block(const maxxvit *m, tm_node *x)
{
    tm_builder *b = m->b;
    int half = x->shape.c / 2;
    tm_push(b, "attn");
    tm_node *y = tm_normalize(b, "norm1", x, m->norm);
    y = tm_concat_c(b, 2,
                    (tm_node *[]){attend_windows(m, "attn_block", y, half, false),
                                  attend_windows(m, "attn_grid", y, half, true)});
    x = feed_forward(m, tm_add(b, x, scaled(m, "ls1", y)), false);
    tm_pop(b);
    return x;
}

/* ---- the whole ---- */

static tm_node *named_conv(const maxxvit *m, const char *name, tm_node *x, int out, int stride)
{
    tm_push(m->b, "%s", name);
    x = conv_block(m, x, out, stride);
    tm_pop(m->b);
    return x;
}

static void check_windows(const maxxvit *m, const tm_node *x, tm_window w)
{
    if (x->shape.h % w.h || x->shape.w % w.w)
        tm_refuse(m->b, "picture %dx%d: a map of %dx%d does not divide into windows of %dx%d",
                  m->b->options.img_h, m->b->options.img_w, x->shape.h, x->shape.w, w.h, w.w);
}

static tm_node *max_block(const maxxvit *m, tm_node *x, int out, int stride)
{
    bool parallel = m->v->blocks == PARALLEL;
    x = named_conv(m, parallel ? "conv.0" : "conv", x, out, stride);
    if (!m->v->grid_only)
        check_windows(m, x, m->window);
    check_windows(m, x, m->grid);
    if (m->b->graph->error.status)
        return x;
    if (parallel)
        return parallel_block(m, named_conv(m, "conv.1", x, out, 1));
    if (!m->v->grid_only)
        x = window_block(m, "attn_block", x, false);
    return window_block(m, "attn_grid", x, true);
}

static tm_node *block(const maxxvit *m, tm_node *x, int stage, int index)
{
    int out = m->v->dims[stage], stride = index ? 1 : 2;
    if (m->v->blocks == MAXVIT || m->v->blocks == PARALLEL)
        return max_block(m, x, out, stride);
    if (stage < 2 || (m->v->blocks == COATNET_MIXED && index == 0))
        return conv_block(m, x, out, stride);
    return transformer(m, x, out, stride);
}

static tm_node *stem(const maxxvit *m)
{
    tm_conv conv = {.out = m->v->stem[0],
                    .kernel = 3,
                    .stride = 2,
                    .padding = m->padding,
                    .bias = m->v->series == TF};
    tm_push(m->b, "stem");
    tm_node *x = norm_act(m, "norm1", tm_conv2d(m->b, "conv1", m->b->graph->input, conv));
    conv.out = m->v->stem[1], conv.stride = 1;
    x = tm_conv2d(m->b, "conv2", x, conv);
    tm_pop(m->b);
    return x;
}

static tm_node *stage(maxxvit *m, tm_node *x, int index)
{
    m->feat_h = (m->feat_h - 1) / 2 + 1, m->feat_w = (m->feat_w - 1) / 2 + 1;
    for (int i = 0; i < m->v->depths[index]; i++) {
        tm_push(m->b, "stages.%d.blocks.%d", index, i);
        x = block(m, x, index, i);
        tm_pop(m->b);
    }
    return x;
}

static void find_windows(maxxvit *m, tm_shape picture)
{
    const tm_maxxvit *v = m->v;
    const int *grid = v->grid[0] ? v->grid : v->window;
    int partition = v->partition ? v->partition : 32;
    m->window = (tm_window){.h = picture.h / partition, .w = picture.w / partition};
    m->grid = m->window;
    if (v->window[0]) {
        m->window = (tm_window){.h = v->window[0], .w = v->window[1]};
        m->grid = (tm_window){.h = grid[0], .w = grid[1]};
    }
    m->grid.grid = true;
    if (m->window.h < 1 || m->window.w < 1)
        tm_refuse(m->b, "picture %dx%d: smaller than %dx%d", picture.h, picture.w, partition,
                  partition);
    if (v->blocks == PARALLEL && (m->window.h != m->grid.h || m->window.w != m->grid.w))
        tm_refuse(m->b, "windows and grids attend side by side: their sizes must be the same");
}

void tm_maxxvit_build(tm_builder *b, const void *variant)
{
    const tm_maxxvit *v = variant;
    maxxvit m = begin(b, v);
    tm_shape picture = b->graph->input->shape;
    m.feat_h = picture.h / 2, m.feat_w = picture.w / 2;
    find_windows(&m, picture);
    if (b->graph->error.status)
        return;
    tm_node *x = stem(&m);
    tm_tap_stage(b, "stem", x, 2);
    for (int i = 0; i < STAGES; i++) {
        char module[16];
        x = stage(&m, x, i);
        snprintf(module, sizeof module, "stages.%d", i);
        tm_tap_feature(b, module, x, 4 << i);
        bool norm = i == STAGES - 1 && !v->hidden && tm_option_norm_intermediates(b);
        tm_tap_intermediate(b, norm ? tm_normalize(b, "norm", x, m.norm) : x, TM_LAYOUT_MAP);
    }
    if (!v->hidden)
        x = tm_normalize(b, "norm", x, m.norm);
    tm_tap_final(b, x);
    if (v->hidden)
        tm_norm_mlp_head(
            b, "head", x,
            (tm_mlp_head){.pool = "avg", .norm = m.norm, .hidden = v->hidden, .act = TM_ACT_TANH});
    else
        tm_classifier_head(b, x, "avg", "head.fc");
}
