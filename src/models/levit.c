/* SPDX-License-Identifier: Apache-2.0 */
/* timm's levit.py: LeViT (2104.01136). */
#include <stdio.h>

#include "layers/attention_biases.h"
#include "layers/classifier.h"
#include "layers/distilled_head.h"
#include "layers/patch_embed.h"
#include "models/filters.h"
#include "models/model.h"

enum { STAGES = 3, RATIO = 2 /* of values and MLPs */, DOWN_RATIO = 4 };

typedef enum levit_stem { STEM_16, STEM_8 /* by its stride */ } levit_stem;

typedef struct levit_variant {
    const char *name;
    bool conv; /* 1x1 convolutions of maps in place of linear layers of tokens */
    int key_dim, dims[STAGES], heads[STAGES], depths[STAGES];
    double value_ratios[STAGES], mlp_ratios[STAGES]; /* 2 */
    tm_act_kind act, attention_act;                  /* hard swish; as act */
    bool one_head;
    levit_stem stem;
} levit_variant;

/* clang-format off */
#define L128S .key_dim = 16, .dims = {128, 256, 384}, .heads = {4, 6, 8}, .depths = {2, 3, 4}
#define L128 .key_dim = 16, .dims = {128, 256, 384}, .heads = {4, 8, 12}, .depths = {4, 4, 4}
#define L192 .key_dim = 32, .dims = {192, 288, 384}, .heads = {3, 5, 6}, .depths = {4, 4, 4}
#define L256 .key_dim = 32, .dims = {256, 384, 512}, .heads = {4, 6, 8}, .depths = {4, 4, 4}
#define L256D .key_dim = 32, .dims = {256, 384, 512}, .heads = {4, 6, 8}, .depths = {4, 8, 6},     \
    .act = TM_ACT_SILU, .one_head = true
#define L384 .key_dim = 32, .dims = {384, 512, 768}, .heads = {6, 9, 12}, .depths = {4, 4, 4}
#define L512 .key_dim = 64, .dims = {512, 768, 1024}, .heads = {8, 12, 16}, .depths = {4, 4, 4},   \
    .act = TM_ACT_SILU, .one_head = true
#define L512_S8 .key_dim = 64, .dims = {512, 640, 896}, .heads = {8, 10, 14}, .depths = {4, 4, 4}, \
    .act = TM_ACT_SILU, .one_head = true, .stem = STEM_8
#define L512D .key_dim = 64, .dims = {512, 640, 768}, .heads = {8, 10, 12}, .depths = {4, 8, 6},   \
    .act = TM_ACT_SILU, .one_head = true

static const levit_variant variants[] = {
    {.name = "levit_128", L128},
    {.name = "levit_128s", L128S},
    {.name = "levit_192", L192},
    {.name = "levit_256", L256},
    {.name = "levit_256d", L256D},
    {.name = "levit_384", L384},
    {.name = "levit_384_s8", L384, .act = TM_ACT_SILU, .stem = STEM_8},
    {.name = "levit_512", L512},
    {.name = "levit_512_s8", L512_S8},
    {.name = "levit_512d", L512D},
    {.name = "levit_conv_128", .conv = true, L128},
    {.name = "levit_conv_128s", .conv = true, L128S},
    {.name = "levit_conv_192", .conv = true, L192},
    {.name = "levit_conv_256", .conv = true, L256},
    {.name = "levit_conv_256d", .conv = true, L256D},
    {.name = "levit_conv_384", .conv = true, L384},
    {.name = "levit_conv_384_s8", .conv = true, L384, .act = TM_ACT_SILU, .stem = STEM_8},
    {.name = "levit_conv_512", .conv = true, L512},
    {.name = "levit_conv_512_s8", .conv = true, L512_S8},
    {.name = "levit_conv_512d", .conv = true, L512D},
};
/* clang-format on */

typedef struct levit {
    tm_builder *b;
    const levit_variant *v;
    tm_act_kind act, attention_act;
} levit;

static const tm_norm norm = {.kind = TM_NORM_BATCH};

