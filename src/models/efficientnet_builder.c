/* SPDX-License-Identifier: Apache-2.0 */
#include "models/efficientnet_builder.h"

#include <math.h>
#include <stdio.h>

#include "base/error.h"
#include "layers/blur_pool.h"
#include "layers/conv_bn_act.h"
#include "layers/evo_norm.h"
#include "layers/layer_scale.h"
#include "layers/make_divisible.h"
#include "layers/patch_embed.h"
#include "layers/stages.h"
#include "layers/taps.h"

int tm_effnet_channels(const tm_effnet *net, int channels)
{
    return tm_divisible(channels * net->width, net->divisor, net->round_limit);
}

tm_node *tm_effnet_conv(const tm_effnet *net, const char *name, tm_node *x, tm_conv conv)
{
    conv.padding = net->padding;
    return tm_conv2d(net->b, name, x, conv);
}

static int norm_groups(const tm_effnet *net, int channels)
{
    if (channels % net->norm_group_size)
        tm_refuse(net->b, "norm groups of %d do not divide %d channels", net->norm_group_size,
                  channels);
    return channels / net->norm_group_size;
}

static tm_norm norm_of(const tm_effnet *net, int channels)
{
    tm_norm norm = {.eps = net->norm_eps};
    switch (net->norm) {
    case TM_EFFNET_BATCH:
    case TM_EFFNET_EVO:
        norm.kind = TM_NORM_BATCH;
        break;
    case TM_EFFNET_GROUP:
        norm.kind = TM_NORM_GROUP;
        norm.groups = norm_groups(net, channels);
        break;
    case TM_EFFNET_ONE_GROUP:
        norm.kind = TM_NORM_GROUP;
        norm.groups = 1;
        break;
    case TM_EFFNET_LAYER:
        norm.kind = TM_NORM_LAYER;
        break;
    case TM_EFFNET_RMS:
        norm.kind = TM_NORM_RMS;
        norm.eps = net->norm_eps > 0 ? net->norm_eps : 1e-6f;
        break;
    }
    return norm;
}

tm_node *tm_effnet_norm(const tm_effnet *net, const char *name, tm_node *x, tm_act_kind act)
{
    int c = x->shape.c;
    if (net->norm == TM_EFFNET_EVO)
        return tm_evo_norm_s0(net->b, name, x, norm_groups(net, c), act != TM_ACT_NONE,
                              net->norm_eps);
    return tm_activate(net->b, tm_normalize(net->b, name, x, norm_of(net, c)), act);
}

tm_node *tm_effnet_conv_norm(const tm_effnet *net, const char *name, tm_node *x, tm_conv conv,
                             tm_act_kind act)
{
    tm_conv_tail tail = {.norm = norm_of(net, conv.out), .act = act, .aa = net->aa};
    conv.padding = net->padding;
    return tm_conv_norm_act(net->b, name, x, conv, tail);
}

/* ---- one block ---- */

typedef enum depth_space {
    NOT_DEPTH, /* no space-to-depth */
    TO_DEPTH,  /* the block that begins it */
    IN_DEPTH   /* pixels are in the channels */
} depth_space;

/* Channels are the design's; a pruned network has fewer. */
typedef struct block {
    const tm_effnet *net;
    tm_block_args args;
    int in, out, stride, dilation;
    depth_space depth;
    double se_ratio; /* of the expanded channels */
    tm_act_kind act;
    tm_padding spatial_padding;
    tm_node *routing; /* weights of the experts, 1 x 1 x experts; or NULL */
} block;

/* timm's group_size: 0 means one group, 1 depthwise */
static int groups(const block *k, int channels, int size)
{
    size = k->args.group_size >= 0 ? k->args.group_size : size;
    if (size == 0)
        return 1;
    if (channels % size)
        tm_refuse(k->net->b, "group_size %d does not divide %d channels", size, channels);
    return size == 1 ? TM_DEPTHWISE : channels / size;
}

/* channels of part i of count: equal, the first takes the rest */
static int mixed_part(int channels, int count, int i)
{
    int part = channels / count;
    return i ? part : channels - part * (count - 1);
}

