/* SPDX-License-Identifier: Apache-2.0 */
/* timm's naflexvit.py: ViTs of any size and aspect ratio (NaViT 2307.06304, FlexiViT 2212.08013),
 * SigLIP 2 (2502.14786) and C-RADIO (2412.07679), on whole pictures. */
#include <string.h>

#include "layers/patch_embed.h"
#include "models/filters.h"
#include "models/vision_transformer.h"

enum { PATCH = 16 };

typedef struct naflex_variant {
    tm_vit vit; /* its name first */
    int grid;   /* of the learned positions (16) */
    tm_resampling resampling;
    bool factorized; /* positions of rows and of columns */
} naflex_variant;

#define BASE .width = 768, .depth = 12, .heads = 12
#define SO150M                                                                                     \
    .width = 832, .depth = 21, .heads = 13, .mlp_ratio = 34.0 / 13, .no_qkv_bias = true,           \
    .registers = 1, .layer_scale = true
#define GAP .pool = "avg", .fc_norm = TM_VIT_FC_NORM_ALWAYS, .no_class_token = true
#define MAP .pool = "map", .fc_norm = TM_VIT_FC_NORM_AVG, .no_class_token = true
#define RADIO .pool = "token", .no_final_norm = true
#define RADIO_GRID(on_corners)                                                                     \
    .grid = 128, .resampling = {.bilinear = true, .corners = (on_corners), .square = true}

static const naflex_variant variants[] = {
    {.vit = {.name = "naflexvit_base_patch16_gap", BASE, GAP, .registers = 4, .layer_scale = true}},
    {.vit =
         {.name = "naflexvit_base_patch16_par_gap", BASE, GAP, .registers = 4, .layer_scale = true},
     .resampling = {.square = true}},
    {.vit = {.name = "naflexvit_base_patch16_parfac_gap",
             BASE,
             GAP,
             .registers = 4,
             .layer_scale = true},
     .resampling = {.square = true},
     .factorized = true},
    {.vit = {.name = "naflexvit_base_patch16_map", BASE, MAP, .registers = 1, .layer_scale = true}},
    {.vit = {.name = "naflexvit_so150m2_patch16_reg1_gap", SO150M, GAP}},
    {.vit = {.name = "naflexvit_so150m2_patch16_reg1_map", SO150M, MAP}},
    {.vit = {.name = "naflexvit_base_patch16_siglip", BASE, MAP, .act = TM_ACT_GELU_TANH},
     .resampling = {.bilinear = true, .antialias = true}},
    {.vit = {.name = "naflexvit_so400m_patch16_siglip",
             .width = 1152,
             .depth = 27,
             .heads = 16,
             .mlp_ratio = 3.7362,
             MAP,
             .act = TM_ACT_GELU_TANH},
     .resampling = {.bilinear = true, .antialias = true}},
    {.vit = {.name = "naflexvit_base_patch16_radio_v3",
             BASE,
             RADIO,
             .registers = 7,
             .layer_scale = true},
     RADIO_GRID(true)},
    {.vit = {.name = "naflexvit_large_patch16_radio_v3",
             .width = 1024,
             .depth = 24,
             .heads = 16,
             RADIO,
             .registers = 7,
             .layer_scale = true},
     RADIO_GRID(false)},
    {.vit = {.name = "naflexvit_huge_patch16_radio_v3",
             .width = 1280,
             .depth = 32,
             .heads = 16,
             RADIO,
             .registers = 7},
     RADIO_GRID(true)},
    {.vit = {.name = "naflexvit_giant_patch16_radio_v3",
             .width = 1536,
             .depth = 40,
             .heads = 24,
             RADIO,
             .registers = 7},
     RADIO_GRID(false)},
    {.vit = {.name = "naflexvit_so400m_patch16_radio_v4",
             .width = 1152,
             .depth = 27,
             .heads = 16,
             .mlp_ratio = 4304.0 / 1152,
             RADIO,
             .registers = 9},
     RADIO_GRID(false)},
    {.vit = {.name = "naflexvit_huge_patch16_radio_v4",
             .width = 1280,
             .depth = 32,
             .heads = 16,
             RADIO,
             .registers = 9},
     RADIO_GRID(false)},
};

/* ---- embedding ---- */

