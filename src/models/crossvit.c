/* SPDX-License-Identifier: Apache-2.0 */
/* timm's crossvit.py: Cross-Attention Multi-Scale Vision Transformer (2103.14899). */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "layers/classifier.h"
#include "layers/distilled_head.h"
#include "layers/patch_embed.h"
#include "layers/pool1d.h"
#include "layers/taps.h"
#include "layers/upsample.h"
#include "layers/vit_block.h"
#include "models/filters.h"
#include "models/model.h"

enum { BRANCHES = 2, STAGES = 3 };

typedef struct crossvit_variant {
    const char *name;
    int dims[BRANCHES], heads[BRANCHES];
    int depth;             /* blocks of the second branch in a stage; the first has one */
    double ratios[3];      /* of a branch's MLPs, and of one that there is not */
    int patches[BRANCHES]; /* 12, 16 */
    bool conv;             /* patches by three convolutions */
    bool large; /* made for 408 pixels a side, of which the second branch sees 384; else 240,
                   of which it sees 224 */
    bool crop;  /* what it sees is the middle, not the whole smaller */
    bool no_qkv_bias;
} crossvit_variant;

/* clang-format off */
#define C9 .dims = {128, 256}, .heads = {4, 4}, .depth = 3, .ratios = {3, 3, 1}
#define C15 .dims = {192, 384}, .heads = {6, 6}, .depth = 5, .ratios = {3, 3, 1}
#define C18 .dims = {224, 448}, .heads = {7, 7}, .depth = 6, .ratios = {3, 3, 1}
#define C4 .depth = 4, .ratios = {4, 4, 1}

static const crossvit_variant variants[] = {
    {.name = "crossvit_15_240", C15},
    {.name = "crossvit_15_dagger_240", C15, .conv = true},
    {.name = "crossvit_15_dagger_408", C15, .conv = true, .large = true},
    {.name = "crossvit_18_240", C18},
    {.name = "crossvit_18_dagger_240", C18, .conv = true},
    {.name = "crossvit_18_dagger_408", C18, .conv = true, .large = true},
    {.name = "crossvit_9_240", C9},
    {.name = "crossvit_9_dagger_240", C9, .conv = true},
    {.name = "crossvit_base_240", .dims = {384, 768}, .heads = {12, 12}, C4},
    {.name = "crossvit_small_240", .dims = {192, 384}, .heads = {6, 6}, C4},
    {.name = "crossvit_tiny_240", .dims = {96, 192}, .heads = {3, 3}, C4},
};
/* clang-format on */

static const tm_norm norm = {.kind = TM_NORM_LAYER, .eps = 1e-6f};

/* A branch: tokens, the class's first, of h x w patches. */
typedef struct branch {
    tm_node *x;
    int h, w;
} branch;

/* ---- patches ---- */

static double scale_of(const crossvit_variant *v, int index)
{
    return index == 0 ? 1.0 : v->large ? 384.0 / 408 : 224.0 / 240;
}

static int patch_of(const crossvit_variant *v, int index)
{
    static const int usual[BRANCHES] = {12, 16};
    return v->patches[index] ? v->patches[index] : usual[index];
}

/* h x w pixels from the middle */
static tm_node *crop(tm_builder *b, tm_node *x, int h, int w)
{
    int count = h * w, down = (int)rint((x->shape.h - h) / 2.0),
        right = (int)rint((x->shape.w - w) / 2.0);
    int *pixels = tm_arena_alloc(&b->graph->arena, (size_t)count * sizeof *pixels);
    if (!pixels) {
        tm_fail(&b->graph->error, TM_NO_MEMORY, "no memory for the model's graph");
        return x;
    }
    for (int i = 0; i < count; i++)
        pixels[i] = (down + i / w) * x->shape.w + right + i % w;
    return tm_gather_pixels(b, x, h, w, pixels);
}

static tm_node *scaled(tm_builder *b, const crossvit_variant *v, int index)
{
    tm_shape s = b->graph->input->shape;
    double scale = scale_of(v, index);
    int h = (int)(s.h * scale), w = (int)(s.w * scale);
    return v->crop && index ? crop(b, b->graph->input, h, w)
                            : tm_resize_bicubic(b, b->graph->input, h, w);
}