/* a convolution for every part of the channels, kernels differ */
static tm_node *mixed_conv(const block *k, const char *name, tm_node *x, tm_kernel_sizes kernel,
                           tm_conv conv)
{
    tm_builder *b = k->net->b;
    tm_node *parts[TM_MAX_MIXED];
    int out = conv.out, begin = 0;
    tm_push(b, "%s", name);
    for (int i = 0; i < kernel.count; i++) {
        char part[16];
        snprintf(part, sizeof part, "%d", i);
        int in = mixed_part(x->shape.c, kernel.count, i);
        conv.kernel = kernel.sizes[i];
        conv.out = mixed_part(out, kernel.count, i);
        parts[i] = tm_conv2d(b, part, tm_slice_c(b, x, begin, in), conv);
        begin += in;
    }
    x = tm_concat_c(b, kernel.count, parts);
    tm_pop(b);
    return x;
}

/* CondConv2d: the weights that the routing mixes for a picture from those of the experts, each
 * out x `each` of them, as a linear layer gives them: 1 x each x out. */
static tm_node *mixed_weights(const block *k, const char *name, int out, int each)
{
    tm_builder *b = k->net->b;
    int count = k->args.experts, elements = out * each;
    tm_push(b, "%s", name);
    tm_node *weight = tm_param2(b, "weight", count, elements);
    tm_pop(b);
    weight = tm_const_reshape(b, weight, 3, (int64_t[]){count, out, each});
    weight = tm_const_permute(b, weight, (int[]){2, 1, 0});
    weight = tm_const_reshape(b, weight, 4, (int64_t[]){elements, count, 1, 1});
    tm_node *mixed =
        tm_conv2d_with(b, name, k->routing, weight, NULL, (tm_conv){.out = elements, .kernel = 1});
    return tm_reshape(b, mixed, 1, each, out);
}

static tm_node *pointwise_experts(const block *k, const char *name, tm_node *x, int out)
{
    tm_builder *b = k->net->b;
    tm_shape s = x->shape;
    x = tm_reshape(b, x, 1, s.h * s.w, s.c);
    x = tm_matmul(b, x, mixed_weights(k, name, out, s.c));
    return tm_reshape(b, x, s.h, s.w, out);
}

static tm_node *expert_conv(const block *k, const char *name, tm_node *x, tm_conv conv)
{
    bool depthwise = conv.groups == TM_DEPTHWISE;
    TM_ASSERT(depthwise || conv.kernel == 1);
    if (!depthwise)
        return pointwise_experts(k, name, x, conv.out);
    tm_node *filters = mixed_weights(k, name, conv.out, conv.kernel * conv.kernel);
    return tm_conv2d_filtered(k->net->b, name, x, filters, conv);
}

static tm_node *block_conv(const block *k, const char *name, tm_node *x, tm_kernel_sizes kernel,
                           tm_conv conv)
{
    if (conv.padding == TM_PAD_DEFAULT)
        conv.padding = k->net->padding;
    if (kernel.count > 1)
        return mixed_conv(k, name, x, kernel, conv);
    conv.kernel = kernel.sizes[0];
    return k->routing ? expert_conv(k, name, x, conv) : tm_conv2d(k->net->b, name, x, conv);
}

/* Spatial convolution, norm, activation; in place of its stride, but for experts, anti-aliasing. */
static tm_node *spatial_conv(const block *k, const char *const names[2], tm_node *x,
                             tm_kernel_sizes kernel, int out, int group_count)
{
    bool aa = k->net->aa && k->stride > 1 && k->depth != TO_DEPTH;
    x = block_conv(k, names[0], x, kernel,
                   (tm_conv){.out = out,
                             .stride = aa ? 1 : k->stride,
                             .dilation = k->dilation,
                             .groups = group_count,
                             .padding = k->spatial_padding});
    x = tm_effnet_norm(k->net, names[1], x, k->act);
    return aa && !k->routing ? tm_anti_alias(k->net->b, x, k->net->aa, k->stride) : x;
}

