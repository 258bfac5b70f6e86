/* SPDX-License-Identifier: Apache-2.0 */
/* timm's fastvit.py: FastViT (2303.14189) and MobileCLIP's image encoders (2311.17049). Branches
 * become one convolution at load. */
#include <stdio.h>
#include <string.h>

#include "layers/classifier.h"
#include "layers/make_divisible.h"
#include "layers/patch_embed.h"
#include "layers/squeeze_excite.h"
#include "layers/taps.h"
#include "models/filters.h"
#include "models/model.h"

enum { STAGES_MAX = 5, HEAD = 32, LARGE = 7 };

typedef struct fastvit_variant {
    const char *name;
    int depths[STAGES_MAX]; /* of as many stages as there are */
    int width;              /* of the first stage; each next one has twice as many channels */
    int ratio;              /* of the MLPs: 4 */
    bool attention;         /* from the fourth stage on, behind positions from a convolution */
    bool excite_down;       /* squeeze-excite where the third and fourth stage begin */
    bool act_down;          /* an activation there */
    bool layer_norm;        /* in place of the batch norm before attention, eps 1e-5 */
    bool plain_stem;        /* no 1x1 branches */
    tm_int_list own_depths, own_widths, own_ratios; /* of every stage; empty: as said above */
    int mix_kernel, down_kernel;                    /* 3, 7 */
    double last_ratio;                              /* of the last convolution's channels; 2 */
    bool merged;                                    /* branches are one convolution in the file */
} fastvit_variant;

/* clang-format off */
static const fastvit_variant variants[] = {
    {.name = "fastvit_ma36", .depths = {6, 6, 18, 6}, .width = 76, .attention = true},
    {.name = "fastvit_mci0", .depths = {2, 6, 10, 2}, .width = 64, .ratio = 3, .attention = true,
     .excite_down = true, .act_down = true},
    {.name = "fastvit_mci1", .depths = {4, 12, 20, 4}, .width = 64, .ratio = 3, .attention = true,
     .excite_down = true, .act_down = true},
    {.name = "fastvit_mci2", .depths = {4, 12, 24, 4}, .width = 80, .ratio = 3, .attention = true,
     .excite_down = true, .act_down = true},
    {.name = "fastvit_mci3", .depths = {2, 12, 24, 4, 2}, .width = 96, .attention = true,
     .act_down = true, .layer_norm = true, .plain_stem = true},
    {.name = "fastvit_mci4", .depths = {2, 12, 24, 4, 4}, .width = 128, .attention = true,
     .act_down = true, .layer_norm = true, .plain_stem = true},
    {.name = "fastvit_s12", .depths = {2, 2, 6, 2}, .width = 64},
    {.name = "fastvit_sa12", .depths = {2, 2, 6, 2}, .width = 64, .attention = true},
    {.name = "fastvit_sa24", .depths = {4, 4, 12, 4}, .width = 64, .attention = true},
    {.name = "fastvit_sa36", .depths = {6, 6, 18, 6}, .width = 64, .attention = true},
    {.name = "fastvit_t12", .depths = {2, 2, 6, 2}, .width = 64, .ratio = 3},
    {.name = "fastvit_t8", .depths = {2, 2, 4, 2}, .width = 48, .ratio = 3},
};
/* clang-format on */

static const tm_norm norm = {.kind = TM_NORM_BATCH};

static int width_of(const fastvit_variant *v, int stage)
{
    return v->own_widths.count ? v->own_widths.values[stage] : v->width << stage;
}

static int depth_of(const fastvit_variant *v, int stage)
{
    return v->own_depths.count ? v->own_depths.values[stage] : v->depths[stage];
}

static int ratio_of(const fastvit_variant *v, int stage)
{
    return v->own_ratios.count ? v->own_ratios.values[stage] : v->ratio ? v->ratio : 4;
}

static tm_conv depthwise(int out, int kernel, int stride)
{
    return (tm_conv){.out = out, .kernel = kernel, .stride = stride, .groups = TM_DEPTHWISE};
}

/* ---- branches ---- */

/* timm's MobileOneBlock in the scope, as one convolution: a norm of x where it has the result's
 * shape, a 1x1 branch unless the kernel is, one of the kernel. */
static tm_branch mobile_one(tm_builder *b, tm_node *x, tm_conv conv, bool plain)
{
    tm_conv point = conv;
    tm_branch sum = tm_conv_norm_branch(b, "conv_kxk.0.conv", "conv_kxk.0.bn", x, conv, norm);
    point.kernel = 1;
    if (conv.kernel > 1 && !plain)
        sum = tm_add_branch(
            b, sum, tm_conv_norm_branch(b, "conv_scale.conv", "conv_scale.bn", x, point, norm));
    if (conv.out == x->shape.c && conv.stride < 2)
        sum = tm_add_branch(b, sum, tm_norm_branch(b, "identity", x, norm));
    return sum;
}

