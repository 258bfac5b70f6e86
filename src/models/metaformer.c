/* SPDX-License-Identifier: Apache-2.0 */
/* timm's metaformer.py: PoolFormer (2111.11418), PoolFormer v2, ConvFormer and CAFormer
 * (2210.13452). */
#include <stdio.h>
#include <string.h>

#include "layers/attention.h"
#include "layers/classifier.h"
#include "layers/mlp.h"
#include "layers/taps.h"
#include "models/filters.h"
#include "models/model.h"

enum { STAGES = 4 };

typedef enum mixer {
    POOL_V1, /* average pooling; GELU, biases, layer scale, no norms between stages */
    POOL,
    CONV,     /* separable convolutions */
    ATTENTION /* the same, and self-attention in the last two stages */
} mixer;

typedef struct metaformer_variant {
    const char *name;
    mixer mixer;
    int depths[STAGES], dims[STAGES];
    bool mlp_bias;            /* as PoolFormer has in any case */
    bool no_mlp_head;         /* of those of convolutions; others have none */
    bool layer_scale;         /* as PoolFormer has in any case */
    bool res_scale;           /* in all stages, not the last two alone */
    int pool_size;            /* 3 */
    double expansion;         /* of separable convolutions; 2 */
    int kernel, pad;          /* theirs; 7, 3 */
    bool conv_bias;           /* theirs */
    int head_dim;             /* of attention; 32 */
    bool qkv_bias, proj_bias; /* its */
} metaformer_variant;

#define S_DIMS                                                                                     \
    {                                                                                              \
        64, 128, 320, 512                                                                          \
    }
#define M_DIMS                                                                                     \
    {                                                                                              \
        96, 192, 384, 576                                                                          \
    }
#define B_DIMS                                                                                     \
    {                                                                                              \
        128, 256, 512, 768                                                                         \
    }
#define POOL_M_DIMS                                                                                \
    {                                                                                              \
        96, 192, 384, 768                                                                          \
    }

/* clang-format off */
static const metaformer_variant variants[] = {
    {.name = "caformer_b36", .mixer = ATTENTION, .depths = {3, 12, 18, 3}, .dims = B_DIMS},
    {.name = "caformer_m36", .mixer = ATTENTION, .depths = {3, 12, 18, 3}, .dims = M_DIMS},
    {.name = "caformer_s18", .mixer = ATTENTION, .depths = {3, 3, 9, 3}, .dims = S_DIMS},
    {.name = "caformer_s36", .mixer = ATTENTION, .depths = {3, 12, 18, 3}, .dims = S_DIMS},
    {.name = "convformer_b36", .mixer = CONV, .depths = {3, 12, 18, 3}, .dims = B_DIMS},
    {.name = "convformer_m36", .mixer = CONV, .depths = {3, 12, 18, 3}, .dims = M_DIMS},
    {.name = "convformer_s18", .mixer = CONV, .depths = {3, 3, 9, 3}, .dims = S_DIMS},
    {.name = "convformer_s36", .mixer = CONV, .depths = {3, 12, 18, 3}, .dims = S_DIMS},
    {.name = "poolformer_m36", .mixer = POOL_V1, .depths = {6, 6, 18, 6}, .dims = POOL_M_DIMS},
    {.name = "poolformer_m48", .mixer = POOL_V1, .depths = {8, 8, 24, 8}, .dims = POOL_M_DIMS},
    {.name = "poolformer_s12", .mixer = POOL_V1, .depths = {2, 2, 6, 2}, .dims = S_DIMS},
    {.name = "poolformer_s24", .mixer = POOL_V1, .depths = {4, 4, 12, 4}, .dims = S_DIMS},
    {.name = "poolformer_s36", .mixer = POOL_V1, .depths = {6, 6, 18, 6}, .dims = S_DIMS},
    {.name = "poolformerv2_m36", .mixer = POOL, .depths = {6, 6, 18, 6}, .dims = POOL_M_DIMS},
    {.name = "poolformerv2_m48", .mixer = POOL, .depths = {8, 8, 24, 8}, .dims = POOL_M_DIMS},
    {.name = "poolformerv2_s12", .mixer = POOL, .depths = {2, 2, 6, 2}, .dims = S_DIMS},
    {.name = "poolformerv2_s24", .mixer = POOL, .depths = {4, 4, 12, 4}, .dims = S_DIMS},
    {.name = "poolformerv2_s36", .mixer = POOL, .depths = {6, 6, 18, 6}, .dims = S_DIMS},
};
/* clang-format on */