static tm_node *squeeze(const block *k, tm_node *x, int channels)
{
    return k->se_ratio > 0 ? tm_effnet_squeeze(k->net, x, channels, k->se_ratio, k->act) : x;
}

/* Four pixels become channels, by a convolution; what follows sees k as a block of that picture. */
static tm_node *to_depth(block *k, tm_node *x)
{
    if (k->depth != TO_DEPTH)
        return x;
    k->in *= 4;
    x = tm_conv2d(k->net->b, "conv_s2d", x,
                  (tm_conv){.out = k->in, .kernel = 2, .stride = 2, .padding = TM_PAD_SAME});
    x = tm_effnet_norm(k->net, "bn_s2d", x, k->act);
    int *size = &k->args.kernel.sizes[0];
    *size = (*size + 1) / 2;
    if (*size == 2)
        k->spatial_padding = TM_PAD_SAME;
    return x;
}

static tm_node *depthwise_separable(block k, tm_node *x)
{
    x = to_depth(&k, x);
    if (k.net->aa > TM_AA_AVG && k.stride > 1 && k.in != k.out)
        tm_refuse(k.net->b, "aa_layer: the blur of a block with %d channels in takes its %d out",
                  k.in, k.out);
    x = spatial_conv(&k, (const char *[]){"conv_dw", "bn1"}, x, k.args.kernel, x->shape.c,
                     groups(&k, k.in, 1));
    x = squeeze(&k, x, k.in);
    x = block_conv(&k, "conv_pw", x, k.args.projection_kernel, (tm_conv){.out = k.out});
    return tm_effnet_norm(k.net, "bn2", x, k.args.end_act ? k.act : TM_ACT_NONE);
}

static tm_node *inverted_residual(block k, tm_node *x)
{
    tm_builder *b = k.net->b;
    x = to_depth(&k, x);
    int mid = tm_divisible(k.in * k.args.expansion, 8, 0.9);
    if (k.args.experts) {
        tm_node *pooled = tm_reduce_hw(b, x, TM_REDUCE_AVG);
        k.routing = tm_linear(b, "routing_fn", pooled, k.args.experts, true);
        k.routing = tm_activate(b, k.routing, TM_ACT_SIGMOID);
    }
    x = block_conv(&k, "conv_pw", x, k.args.expansion_kernel, (tm_conv){.out = mid});
    x = tm_effnet_norm(k.net, "bn1", x, k.act);
    x = spatial_conv(&k, (const char *[]){"conv_dw", "bn2"}, x, k.args.kernel, x->shape.c,
                     groups(&k, mid, 1));
    x = squeeze(&k, x, mid);
    x = block_conv(&k, "conv_pwl", x, k.args.projection_kernel, (tm_conv){.out = k.out});
    return tm_effnet_norm(k.net, "bn3", x, TM_ACT_NONE);
}

static tm_node *edge_residual(const block *k, tm_node *x)
{
    int in = k->args.expansion_in ? tm_effnet_channels(k->net, k->args.expansion_in) : k->in;
    int mid = tm_divisible(in * k->args.expansion, 8, 0.9);
    x = spatial_conv(k, (const char *[]){"conv_exp", "bn1"}, x, k->args.kernel, mid,
                     groups(k, mid, 0));
    x = squeeze(k, x, mid);
    x = block_conv(k, "conv_pwl", x, k->args.projection_kernel, (tm_conv){.out = k->out});
    return tm_effnet_norm(k->net, "bn2", x, TM_ACT_NONE);
}

static tm_node *plain_conv(const block *k, tm_node *x)
{
    return spatial_conv(k, (const char *[]){"conv", "bn1"}, x, k->args.kernel, k->out,
                        groups(k, k->in, 0));
}

/* MobileNet-V4 (2404.10518): the stride is the first depthwise convolution's that is not the
 * optional one before the expansion, if there is any. */