/* What timm makes of branches when it is built for inference. */
static tm_node *merged_conv(tm_builder *b, tm_node *x, tm_conv conv)
{
    conv.bias = true;
    return tm_conv2d(b, "reparam_conv", x, conv);
}

static tm_node *mobile_one_act(tm_builder *b, const fastvit_variant *v, const char *name,
                               tm_node *x, tm_conv conv, bool plain, bool excite)
{
    tm_push(b, "%s", name);
    if (v->merged) {
        x = merged_conv(b, x, conv);
    } else {
        tm_branch sum = mobile_one(b, x, conv, plain);
        x = tm_conv2d_with(b, "conv", x, sum.weight, sum.bias, conv);
    }
    if (excite)
        x = tm_squeeze_excite(b, "se", x, tm_divisible(conv.out / 16.0, 1, 0));
    tm_pop(b);
    return tm_activate(b, x, TM_ACT_GELU);
}

static tm_node *large_conv(tm_builder *b, const fastvit_variant *v, tm_node *x, int out)
{
    tm_conv large = depthwise(out, v->down_kernel ? v->down_kernel : LARGE, 2);
    tm_conv small = depthwise(out, 3, 2);
    if (v->merged)
        return merged_conv(b, x, large);
    tm_branch sum =
        tm_add_branch(b, tm_conv_norm_branch(b, "large_conv.conv", "large_conv.bn", x, large, norm),
                      tm_conv_norm_branch(b, "small_conv.conv", "small_conv.bn", x, small, norm));
    return tm_conv2d_with(b, "conv", x, sum.weight, sum.bias, large);
}

/* timm's ReparamLargeKernelConv and a MobileOneBlock: half the side. */
static tm_node *downsample(tm_builder *b, const fastvit_variant *v, tm_node *x, int stage)
{
    int out = width_of(v, stage);
    tm_push(b, "downsample.proj");
    tm_push(b, "0");
    x = large_conv(b, v, x, out);
    if (v->excite_down && stage >= 2)
        x = tm_squeeze_excite(b, "se", x, tm_divisible(out * 0.25, 8, 0));
    tm_pop(b);
    if (v->act_down)
        x = tm_activate(b, x, TM_ACT_GELU);
    x = mobile_one_act(b, v, "1", x, (tm_conv){.out = out, .kernel = 1}, false, false);
    tm_pop(b);
    return x;
}

/* ---- blocks ---- */

/* gamma [c, 1, 1] */
static tm_node *scaled(tm_builder *b, const char *name, tm_node *x)
{
    int64_t c = x->shape.c;
    tm_push(b, "%s", name);
    tm_node *gamma = tm_const_reshape(b, tm_param3(b, "gamma", c, 1, 1), 1, &c);
    tm_pop(b);
    return tm_mul(b, x, gamma);
}

/* x + gamma * (convolutions of x - norm of x) */
static tm_node *mix_by_convolution(tm_builder *b, const fastvit_variant *v, tm_node *x)
{
    tm_conv conv = depthwise(x->shape.c, v->mix_kernel ? v->mix_kernel : 3, 1);
    tm_push(b, "token_mixer");
    if (v->merged) {
        x = merged_conv(b, x, conv);
        tm_pop(b);
        return x;
    }
    tm_push(b, "mixer");
    tm_branch mixer = mobile_one(b, x, conv, false);
    tm_pop(b);
    tm_branch minus = tm_norm_branch(b, "norm.identity", x, norm);
    minus.weight = tm_const_affine(b, minus.weight, -1.0f, 0.0f);
    minus.bias = tm_const_affine(b, minus.bias, -1.0f, 0.0f);
    tm_branch sum = tm_add_branch(b, mixer, minus);
    tm_node *y = tm_conv2d_with(b, "conv", x, sum.weight, sum.bias, conv);
    x = tm_add(b, scaled(b, "layer_scale", y), x);
    tm_pop(b);
    return x;
}

static tm_node *mix_by_attention(tm_builder *b, const fastvit_variant *v, tm_node *x)
{
    int c = x->shape.c, h = x->shape.h, w = x->shape.w;
    tm_norm layer = {.kind = TM_NORM_LAYER, .eps = 1e-5f};
    TM_EXPECT(b, c % HEAD == 0, "channels of attention that do not divide into heads of 32");
    if (b->graph->error.status)
        return x;
    tm_node *y = tm_map_tokens(b, tm_normalize(b, "norm", x, v->layer_norm ? layer : norm));
    tm_push(b, "token_mixer");
    tm_node *all = tm_linear(b, "qkv", y, 3 * c, false);
    y = tm_attend(b, tm_slice_c(b, all, 0, c), tm_slice_c(b, all, c, c),
                  tm_slice_c(b, all, 2 * c, c), (tm_attention){.heads = c / HEAD});
    y = tm_reshape(b, tm_linear(b, "proj", y, c, true), h, w, c);
    tm_pop(b);
    return tm_add(b, scaled(b, "layer_scale_1", y), x);
}