static tm_node *conv_patches(tm_builder *b, tm_node *x, int width, int patch)
{
    bool small = patch == 12;
    const tm_conv convs[] = {
        {.out = width / 4, .kernel = 7, .stride = 4, .padding = TM_PAD_EXPLICIT, .pad = 3},
        {.out = width / 2,
         .kernel = 3,
         .stride = small ? 3 : 2,
         .padding = TM_PAD_EXPLICIT,
         .pad = small ? 0 : 1},
        {.out = width, .kernel = 3, .stride = small ? 1 : 2, .padding = TM_PAD_EXPLICIT, .pad = 1}};
    static const char *const names[] = {"proj.0", "proj.2", "proj.4"};
    if (!small && patch != 16)
        tm_refuse(b, "multi_conv: patches of 12 or 16 pixels a side, not of %d", patch);
    for (int i = 0; i < 3; i++) {
        tm_conv conv = convs[i];
        conv.bias = true;
        x = tm_conv2d(b, names[i], i ? tm_activate(b, x, TM_ACT_RELU) : x, conv);
    }
    return x;
}

static branch embed(tm_builder *b, const crossvit_variant *v, int index)
{
    char name[16];
    int width = v->dims[index], patch = patch_of(v, index);
    tm_node *x = scaled(b, v, index);
    int h = x->shape.h / patch, w = x->shape.w / patch, count = h * x->shape.w / patch;
    snprintf(name, sizeof name, "patch_embed.%d", index);
    if (v->conv) {
        tm_push(b, "%s", name);
        x = conv_patches(b, x, width, patch);
        tm_pop(b);
    } else {
        x = tm_patch_embed(b, name, x, width, patch, true);
    }
    if (x->shape.h * x->shape.w != count || h * w != count)
        tm_refuse(b, "picture %dx%d: %d patches of branch %d, positions for %d",
                  b->graph->input->shape.h, b->graph->input->shape.w, x->shape.h * x->shape.w,
                  index, count);
    snprintf(name, sizeof name, "cls_token_%d", index);
    tm_node *token = tm_param3(b, name, 1, 1, width);
    x = tm_concat_w(b, 2, (tm_node *[]){token, tm_map_tokens(b, x)});
    snprintf(name, sizeof name, "pos_embed_%d", index);
    x = tm_add(b, x, tm_param3(b, name, 1, 1 + (int64_t)count, width));
    return (branch){x, h, w};
}

/* ---- stages ---- */

static tm_node *own_blocks(tm_builder *b, const crossvit_variant *v, tm_node *x, int index)
{
    tm_vit_block block = {
        .qkv = {.heads = v->heads[index], .no_qkv_bias = v->no_qkv_bias},
        .ffn = {.hidden = (int)(v->ratios[index] * x->shape.c), .act = TM_ACT_GELU},
        .norm = norm};
    for (int i = 0; i < (index ? v->depth : 1); i++) {
        tm_push(b, "blocks.%d.%d", index, i);
        x = tm_block(b, x, &block);
        tm_pop(b);
    }
    return x;
}

/* The class token at the other branch's width. */
static tm_node *project(tm_builder *b, const char *list, int index, tm_node *token, int width)
{
    tm_push(b, "%s.%d", list, index);
    token = tm_activate(b, tm_normalize(b, "0", token, norm), TM_ACT_GELU);
    token = tm_linear(b, "2", token, width, true);
    tm_pop(b);
    return token;
}

/* A branch's token, as it looks at the patches of the other one. */
static tm_node *fuse(tm_builder *b, const crossvit_variant *v, int index, tm_node *token,
                     tm_node *other)
{
    int c = other->shape.c;
    bool bias = !v->no_qkv_bias;
    tm_node *rest = tm_slice_w(b, other, 1, other->shape.w - 1);
    tm_push(b, "fusion.%d", index);
    tm_node *all = tm_concat_w(b, 2, (tm_node *[]){token, rest});
    all = tm_normalize(b, "norm1", all, norm);
    tm_push(b, "attn");
    tm_node *q = tm_linear(b, "wq", tm_slice_w(b, all, 0, 1), c, bias);
    tm_node *k = tm_linear(b, "wk", all, c, bias), *value = tm_linear(b, "wv", all, c, bias);
    tm_node *y = tm_attend(b, q, k, value, (tm_attention){.heads = v->heads[1 - index]});
    y = tm_linear(b, "proj", y, c, true);
    tm_pop(b);
    tm_pop(b);
    return tm_add(b, token, y);
}

/* Each branch alone, then its class token goes to the other and comes back. */
static void stage(tm_builder *b, const crossvit_variant *v, branch *branches)
{
    tm_node *own[BRANCHES], *tokens[BRANCHES];
    for (int i = 0; i < BRANCHES; i++)
        own[i] = own_blocks(b, v, branches[i].x, i);
    for (int i = 0; i < BRANCHES; i++)
        tokens[i] = project(b, "projs", i, tm_slice_w(b, own[i], 0, 1), own[1 - i]->shape.c);
    for (int i = 0; i < BRANCHES; i++) {
        tm_node *token = fuse(b, v, i, tokens[i], own[1 - i]);
        token = project(b, "revert_projs", i, token, own[i]->shape.c);
        tm_node *rest = tm_slice_w(b, own[i], 1, own[i]->shape.w - 1);
        branches[i].x = tm_concat_w(b, 2, (tm_node *[]){token, rest});
    }
}