static tm_node *universal_inverted_residual(const block *k, tm_node *x)
{
    int start = k->args.expansion_kernel.sizes[0], middle = k->args.kernel.sizes[0];
    int end = k->args.projection_kernel.sizes[0];
    int mid = tm_divisible(k->in * k->args.expansion, 8, 0.9);
    tm_conv depthwise = {.out = k->in, .dilation = k->dilation, .stride = middle ? 1 : k->stride};
    if (start) {
        depthwise.kernel = start;
        depthwise.groups = groups(k, k->in, 1);
        x = tm_effnet_conv_norm(k->net, "dw_start", x, depthwise, TM_ACT_NONE);
    }
    x = tm_effnet_conv_norm(k->net, "pw_exp", x, (tm_conv){.out = mid, .kernel = 1}, k->act);
    if (middle) {
        depthwise.kernel = middle;
        depthwise.out = mid;
        depthwise.stride = k->stride;
        depthwise.groups = groups(k, mid, 1);
        x = tm_effnet_conv_norm(k->net, "dw_mid", x, depthwise, k->act);
    }
    x = squeeze(k, x, mid);
    x = tm_effnet_conv_norm(k->net, "pw_proj", x, (tm_conv){.out = k->out, .kernel = 1},
                            TM_ACT_NONE);
    if (end) {
        depthwise.kernel = end;
        depthwise.out = k->out;
        depthwise.stride = start || middle ? 1 : k->stride;
        depthwise.groups = groups(k, k->out, 1);
        x = tm_effnet_conv_norm(k->net, "dw_end", x, depthwise, TM_ACT_NONE);
    }
    return k->net->layer_scale ? tm_layer_scale(k->net->b, "layer_scale", x) : x;
}

/* A key or value of one head, as tokens. */
static tm_node *shared_head(const block *k, const char *name, tm_node *x)
{
    tm_builder *b = k->net->b;
    tm_push(b, "%s", name);
    if (k->args.kv_stride > 1) {
        x = tm_effnet_conv(k->net, "down_conv", x,
                           (tm_conv){.out = x->shape.c,
                                     .kernel = k->args.kernel.sizes[0],
                                     .stride = k->args.kv_stride,
                                     .dilation = k->dilation,
                                     .groups = TM_DEPTHWISE});
        x = tm_effnet_norm(k->net, "norm", x, TM_ACT_NONE);
    }
    x = tm_conv2d(b, "proj", x, (tm_conv){.out = k->args.head_width, .kernel = 1});
    tm_pop(b);
    return tm_map_tokens(b, x);
}

/* All heads of the query share one key and value: every head of every pixel is a query token. */
static tm_node *multi_query_attention(const block *k, tm_node *x)
{
    tm_builder *b = k->net->b;
    int heads = k->args.heads, width = k->args.head_width;
    int h = x->shape.h, w = x->shape.w;
    x = tm_effnet_norm(k->net, "norm", x, TM_ACT_NONE);
    tm_push(b, "attn");
    tm_node *q = tm_conv2d(b, "query.proj", x, (tm_conv){.out = heads * width, .kernel = 1});
    q = tm_reshape(b, q, 1, h * w * heads, width);
    tm_node *key = shared_head(k, "key", x), *value = shared_head(k, "value", x);
    x = tm_attend(b, q, key, value, (tm_attention){.heads = 1});
    x = tm_reshape(b, x, h, w, heads * width);
    x = tm_conv2d(b, "output.proj", x, (tm_conv){.out = k->out, .kernel = 1});
    tm_pop(b);
    return k->net->layer_scale ? tm_layer_scale(b, "layer_scale", x) : x;
}

static tm_node *run_block(const block *k, tm_node *x)
{
    bool skip = k->stride == 1 && k->in == k->out && !k->args.no_skip;
    tm_node *y = x;
    switch (k->args.type) {
    case TM_BLOCK_DS:
        y = depthwise_separable(*k, x);
        break;
    case TM_BLOCK_IR:
        y = inverted_residual(*k, x);
        break;
    case TM_BLOCK_ER:
        y = edge_residual(k, x);
        break;
    case TM_BLOCK_CN:
        y = plain_conv(k, x);
        skip = skip && k->args.skip;
        break;
    case TM_BLOCK_UIR:
        y = universal_inverted_residual(k, x);
        break;
    case TM_BLOCK_MQA:
        y = multi_query_attention(k, x);
        break;
    }
    return skip ? tm_add(k->net->b, y, x) : y;
}