static tm_node *layer(const levit *m, const char *name, tm_node *x, int out)
{
    tm_push(m->b, "%s", name);
    x = tm_conv2d(m->b, "linear", x, (tm_conv){.out = out, .kernel = 1, .linear = !m->v->conv});
    x = tm_normalize(m->b, "bn", x, norm);
    tm_pop(m->b);
    return x;
}

/* A layer whose channels are cut into heads before they are cut into parts. */
static tm_node *head_layer(const levit *m, const char *name, tm_node *x, tm_head_parts parts)
{
    tm_conv conv = {.kernel = 1, .linear = !m->v->conv};
    for (int i = 0; i < parts.count; i++)
        conv.out += parts.heads * parts.dims[i];
    tm_push(m->b, "%s", name);
    tm_branch all = tm_conv_norm_branch(m->b, "linear", "bn", x, conv, norm);
    x = tm_conv2d_with(m->b, "linear", x, tm_parts_first(m->b, all.weight, parts),
                       tm_parts_first(m->b, all.bias, parts), conv);
    tm_pop(m->b);
    return x;
}

static tm_node *project(const levit *m, tm_node *x, int out, int h, int w)
{
    x = layer(m, "proj.ln", tm_activate(m->b, x, m->attention_act), out);
    return tm_reshape(m->b, x, h, w, out);
}

/* A stage's ratio of the variant, or timm's. */
static double ratio(const double ratios[STAGES], int index)
{
    return ratios[index] > 0 ? ratios[index] : RATIO;
}

static tm_node *attend(const levit *m, tm_node *x, int index)
{
    tm_builder *b = m->b;
    tm_shape s = x->shape;
    int key = m->v->key_dim, heads = m->v->heads[index], all = heads * key;
    int value = (int)(ratio(m->v->value_ratios, index) * key);
    tm_push(b, "attn");
    tm_node *qkv = head_layer(m, "qkv", x, (tm_head_parts){heads, 3, {key, key, value}});
    qkv = tm_map_tokens(b, qkv);
    tm_node *y = tm_attend(
        b, tm_slice_c(b, qkv, 0, all), tm_slice_c(b, qkv, all, all),
        tm_slice_c(b, qkv, 2 * all, heads * value),
        (tm_attention){.heads = heads, .bias = tm_attention_biases(b, heads, s.h, s.w, 1)});
    y = project(m, y, s.c, s.h, s.w);
    tm_pop(b);
    return y;
}

/* Queries are every second pixel of both sides. */
static tm_node *attend_down(const levit *m, tm_node *x, int out)
{
    tm_builder *b = m->b;
    int key = m->v->key_dim, heads = x->shape.c / key, all = heads * key;
    tm_push(b, "attn_downsample");
    tm_node *kv = head_layer(m, "kv", x, (tm_head_parts){heads, 2, {key, DOWN_RATIO * key}});
    kv = tm_map_tokens(b, kv);
    tm_node *q = layer(m, "q.ln", tm_pool2d(b, x, (tm_pool){.kernel = 1, .stride = 2}), all);
    tm_node *bias = tm_attention_biases(b, heads, x->shape.h, x->shape.w, 2);
    tm_node *y = tm_attend(b, tm_map_tokens(b, q), tm_slice_c(b, kv, 0, all),
                           tm_slice_c(b, kv, all, DOWN_RATIO * all),
                           (tm_attention){.heads = heads, .bias = bias});
    y = project(m, y, out, q->shape.h, q->shape.w);
    tm_pop(b);
    return y;
}

static tm_node *feed_forward(const levit *m, tm_node *x, double times)
{
    int c = x->shape.c;
    tm_push(m->b, "mlp");
    tm_node *y = layer(m, "ln1", x, (int)(c * times));
    y = layer(m, "ln2", tm_activate(m->b, y, m->act), c);
    tm_pop(m->b);
    return tm_add(m->b, x, y);
}

static tm_node *stage(const levit *m, tm_node *x, int index)
{
    tm_builder *b = m->b;
    if (index) {
        tm_push(b, "downsample");
        x = feed_forward(m, attend_down(m, x, m->v->dims[index]), RATIO);
        tm_pop(b);
    }
    for (int i = 0; i < m->v->depths[index]; i++) {
        tm_push(b, "blocks.%d", i);
        x = tm_add(b, x, attend(m, x, index));
        x = feed_forward(m, x, ratio(m->v->mlp_ratios, index));
        tm_pop(b);
    }
    return x;
}