/* A stage. */
typedef struct metaformer {
    tm_builder *b;
    const metaformer_variant *v;
    mixer mixer;
    tm_norm norm;
    bool layer_scale, res_scale;
} metaformer;

static const tm_norm down_norm = {.kind = TM_NORM_LAYER, .eps = 1e-6f, .no_bias = true};
static const tm_norm head_norm = {.kind = TM_NORM_LAYER, .eps = 1e-6f};

/* scale * relu(x)^2 + bias, two numbers for all channels */
static tm_node *star_relu(tm_builder *b, const char *name, tm_node *x)
{
    x = tm_activate(b, x, TM_ACT_RELU);
    tm_push(b, "%s", name);
    x = tm_mul(b, tm_mul(b, x, x), tm_param1(b, "scale", 1));
    x = tm_add(b, x, tm_param1(b, "bias", 1));
    tm_pop(b);
    return x;
}

static int or_usual(int given, int usual)
{
    return given ? given : usual;
}

static tm_node *separable(const metaformer *m, tm_node *x)
{
    tm_builder *b = m->b;
    const metaformer_variant *v = m->v;
    int c = x->shape.c, wide = (int)((v->expansion > 0 ? v->expansion : 2) * c);
    tm_conv deep = {.out = wide,
                    .kernel = or_usual(v->kernel, 7),
                    .groups = TM_DEPTHWISE,
                    .bias = v->conv_bias};
    if (deep.kernel != 2 * or_usual(v->pad, 3) + 1)
        tm_refuse(b, "kernel_size %d does not go with padding %d", deep.kernel,
                  or_usual(v->pad, 3));
    tm_push(b, "token_mixer");
    x = tm_conv2d(b, "pwconv1", x, (tm_conv){.out = wide, .kernel = 1, .bias = v->conv_bias});
    x = tm_conv2d(b, "dwconv", star_relu(b, "act1", x), deep);
    x = tm_conv2d(b, "pwconv2", x, (tm_conv){.out = c, .kernel = 1, .bias = v->conv_bias});
    tm_pop(b);
    return x;
}

static tm_node *attend(const metaformer *m, tm_node *x)
{
    tm_shape s = x->shape;
    int head_dim = or_usual(m->v->head_dim, 32);
    TM_EXPECT(m->b, s.c % head_dim == 0, "channels of attention that do not divide into heads");
    if (m->b->graph->error.status)
        return x;
    tm_qkv qkv = {
        .heads = s.c / head_dim, .no_qkv_bias = !m->v->qkv_bias, .no_proj_bias = !m->v->proj_bias};
    x = tm_self_attend(m->b, "token_mixer", tm_reshape(m->b, x, 1, s.h * s.w, s.c), qkv);
    return tm_reshape(m->b, x, s.h, s.w, s.c);
}

static tm_node *mix(const metaformer *m, tm_node *x)
{
    int size = or_usual(m->v->pool_size, 3);
    tm_pool pool = {.kernel = size, .stride = 1, .pad = size / 2};
    if (m->mixer == CONV)
        return separable(m, x);
    if (m->mixer == ATTENTION)
        return attend(m, x);
    if (size % 2 == 0)
        tm_refuse(m->b, "pool_size %d: expected an odd number", size);
    return tm_sub(m->b, tm_pool2d(m->b, x, pool), x);
}

static tm_node *feed_forward(const metaformer *m, tm_node *x)
{
    tm_builder *b = m->b;
    int c = x->shape.c;
    tm_conv in = {
        .out = 4 * c, .kernel = 1, .linear = m->mixer == ATTENTION, .bias = m->v->mlp_bias};
    tm_conv out = in;
    out.out = c;
    if (m->mixer == POOL_V1)
        return tm_feed_forward(b, "mlp", x,
                               (tm_ffn){.hidden = 4 * c, .act = TM_ACT_GELU, .conv = true});
    tm_push(b, "mlp");
    x = tm_conv2d(b, "fc2", star_relu(b, "act", tm_conv2d(b, "fc1", x, in)), out);
    tm_pop(b);
    return x;
}