static tm_node *mlp(tm_builder *b, tm_node *x, int ratio)
{
    int c = x->shape.c;
    tm_push(b, "mlp");
    tm_node *y = tm_conv2d(b, "conv.conv", x, depthwise(c, LARGE, 1));
    y = tm_normalize(b, "conv.bn", y, norm);
    y = tm_conv2d(b, "fc1", y, (tm_conv){.out = ratio * c, .kernel = 1, .bias = true});
    y = tm_activate(b, y, TM_ACT_GELU);
    y = tm_conv2d(b, "fc2", y, (tm_conv){.out = c, .kernel = 1, .bias = true});
    tm_pop(b);
    return y;
}

static tm_node *block(tm_builder *b, const fastvit_variant *v, tm_node *x, int ratio,
                      bool attention)
{
    x = attention ? mix_by_attention(b, v, x) : mix_by_convolution(b, v, x);
    tm_node *y = mlp(b, x, ratio);
    return tm_add(b, scaled(b, attention ? "layer_scale_2" : "layer_scale", y), x);
}

static tm_node *add_positions(tm_builder *b, const fastvit_variant *v, tm_node *x)
{
    tm_conv conv = depthwise(x->shape.c, LARGE, 1);
    conv.bias = true;
    tm_push(b, "pos_emb");
    tm_node *y = v->merged ? merged_conv(b, x, conv) : tm_conv2d(b, "pos_enc", x, conv);
    tm_pop(b);
    return v->merged ? y : tm_add(b, y, x);
}

static tm_node *stage(tm_builder *b, const fastvit_variant *v, tm_node *x, int index)
{
    bool attention = v->attention && index >= 3;
    tm_push(b, "stages.%d", index);
    if (index)
        x = downsample(b, v, x, index);
    if (attention)
        x = add_positions(b, v, x);
    for (int i = 0; i < depth_of(v, index); i++) {
        tm_push(b, "blocks.%d", i);
        x = block(b, v, x, ratio_of(v, index), attention);
        tm_pop(b);
    }
    tm_pop(b);
    return x;
}

static int count_stages(const fastvit_variant *v)
{
    int count = 0;
    while (count < STAGES_MAX && v->depths[count])
        count++;
    return count;
}

static void check_list(tm_builder *b, const char *name, tm_int_list list, int stages)
{
    if (list.count && list.count != stages)
        tm_refuse(b, "%s: found %d numbers, expected one for each of %d stages", name, list.count,
                  stages);
}

static void check(tm_builder *b, const fastvit_variant *v, int stages)
{
    check_list(b, "layers", v->own_depths, stages);
    check_list(b, "embed_dims", v->own_widths, stages);
    check_list(b, "mlp_ratios", v->own_ratios, stages);
    if ((v->mix_kernel && v->mix_kernel % 2 == 0) || (v->down_kernel && v->down_kernel % 2 == 0))
        tm_refuse(b, "repmixer_kernel_size, down_patch_size: expected odd numbers");
}

static tm_node *stem(tm_builder *b, const fastvit_variant *v)
{
    int width = width_of(v, 0);
    tm_conv first = {.out = width, .kernel = 3, .stride = 2};
    tm_node *x = mobile_one_act(b, v, "stem.0", b->graph->input, first, v->plain_stem, false);
    x = mobile_one_act(b, v, "stem.1", x, depthwise(width, 3, 2), v->plain_stem, false);
    return mobile_one_act(b, v, "stem.2", x, (tm_conv){.out = width, .kernel = 1}, false, false);
}

static void build(tm_builder *b, const void *variant)
{
    const fastvit_variant *v = variant;
    int stages = count_stages(v);
    check(b, v, stages);
    if (b->graph->error.status)
        return;
    tm_node *x = stem(b, v);
    for (int i = 0; i < stages; i++) {
        x = stage(b, v, x, i);
        tm_tap_stage_of(b, "stages", i, x, 4 << i);
    }
    b->graph->default_features = -4;
    int out = (int)(x->shape.c * (v->last_ratio > 0 ? v->last_ratio : 2));
    x = mobile_one_act(b, v, "final_conv", x, depthwise(out, 3, 1), false, true);
    b->graph->pruning = TM_PRUNING_TOGETHER;
    tm_tap_final(b, x);
    tm_classifier_head(b, x, "avg", "head.fc");
}

/* ---- checkpoints ---- */