/* ---- stages ---- */

/* Where the walk through the blocks stands. */
typedef struct progress {
    int channels;
    tm_stages walk;
    depth_space depth;
} progress;

static void enter_depth(progress *at, tm_block_args *args)
{
    if (at->depth == NOT_DEPTH && args->space_to_depth) {
        at->depth = TO_DEPTH;
        at->walk.reduction *= 2;
    } else if (at->depth == TO_DEPTH) {
        at->depth = IN_DEPTH;
    }
    if (at->depth == IN_DEPTH && args->stride == 2) {
        args->stride = 1; /* the picture is already this small */
        args->expansion /= 4;
        at->depth = NOT_DEPTH;
    }
}

static block next_block(const tm_effnet *net, tm_block_args args, progress *at)
{
    enter_depth(at, &args);
    block k = {.net = net,
               .in = at->channels,
               .out = tm_effnet_channels(net, args.out) * (at->depth ? 4 : 1),
               .dilation = at->walk.dilation, /* not yet what its own stride becomes */
               .depth = at->depth,
               .se_ratio = args.se_ratio,
               .act = args.act ? args.act : net->act,
               .spatial_padding = net->padding};
    if (!net->se_from_expansion && args.type != TM_BLOCK_DS)
        k.se_ratio /= args.expansion;
    if (at->depth == TO_DEPTH)
        k.se_ratio /= 4;
    k.stride = tm_stages_next(&at->walk, args.stride).stride;
    at->channels = k.out;
    args.experts *= net->expert_multiplier > 1 ? net->expert_multiplier : 1;
    if (args.group_size < 0 && net->group_size)
        args.group_size = net->group_size;
    k.args = args;
    return k;
}

static tm_node *run_stage(const tm_effnet *net, tm_node *x, const tm_stage_args *stage,
                          progress *at)
{
    int index = 0;
    for (int i = 0; i < stage->count; i++) {
        tm_block_args args = stage->blocks[i];
        for (int r = 0; r < args.repeat; r++, index++) {
            /* only the first block of a stage has a stride */
            if (index)
                args.stride = 1;
            block k = next_block(net, args, at);
            tm_push(net->b, "%d", index);
            x = run_block(&k, x);
            tm_pop(net->b);
        }
    }
    return x;
}

static double stage_depth(const tm_effnet *net, int index, bool last)
{
    if (net->fixed_ends && (index == 0 || last))
        return 1.0;
    return net->stage_depths ? net->stage_depths[index] : net->depth;
}

tm_node *tm_effnet_stages(const tm_effnet *net, tm_node *x, int in, const char *const *stages)
{
    progress at = {.channels = in,
                   .walk = net->fixed_stride ? tm_stages_backbone(2)
                                             : tm_stages_begin(net->b, 2, 2)};
    tm_stage_args stage, next;
    tm_decode_stage(stages[0], &next);
    if (next.blocks[0].stride > 1 || next.blocks[0].space_to_depth)
        tm_tap_stage(net->b, "bn1", x, at.walk.reduction);
    for (int i = 0; stages[i]; i++) {
        bool last = !stages[i + 1];
        char module[24];
        snprintf(module, sizeof module, "blocks.%d", i);
        stage = next;
        tm_scale_depth(&stage, stage_depth(net, i, last), net->round_depth);
        if (!last)
            tm_decode_stage(stages[i + 1], &next);
        tm_push(net->b, "%s", module);
        x = run_stage(net, x, &stage, &at);
        tm_pop(net->b);
        /* a stage's end is a feature level where the next one strides, but for the stride that
           ends a space-to-depth region */
        if (last || (next.blocks[0].stride > 1 && at.depth == NOT_DEPTH))
            tm_tap_stage(net->b, module, x, at.walk.reduction);
    }
    return x;
}
