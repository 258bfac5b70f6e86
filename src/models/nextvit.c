/* SPDX-License-Identifier: Apache-2.0 */
/* timm's nextvit.py: Next-ViT (2207.05501). */
#include <stdio.h>

#include "layers/classifier.h"
#include "layers/conv_bn_act.h"
#include "layers/mlp.h"
#include "layers/patch_embed.h"
#include "layers/taps.h"
#include "models/filters.h"
#include "models/model.h"

enum { STAGES = 4, HEAD = 32, GROUP = 5 };

typedef struct nextvit_variant {
    const char *name;
    int groups; /* of the third stage, four convolution blocks and a transformer block each */
} nextvit_variant;

static const nextvit_variant variants[] = {
    {"nextvit_small", 2},
    {"nextvit_base", 4},
    {"nextvit_large", 6},
};

static const struct {
    int width, mixed; /* channels of convolution blocks and of a transformer block */
    int depth;        /* 0: the variant's */
    int reduction;    /* tokens of a row that become one key: as many squared */
} stages[STAGES] = {{96, 0, 3, 8}, {192, 256, 4, 4}, {384, 512, 0, 2}, {768, 1024, 3, 1}};

static const tm_norm norm = {.kind = TM_NORM_BATCH};

static tm_node *embed(tm_builder *b, const char *name, tm_node *x, int out, int stride)
{
    if (stride == 1 && x->shape.c == out)
        return x;
    if (stride == 2)
        x = tm_pool2d(b, x, (tm_pool){.kernel = 2, .ceil_mode = true});
    tm_push(b, "%s", name);
    x = tm_conv_norm(b, "conv", "norm", x, (tm_conv){.out = out, .kernel = 1});
    tm_pop(b);
    return x;
}

/* x + multi-head convolutional attention */
static tm_node *add_convolution(tm_builder *b, tm_node *x)
{
    int c = x->shape.c;
    tm_push(b, "mhca");
    tm_node *y = tm_conv_norm(b, "group_conv3x3", "norm", x,
                              (tm_conv){.out = c, .kernel = 3, .groups = c / HEAD});
    y = tm_activate(b, y, TM_ACT_RELU);
    y = tm_conv2d(b, "projection", y, (tm_conv){.out = c, .kernel = 1});
    tm_pop(b);
    return tm_add(b, x, y);
}

static tm_node *add_mlp(tm_builder *b, const char *norm_name, tm_node *x, int ratio)
{
    tm_ffn ffn = {.hidden = ratio * x->shape.c, .act = TM_ACT_RELU, .conv = true};
    tm_node *y = tm_normalize(b, norm_name, x, norm);
    return tm_add(b, x, tm_feed_forward(b, "mlp", y, ffn));
}

static tm_node *conv_block(tm_builder *b, tm_node *x, int out, int stride)
{
    x = embed(b, "patch_embed", x, out, stride);
    return add_mlp(b, "norm", add_convolution(b, x), 3);
}

/* Means of as many tokens, one after another; a rest is left out. */
static tm_node *average_tokens(tm_builder *b, tm_node *x, int count)
{
    int means = x->shape.w / count, c = x->shape.c;
    x = tm_reshape(b, tm_slice_w(b, x, 0, means * count), means, count, c);
    return tm_reshape(b, tm_adaptive_avg_pool2d(b, x, means, 1), 1, means, c);
}

static tm_node *attend(tm_builder *b, tm_node *x, int reduction)
{
    int c = x->shape.c;
    tm_push(b, "e_mhsa");
    tm_node *q = tm_linear(b, "q", x, c, true);
    if (reduction > 1)
        x = tm_normalize(b, "norm", average_tokens(b, x, reduction * reduction), norm);
    tm_node *k = tm_linear(b, "k", x, c, true), *v = tm_linear(b, "v", x, c, true);
    x = tm_attend(b, q, k, v, (tm_attention){.heads = c / HEAD});
    x = tm_linear(b, "proj", x, c, true);
    tm_pop(b);
    return x;
}

/* Three quarters of the channels come from attention, the last from a convolution of them. */
static tm_node *transformer_block(tm_builder *b, tm_node *x, int out, int stride, int reduction)
{
    x = embed(b, "patch_embed", x, out / 4 * 3, stride);
    tm_shape s = x->shape;
    tm_node *y = tm_map_tokens(b, tm_normalize(b, "norm1", x, norm));
    x = tm_add(b, x, tm_reshape(b, attend(b, y, reduction), s.h, s.w, s.c));
    y = add_convolution(b, embed(b, "projection", x, out / 4, 1));
    return add_mlp(b, "norm2", tm_concat_c(b, 2, (tm_node *[]){x, y}), 2);
}

static int depth_of(const nextvit_variant *v, int stage)
{
    return stages[stage].depth ? stages[stage].depth : GROUP * v->groups;
}

static bool is_transformer(int stage, int block, int depth)
{
    return stage && (stage == 2 ? block % GROUP == GROUP - 1 : block == depth - 1);
}

static tm_node *stage(tm_builder *b, const nextvit_variant *v, tm_node *x, int index)
{
    int depth = depth_of(v, index);
    tm_push(b, "stages.%d", index);
    for (int i = 0; i < depth; i++) {
        int stride = index && i == 0 ? 2 : 1;
        tm_push(b, "blocks.%d", i);
        x = is_transformer(index, i, depth)
                ? transformer_block(b, x, stages[index].mixed, stride, stages[index].reduction)
                : conv_block(b, x, stages[index].width, stride);
        tm_pop(b);
    }
    tm_pop(b);
    return x;
}

static tm_node *stem(tm_builder *b, tm_node *x)
{
    static const int widths[] = {64, 32, 64, 64};
    for (int i = 0; i < 4; i++) {
        tm_conv conv = {.out = widths[i], .kernel = 3, .stride = i % 3 ? 1 : 2};
        tm_push(b, "stem.%d", i);
        x = tm_activate(b, tm_conv_norm(b, "conv", "norm", x, conv), TM_ACT_RELU);
        tm_pop(b);
    }
    return x;
}

static void build(tm_builder *b, const void *variant)
{
    tm_node *x = stem(b, b->graph->input);
    for (int i = 0; i < STAGES - 1; i++) {
        x = stage(b, variant, x, i);
        tm_tap_stage_of(b, "stages", i, x, 4 << i);
    }
    x = stage(b, variant, x, STAGES - 1);
    x = tm_tap_last_stage(b, "stages", STAGES - 1, x, 4 << (STAGES - 1), norm);
    tm_classifier_head(b, x, "avg", "head.fc");
}

/* The authors count the blocks of all stages. */
static void rename_block(tm_state_dict *dict, tm_tensor_view *view, const nextvit_variant *v)
{
    int block, end = 0, stage = 0;
    sscanf(view->name, "features.%4d.%n", &block, &end);
    if (!end)
        return;
    for (; stage < STAGES - 1 && block >= depth_of(v, stage); stage++)
        block -= depth_of(v, stage);
    tm_state_rename(dict, view, "stages.%d.blocks.%d.%s", stage, block, view->name + end);
}

static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    static const tm_replacement table[] = {
        {"mlp.conv1.", "mlp.fc1."}, {"mlp.conv2.", "mlp.fc2."}, {"proj_head.0.", "head.fc."}};
    (void)graph;
    for (size_t i = 0; i < dict->count; i++)
        rename_block(dict, &dict->tensors[i], variant);
    tm_replace_all(dict, table, sizeof table / sizeof *table);
}

const tm_family tm_family_nextvit = {
    .module = "nextvit", TM_VARIANTS(variants), .build = build, .filter = filter};
