/* SPDX-License-Identifier: Apache-2.0 */
/* timm's naflexvit.py: ViTs of any size and aspect ratio (NaViT 2307.06304, FlexiViT 2212.08013),
 * SigLIP 2 (2502.14786) and C-RADIO (2412.07679), on whole pictures. */
#include "models/naflex.h"
#include "models/vision_transformer.h"

typedef struct naflex_variant {
    tm_vit vit; /* its name first, and its arguments */
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

static void build(tm_builder *b, const void *variant)
{
    const naflex_variant *v = variant;
    int grid = v->grid ? v->grid : 16;
    if (v->vit.no_embed_class || v->vit.naflex || v->vit.dynamic)
        tm_refuse(b, "timm's NaFlexVit has no arguments no_embed_class, use_naflex and "
                     "dynamic_img_size");
    tm_vit_build_naflex(b, &v->vit,
                        &(tm_naflex){.grid_h = grid,
                                     .grid_w = grid,
                                     .resampling = v->resampling,
                                     .factorized = v->factorized});
}

static void filter(struct tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    (void)variant;
    tm_naflex_filter(dict, graph);
}

const tm_family tm_family_naflexvit = {.module = "naflexvit",
                                       TM_VARIANTS(variants),
                                       TM_ARGUMENTS(tm_vit_arguments),
                                       .build = build,
                                       .filter = filter};