static tm_node *scale(tm_builder *b, const char *name, tm_node *x)
{
    tm_push(b, "%s", name);
    x = tm_mul(b, x, tm_param1(b, "scale", x->shape.c));
    tm_pop(b);
    return x;
}

static tm_node *sum(const metaformer *m, int index, tm_node *x, tm_node *y)
{
    char name[16];
    if (m->layer_scale) {
        snprintf(name, sizeof name, "layer_scale%d", index);
        y = scale(m->b, name, y);
    }
    if (m->res_scale) {
        snprintf(name, sizeof name, "res_scale%d", index);
        x = scale(m->b, name, x);
    }
    return tm_add(m->b, x, y);
}

static tm_node *stage(const metaformer *m, const metaformer_variant *v, tm_node *x, int index)
{
    tm_builder *b = m->b;
    if (index) {
        if (v->mixer != POOL_V1)
            x = tm_normalize(b, "downsample.norm", x, down_norm);
        x = tm_conv2d(b, "downsample.conv", x,
                      (tm_conv){.out = v->dims[index], .kernel = 3, .stride = 2, .bias = true});
    }
    for (int i = 0; i < v->depths[index]; i++) {
        tm_push(b, "blocks.%d", i);
        x = sum(m, 1, x, mix(m, tm_normalize(b, "norm1", x, m->norm)));
        x = sum(m, 2, x, feed_forward(m, tm_normalize(b, "norm2", x, m->norm)));
        tm_pop(b);
    }
    return x;
}

static metaformer stage_of(tm_builder *b, const metaformer_variant *v, int index)
{
    metaformer m = {.b = b,
                    .v = v,
                    .mixer = v->mixer,
                    .layer_scale = v->layer_scale || v->mixer == POOL_V1,
                    .res_scale = v->res_scale || (v->mixer != POOL_V1 && index >= 2)};
    bool pool = v->mixer == POOL_V1 || v->mixer == POOL;
    if (v->mixer == ATTENTION && index < 2)
        m.mixer = CONV;
    m.norm = (tm_norm){.kind = pool ? TM_NORM_GROUP : TM_NORM_LAYER,
                       .groups = 1,
                       .eps = v->mixer == POOL_V1 ? 1e-5f : 1e-6f,
                       .no_bias = v->mixer != POOL_V1};
    return m;
}

static void head(tm_builder *b, const metaformer_variant *v, tm_node *x)
{
    const char *pool = tm_pool_kind(b, "avg");
    tm_layout layout = pool[0] ? TM_LAYOUT_VECTOR : TM_LAYOUT_MAP;
    bool mlp = (v->mixer == CONV || v->mixer == ATTENTION) && !v->no_mlp_head;
    if (strcmp(pool, "catavgmax") == 0)
        tm_refuse(b, "global pool 'catavgmax': pooling that changes the pooled width is not "
                     "supported");
    x = tm_normalize(b, "head.norm", tm_global_pool(b, x, pool), head_norm);
    if (!mlp || !pool[0] || b->options.num_classes == 0) {
        tm_classifier(b, x, layout, "head.fc");
        return;
    }
    tm_tap_output(b, TM_TAP_PRE_LOGITS, x, layout);
    tm_push(b, "head.fc");
    x = tm_activate(b, tm_linear(b, "fc1", x, 4 * x->shape.c, true), TM_ACT_RELU);
    x = tm_normalize(b, "norm", tm_mul(b, x, x), head_norm);
    x = tm_linear(b, "fc2", x, b->options.num_classes, true);
    tm_pop(b);
    tm_tap_output(b, TM_TAP_LOGITS, x, layout);
}

/* timm gives an argument of mixers to all of them; one at least must have it. */
static void check_mixers(tm_builder *b, const metaformer_variant *v)
{
    bool conv = v->mixer == CONV || v->mixer == ATTENTION, attention = v->mixer == ATTENTION;
    bool of_conv = v->expansion > 0 || v->kernel || v->pad || v->conv_bias;
    bool of_attention = v->head_dim || v->qkv_bias || v->proj_bias;
    if ((v->pool_size && conv) || (of_conv && !conv) || (of_attention && !attention))
        tm_refuse(b, "arguments of token mixers that this network does not have");
}