static tm_node *stem(const levit *m, tm_node *x)
{
    tm_builder *b = m->b;
    int convs = m->v->stem == STEM_8 ? 3 : 4;
    if (x->shape.h % (1 << convs) || x->shape.w % (1 << convs))
        tm_refuse(b, "picture %dx%d: the attention biases need sides that divide by %d", x->shape.h,
                  x->shape.w, 1 << convs);
    for (int i = 1; i <= convs; i++) {
        tm_push(b, "stem.conv%d", i);
        x = tm_conv2d(b, "linear", x,
                      (tm_conv){.out = m->v->dims[0] >> (convs - i), .kernel = 3, .stride = 2});
        x = tm_normalize(b, "bn", x, norm);
        tm_pop(b);
        if (i < convs)
            x = tm_activate(b, x, m->act);
    }
    return x;
}

static void build(tm_builder *b, const void *variant)
{
    const levit_variant *v = variant;
    tm_act_kind act = v->act ? v->act : TM_ACT_HARD_SWISH;
    levit m = {
        .b = b, .v = v, .act = act, .attention_act = v->attention_act ? v->attention_act : act};
    tm_node *x = stem(&m, b->graph->input);
    for (int i = 0; i < STAGES; i++) {
        char module[16];
        snprintf(module, sizeof module, "stages.%d", i);
        tm_push(b, "%s", module);
        x = stage(&m, x, i);
        tm_pop(b);
        tm_tap_feature(b, module, x, (v->stem == STEM_8 ? 8 : 16) << i);
        tm_tap_intermediate(b, x, TM_LAYOUT_MAP);
    }
    tm_layout layout = v->conv ? TM_LAYOUT_MAP : TM_LAYOUT_TOKENS;
    if (!v->conv)
        x = tm_map_tokens(b, x);
    b->graph->pruning = TM_PRUNING_CUT;
    tm_tap_output(b, TM_TAP_FINAL, x, layout);
    tm_tap_output(b, TM_TAP_FORWARD_FEATURES, x, layout);
    const char *pool = tm_average_or_none(b);
    tm_distilled_head(b, tm_global_pool(b, x, pool), pool[0] ? TM_LAYOUT_VECTOR : layout,
                      (tm_distilled){.head = "head",
                                     .dist = v->one_head ? NULL : "head_dist",
                                     .linear = "linear"});
}

static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    (void)graph, (void)variant;
    tm_drop_containing(dict, "attention_bias_idxs");
}

static const tm_choice stems[] = {{"s16", STEM_16}, {"s8", STEM_8}, {NULL, 0}};

#define LEVIT(name, kind, member, ...) TM_TAKES(levit_variant, name, kind, member, __VA_ARGS__)
static const tm_argument arguments[] = {
    LEVIT("embed_dim", LIST, dims, TM_WIDTHS),
    LEVIT("key_dim", INTEGER, key_dim, TM_WIDTHS),
    LEVIT("depth", LIST, depths, TM_DEPTHS),
    LEVIT("num_heads", INTEGERS, heads, TM_HEADS),
    LEVIT("attn_ratio", NUMBERS, value_ratios, TM_RATIOS),
    LEVIT("mlp_ratio", NUMBERS, mlp_ratios, TM_RATIOS),
    LEVIT("stem_type", CHOICE, stem, TM_ANY, .choices = stems),
    LEVIT("act_layer", ACT, act, TM_ANY),
    LEVIT("attn_act_layer", ACT, attention_act, TM_ANY),
    LEVIT("use_conv", FLAG, conv, TM_ANY, "levit_conv_*"),
    LEVIT("distilled", NO_FLAG, one_head, TM_ANY, "*256d *512*"),
};

const tm_family tm_family_levit = {.module = "levit",
                                   TM_VARIANTS(variants),
                                   TM_ARGUMENTS(arguments),
                                   .build = build,
                                   .filter = filter};