/* ---- the network ---- */

static tm_node *final_norm(tm_builder *b, tm_node *x, int index)
{
    char name[16];
    snprintf(name, sizeof name, "norm.%d", index);
    return tm_normalize(b, name, x, norm);
}

/* The first branch after every stage, then the second. */
static void tap_stages(tm_builder *b, const crossvit_variant *v, branch stages[STAGES][BRANCHES])
{
    bool norms = tm_option_norm_intermediates(b);
    for (int i = 0; i < BRANCHES * STAGES; i++) {
        char module[16];
        branch at = stages[i % STAGES][i / STAGES];
        int reduction = (int)lround(patch_of(v, i / STAGES) / scale_of(v, i / STAGES));
        tm_node *x = tm_slice_w(b, at.x, 1, at.h * at.w);
        snprintf(module, sizeof module, "blocks.%d", i % STAGES);
        tm_tap_feature(b, module, tm_reshape(b, x, at.h, at.w, x->shape.c), reduction);
        x = norms ? final_norm(b, x, i / STAGES) : x;
        tm_tap_intermediate(b, tm_reshape(b, x, at.h, at.w, x->shape.c), TM_LAYOUT_MAP);
    }
    b->graph->token_blocks = true;
    b->graph->chosen_features = 1u << (STAGES - 1) | 1u << (2 * STAGES - 1);
}

/* The mean of what the branches say. */
static void head(tm_builder *b, tm_node *const *normed)
{
    const char *pool = tm_pool_kind(b, "token");
    if (strcmp(pool, "avg") != 0 && strcmp(pool, "token") != 0)
        tm_refuse(b, "global pool '%s': this family has token or avg", pool);
    tm_node *xs[] = {tm_pool_tokens(b, normed[0], pool, 1), tm_pool_tokens(b, normed[1], pool, 1)};
    tm_mean_of_heads(b, tm_concat_c(b, 2, xs), xs, (const char *const[]){"head.0", "head.1"});
}

static void build(tm_builder *b, const void *variant)
{
    const crossvit_variant *v = variant;
    branch branches[BRANCHES], stages[STAGES][BRANCHES];
    tm_node *normed[BRANCHES];
    for (int i = 0; i < BRANCHES; i++)
        branches[i] = embed(b, v, i);
    for (int i = 0; i < STAGES && !b->graph->error.status; i++) {
        tm_push(b, "blocks.%d", i);
        stage(b, v, branches);
        tm_pop(b);
        memcpy(stages[i], branches, sizeof branches);
    }
    if (b->graph->error.status)
        return;
    tap_stages(b, v, stages);
    for (int i = 0; i < BRANCHES; i++) {
        normed[i] = final_norm(b, branches[i].x, i);
        tm_tap_final_tokens(b, normed[i]);
    }
    b->graph->pruning = TM_PRUNING_OWN;
    head(b, normed);
}

/* The authors' lists of tokens and positions are members here. */
static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    static const tm_replacement table[] = {{"pos_embed.", "pos_embed_"},
                                           {"cls_token.", "cls_token_"}};
    (void)graph, (void)variant;
    tm_replace_all(dict, table, sizeof table / sizeof *table);
}

/* One variant's function says what others have as defaults. */
#define CROSSVIT(name, kind, member, ...)                                                          \
    TM_TAKES(crossvit_variant, name, kind, member, __VA_ARGS__)
#define SAID "crossvit_18_240"
static const tm_argument arguments[] = {
    CROSSVIT("patch_size", LIST, patches, 1, 1024, SAID),
    CROSSVIT("embed_dim", LIST, dims, TM_WIDTHS, SAID),
    CROSSVIT("num_heads", LIST, heads, TM_HEADS, SAID),
    CROSSVIT("mlp_ratio", NUMBERS, ratios, TM_RATIOS, SAID),
    CROSSVIT("multi_conv", FLAG, conv, TM_ANY),
    CROSSVIT("crop_scale", FLAG, crop, TM_ANY),
    CROSSVIT("qkv_bias", NO_FLAG, no_qkv_bias, TM_ANY),
};

const tm_family tm_family_crossvit = {.module = "crossvit",
                                      TM_VARIANTS(variants),
                                      TM_ARGUMENTS(arguments),
                                      .build = build,
                                      .filter = filter};