/* Stages are numbered with the layers between them, network.N; those layers are N.proj. */
static int stage_of(const tm_state_dict *dict, int layer)
{
    int before = 0, last = -1;
    for (size_t i = 0; i < dict->count; i++) {
        int n, end = 0;
        sscanf(dict->tensors[i].name, "network.%4d.proj%n", &n, &end);
        if (end && n <= layer && n != last) {
            bool seen = false;
            for (size_t k = 0; k < i && !seen; k++) {
                int m, stop = 0;
                sscanf(dict->tensors[k].name, "network.%4d.proj%n", &m, &stop);
                seen = stop && m == n;
            }
            before += !seen;
            last = n;
        }
    }
    return before;
}

static void rename_network(tm_state_dict *dict)
{
    int stages[64];
    for (int n = 0; n < 64; n++)
        stages[n] = stage_of(dict, n);
    for (size_t i = 0; i < dict->count; i++) {
        tm_tensor_view *view = &dict->tensors[i];
        int n, end = 0;
        sscanf(view->name, "network.%4d%n", &n, &end);
        if (!end || n < 0 || n >= 64)
            continue;
        const char *rest = view->name + end;
        if (strncmp(rest, ".proj", 5) == 0)
            tm_state_rename(dict, view, "stages.%d.downsample%s", stages[n], rest);
        else if (strncmp(rest, ".pe", 3) == 0)
            tm_state_rename(dict, view, "stages.%d.pos_emb.pos_enc%s", stages[n], rest + 3);
        else
            tm_state_rename(dict, view, "stages.%d.blocks%s", stages[n], rest);
    }
}

/* gamma stands under a name of its own. */
static void rename_scales(tm_state_dict *dict)
{
    for (size_t i = 0; i < dict->count; i++) {
        tm_tensor_view *view = &dict->tensors[i];
        const char *at = strstr(view->name, "layer_scale");
        const char *rest = at ? at + strlen("layer_scale") : "";
        if (at && (!*rest || (rest[0] == '_' && rest[1] && !rest[2])))
            tm_state_rename(dict, view, "%s.gamma", view->name);
    }
}

/* CLIP's projection is the classifier, without bias. */
static void rename_head(tm_state_dict *dict)
{
    tm_tensor_view *proj = tm_state_find(dict, "head.proj");
    if (proj && proj->rank == 2) {
        int64_t classes = proj->shape[1];
        tm_state_permute(dict, proj, (int[]){1, 0});
        tm_state_rename(dict, proj, "head.fc.weight");
        tm_add_vector(dict, "head.fc.bias", classes, false);
        return;
    }
    tm_state_replace_prefix(dict, "head.", "head.fc.");
}

static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    static const tm_replacement table[] = {
        {"patch_embed", "stem"},    {"rbr_conv", "conv_kxk"},   {"rbr_scale", "conv_scale"},
        {"rbr_skip", "identity"},   {"conv_exp", "final_conv"}, {"lkb_origin", "large_conv"},
        {"convffn", "mlp"},         {"se.reduce", "se.fc1"},    {"se.expand", "se.fc2"},
        {"dist_head", "head_dist"},
    };
    (void)graph, (void)variant;
    if (tm_state_find(dict, "stem.0.conv_kxk.0.conv.weight"))
        return;
    if (tm_state_find(dict, "visual.trunk.stem.0.conv_kxk.0.conv.weight")) {
        tm_state_keep_prefix(dict, "visual.trunk.");
        return;
    }
    if (tm_state_find(dict, "image_encoder.model.patch_embed.0.rbr_conv.0.conv.weight"))
        tm_state_keep_prefix(dict, "image_encoder.model.");
    tm_replace_all(dict, table, sizeof table / sizeof *table);
    rename_scales(dict);
    rename_head(dict);
    rename_network(dict);
}

#define FASTVIT(name, kind, member, ...) TM_TAKES(fastvit_variant, name, kind, member, __VA_ARGS__)
static const tm_argument arguments[] = {
    FASTVIT("layers", BLOCKS, own_depths, TM_DEPTHS),
    FASTVIT("embed_dims", BLOCKS, own_widths, TM_WIDTHS),
    FASTVIT("mlp_ratios", BLOCKS, own_ratios, 1, 64),
    FASTVIT("repmixer_kernel_size", INTEGER, mix_kernel, 3, 63),
    FASTVIT("down_patch_size", INTEGER, down_kernel, 3, 63),
    FASTVIT("lkc_use_act", FLAG, act_down, TM_ANY),
    FASTVIT("stem_use_scale_branch", NO_FLAG, plain_stem, TM_ANY),
    FASTVIT("cls_ratio", NUMBER, last_ratio, TM_RATIOS),
    FASTVIT("inference_mode", FLAG, merged, TM_ANY),
};

const tm_family tm_family_fastvit = {.module = "fastvit",
                                     TM_VARIANTS(variants),
                                     TM_ARGUMENTS(arguments),
                                     .build = build,
                                     .filter = filter};