/* The weight of a linear layer on a patch's values, channels innermost. */
static tm_node *patches(tm_builder *b, int width)
{
    tm_node *x = b->graph->input;
    int channels = x->shape.c;
    tm_node *weight = tm_patch_linear_weight(b, "proj.weight", width, channels, PATCH);
    weight = tm_const_reshape(b, weight, 4, (int64_t[]){width, PATCH, PATCH, channels});
    weight = tm_const_permute(b, weight, (int[]){0, 3, 1, 2});
    return tm_conv2d_with(
        b, "proj", x, weight, tm_param1(b, "proj.bias", width),
        (tm_conv){.out = width, .kernel = PATCH, .stride = PATCH, .padding = TM_PAD_VALID});
}

/* [1, side, width]: the learned positions of one axis, for `side` patches along it. */
static tm_node *axis_positions(tm_builder *b, const char *name, const naflex_variant *v, int grid,
                               int side, int longer)
{
    int length = v->resampling.square ? longer : side, width = v->vit.width;
    tm_node *x = tm_param3(b, name, 1, grid, width);
    x = tm_const_resample_grid(b, x, 0, (int[]){grid, 1}, (int[]){length, 1},
                               (tm_resampling){.bilinear = true});
    return tm_const_slice(b, x, 1, 0, side);
}

static tm_node *positions(tm_builder *b, const naflex_variant *v, int h, int w)
{
    int grid = v->grid ? v->grid : 16, width = v->vit.width, longer = h > w ? h : w;
    if (!v->factorized) {
        tm_node *x = tm_param4(b, "pos_embed", 1, grid, grid, width);
        x = tm_const_reshape(b, x, 3, (int64_t[]){1, (int64_t)grid * grid, width});
        return tm_const_resample_grid(b, x, 0, (int[]){grid, grid}, (int[]){h, w}, v->resampling);
    }
    tm_node *y = axis_positions(b, "pos_embed_y", v, grid, h, longer);
    tm_node *x = axis_positions(b, "pos_embed_x", v, grid, w, longer);
    y = tm_const_reshape(b, y, 3, (int64_t[]){h, 1, width});
    x = tm_const_reshape(b, x, 3, (int64_t[]){1, w, width});
    return tm_const_reshape(b, tm_const_add(b, y, x), 3, (int64_t[]){1, (int64_t)h * w, width});
}

static tm_node *tokens(tm_builder *b, const naflex_variant *v, tm_node *x)
{
    tm_node *parts[3];
    int count = 0;
    tm_node *all = tm_add(b, tm_map_tokens(b, x), positions(b, v, x->shape.h, x->shape.w));
    if (!v->vit.no_class_token)
        parts[count++] = tm_param3(b, "cls_token", 1, 1, v->vit.width);
    if (v->vit.registers)
        parts[count++] = tm_param3(b, "reg_token", 1, v->vit.registers, v->vit.width);
    parts[count++] = all;
    return count > 1 ? tm_concat_w(b, count, parts) : all;
}

static void build(tm_builder *b, const void *variant)
{
    const naflex_variant *v = variant;
    const char *pool = tm_option_global_pool(b);
    if (pool && strcmp(pool, "prr") == 0)
        tm_refuse(b, "global pool 'prr': expected avg, avgmax, max, token, map, or none");
    tm_require_whole_patches(b, PATCH);
    tm_push(b, "embeds");
    tm_node *x = patches(b, v->vit.width), *all = tokens(b, v, x);
    tm_pop(b);
    tm_vit_build_tokens(b, &v->vit, all, x->shape.h, x->shape.w, PATCH);
}

/* ---- checkpoints of ViTs ---- */

static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    (void)variant;
    if (tm_state_find(dict, "radio_model.model.patch_generator.embedder.weight"))
        tm_vit_from_radio(dict);
    tm_tensor_view *patch = tm_state_find(dict, "patch_embed.proj.weight");
    if (patch && patch->rank == 4) {
        tm_state_permute(dict, patch, (int[]){0, 2, 3, 1});
        tm_state_rename(dict, patch, "embeds.proj.weight");
    }
    tm_state_replace_prefix(dict, "patch_embed.", "embeds.");
    tm_state_replace_prefix(dict, "cls_token", "embeds.cls_token");
    tm_state_replace_prefix(dict, "reg_token", "embeds.reg_token");
    tm_tensor_view *table = tm_state_find(dict, "pos_embed");
    if (table) {
        tm_state_rename(dict, table, "embeds.pos_embed");
        tm_reshape_to_param(dict, table, graph);
    }
}

const tm_family tm_family_naflexvit = {.module = "naflexvit",
                                       TM_VARIANTS(variants),
                                       .arguments = tm_vit_arguments + 1,
                                       .argument_count = 6,
                                       .build = build,
                                       .filter = filter};