static void build(tm_builder *b, const void *variant)
{
    const metaformer_variant *v = variant;
    check_mixers(b, v);
    tm_node *x = tm_conv2d(b, "stem.conv", b->graph->input,
                           (tm_conv){.out = v->dims[0],
                                     .kernel = 7,
                                     .stride = 4,
                                     .padding = TM_PAD_EXPLICIT,
                                     .pad = 2,
                                     .bias = true});
    if (v->mixer != POOL_V1)
        x = tm_normalize(b, "stem.norm", x, down_norm);
    for (int i = 0; i < STAGES; i++) {
        metaformer m = stage_of(b, v, i);
        tm_push(b, "stages.%d", i);
        x = stage(&m, v, x, i);
        tm_pop(b);
        tm_tap_stage_of(b, "stages", i, x, 4 << i);
    }
    tm_tap_final(b, x);
    head(b, v, x);
}

/* ---- checkpoints ---- */

/* PoolFormer's `network` is stages and what is between them, in turn. */
static void from_network(tm_state_dict *dict)
{
    tm_state_replace(dict, "layer_scale_1", "layer_scale1.scale");
    tm_state_replace(dict, "layer_scale_2", "layer_scale2.scale");
    for (size_t i = 0; i < dict->count; i++) {
        tm_tensor_view *view = &dict->tensors[i];
        int part, end = 0;
        sscanf(view->name, "network.%4d.%n", &part, &end);
        if (end && part % 2)
            tm_state_rename(dict, view, "downsample_layers.%d.%s", part / 2 + 1, view->name + end);
        else if (end)
            tm_state_rename(dict, view, "stages.%d.%s", part / 2, view->name + end);
    }
}

static void rename_stages(tm_state_dict *dict)
{
    for (size_t i = 0; i < dict->count; i++) {
        tm_tensor_view *view = &dict->tensors[i];
        int stage, part, end = 0;
        sscanf(view->name, "stages.%4d.%4d.%n", &stage, &part, &end);
        if (end) {
            tm_state_rename(dict, view, "stages.%d.blocks.%d.%s", stage, part, view->name + end);
            continue;
        }
        sscanf(view->name, "downsample_layers.%4d.%n", &stage, &end);
        if (end && stage)
            tm_state_rename(dict, view, "stages.%d.downsample.%s", stage, view->name + end);
        else if (end)
            tm_state_rename(dict, view, "stem.%s", view->name + end);
    }
}

static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    static const tm_replacement table[] = {{"patch_embed", "stem"},
                                           {"stem.proj", "stem.conv"},
                                           {"downsample.proj", "downsample.conv"},
                                           {"post_norm", "norm"},
                                           {"pre_norm", "norm"}};
    (void)variant;
    if (tm_state_find(dict, "stem.conv.weight"))
        return;
    if (tm_state_find(dict, "network.0.0.mlp.fc1.weight"))
        from_network(dict);
    rename_stages(dict);
    tm_replace_all(dict, table, sizeof table / sizeof *table);
    tm_state_replace_prefix(dict, "head", "head.fc");
    tm_state_replace_prefix(dict, "norm", "head.norm");
    for (size_t i = 0; i < dict->count; i++)
        tm_reshape_to_param(dict, &dict->tensors[i], graph);
}

#define META(name, kind, member, ...) TM_TAKES(metaformer_variant, name, kind, member, __VA_ARGS__)
static const tm_argument arguments[] = {
    META("mlp_bias", FLAG, mlp_bias, TM_ANY, "poolformer_*"),
    META("use_mlp_head", NO_FLAG, no_mlp_head, TM_ANY, "poolformer*"),
    META("layer_scale_init_values", GIVEN, layer_scale, TM_ANY, "poolformer_*"),
    META("res_scale_init_values", GIVEN, res_scale, TM_ANY, "poolformer_*"),
    META("pool_size", INTEGER, pool_size, 1, 63),
    META("expansion_ratio", NUMBER, expansion, TM_RATIOS),
    META("kernel_size", INTEGER, kernel, 1, 63),
    META("padding", INTEGER, pad, 1, 31),
    META("bias", FLAG, conv_bias, TM_ANY),
    META("head_dim", INTEGER, head_dim, TM_WIDTHS),
    META("qkv_bias", FLAG, qkv_bias, TM_ANY),
    META("proj_bias", FLAG, proj_bias, TM_ANY),
};

const tm_family tm_family_metaformer = {.module = "metaformer",
                                        TM_VARIANTS(variants),
                                        TM_ARGUMENTS(arguments),
                                        .build = build,
                                        .filter = filter};
