/* SPDX-License-Identifier: Apache-2.0 */
/* timm's vision_transformer_hybrid.py: ViT on the features of a convolutional network (2010.11929,
 * 2106.10270), and MobileCLIP's image encoder (2311.17049). */
#include "layers/conv_bn_act.h"
#include "layers/patch_embed.h"
#include "models/filters.h"
#include "models/model.h"
#include "models/resnet.h"
#include "models/resnetv2.h"
#include "models/vision_transformer.h"

enum { STEM_WIDTH = 768 /* of convolutions alone */ };

typedef struct hybrid_variant {
    tm_vit vit;
    int layers[4];      /* of a ResNetV2; all 0: its stem alone */
    const char *resnet; /* a model of resnet.c in its place */
    int resnet_stages;
    bool conv_stem; /* three convolutions in its place, no projection after them */
} hybrid_variant;

/* clang-format off */
static const hybrid_variant variants[] = {
    {.vit = {.name = "vit_base_mci_224", .patch = 1, .no_embed_class = true}, .conv_stem = true},
    {.vit = {.name = "vit_base_r26_s32_224", .patch = 1}, .layers = {2, 2, 2, 2}},
    {.vit = {.name = "vit_base_r50_s16_224", .patch = 1}, .layers = {3, 4, 9}},
    {.vit = {.name = "vit_base_r50_s16_384", .same_as = "vit_base_r50_s16_224"}},
    {.vit = {.name = "vit_base_resnet26d_224", .patch = 1},
     .resnet = "resnet26d", .resnet_stages = 4},
    {.vit = {.name = "vit_base_resnet50d_224", .patch = 1},
     .resnet = "resnet50d", .resnet_stages = 4},
    {.vit = {.name = "vit_large_r50_s32_224", .patch = 1, .width = 1024, .depth = 24, .heads = 16},
     .layers = {3, 4, 6, 3}},
    {.vit = {.name = "vit_large_r50_s32_384", .same_as = "vit_large_r50_s32_224"}},
    {.vit = {.name = "vit_small_r26_s32_224", .patch = 1, .width = 384, .heads = 6},
     .layers = {2, 2, 2, 2}},
    {.vit = {.name = "vit_small_r26_s32_384", .same_as = "vit_small_r26_s32_224"}},
    {.vit = {.name = "vit_small_resnet26d_224", .patch = 1, .depth = 8, .heads = 8, .mlp_ratio = 3},
     .resnet = "resnet26d", .resnet_stages = 4},
    {.vit = {.name = "vit_small_resnet50d_s16_224", .patch = 1, .depth = 8, .heads = 8,
             .mlp_ratio = 3},
     .resnet = "resnet50d", .resnet_stages = 3},
    {.vit = {.name = "vit_tiny_r_s16_p8_224", .patch = 8, .width = 192, .heads = 3}},
    {.vit = {.name = "vit_tiny_r_s16_p8_384", .same_as = "vit_tiny_r_s16_p8_224"}},
};
/* clang-format on */

static tm_node *conv_stem(tm_builder *b, tm_node *x, int width)
{
    tm_conv first = {.out = width / 4, .kernel = 4, .stride = 4, .padding = TM_PAD_VALID};
    tm_conv next = {.out = width / 4, .kernel = 2, .stride = 2, .padding = TM_PAD_VALID};
    tm_conv last = {.out = width, .kernel = 2, .stride = 2, .padding = TM_PAD_VALID, .bias = true};
    x = tm_conv_norm_act(b, "0", x, first, (tm_conv_tail){.act = TM_ACT_GELU});
    x = tm_conv_norm_act(b, "1", x, next, (tm_conv_tail){.act = TM_ACT_GELU});
    return tm_conv2d(b, "2.conv", x, last);
}

static tm_node *backbone(tm_builder *b, const hybrid_variant *v, tm_node *x)
{
    tm_resnetv2 resnetv2 = {.pool = TM_RESNETV2_POOL_SAME,
                            .post_act = true,
                            .standardize = true,
                            .padding = TM_PAD_SAME};
    for (int i = 0; i < 4; i++)
        resnetv2.layers[i] = v->layers[i];
    tm_push(b, "patch_embed.backbone");
    x = v->conv_stem   ? conv_stem(b, x, STEM_WIDTH)
        : v->resnet    ? tm_resnet_backbone(b, v->resnet, x, v->resnet_stages)
        : v->layers[0] ? tm_resnetv2_stages_on(b, &resnetv2, x, false)
                       : tm_resnetv2_stem_on(b, &resnetv2, x);
    tm_pop(b);
    return x;
}

static void build(tm_builder *b, const void *variant)
{
    const hybrid_variant *v = variant;
    int patch = v->vit.patch;
    if (v->conv_stem && v->vit.width && v->vit.width != STEM_WIDTH)
        tm_refuse(b, "embed_dim %d: the stem, without a projection, has %d channels", v->vit.width,
                  STEM_WIDTH);
    tm_node *x = backbone(b, v, b->graph->input);
    if (x->shape.h % patch || x->shape.w % patch)
        tm_refuse(b, "the backbone's map of %dx%d pixels does not divide into patches of %d",
                  x->shape.h, x->shape.w, patch);
    /* as timm says it: a map that was rounded up counts as a smaller reduction */
    int tall = b->options.img_h / x->shape.h, wide = b->options.img_w / x->shape.w;
    if (!v->conv_stem)
        x = tm_patch_embed(b, "patch_embed", x, v->vit.width ? v->vit.width : 768, patch, true);
    tm_vit_build_on(b, &v->vit, x, (tall > wide ? tall : wide) * patch);
}

static void from_mobileclip(tm_state_dict *dict)
{
    static const tm_replacement table[] = {{"patch_emb.", "patch_embed.backbone."},
                                           {"block.conv", "conv"},
                                           {"block.norm", "bn"},
                                           {"post_transformer_norm.", "norm."},
                                           {"pre_norm_mha.0", "norm1"},
                                           {"pre_norm_mha.1", "attn"},
                                           {"pre_norm_ffn.0", "norm2"},
                                           {"pre_norm_ffn.1", "mlp.fc1"},
                                           {"pre_norm_ffn.4", "mlp.fc2"},
                                           {"qkv_proj.", "qkv."},
                                           {"out_proj.", "proj."},
                                           {"transformer.", "blocks."}};
    tm_state_keep_prefix(dict, "image_encoder.model.");
    tm_replace_all(dict, table, sizeof table / sizeof *table);
    tm_tensor_view *positions = tm_state_find(dict, "pos_embed.pos_embed.pos_embed");
    if (positions && positions->rank == 4 && positions->shape[0] == 1) {
        tm_state_rename(dict, positions, "pos_embed");
        tm_state_reshape(
            dict, positions, 3,
            (int64_t[]){1, positions->shape[1] * positions->shape[2], positions->shape[3]});
    }
    tm_tensor_view *head = tm_state_find(dict, "classifier.proj");
    if (head && head->rank == 2) {
        tm_state_permute(dict, head, (int[]){1, 0});
        tm_state_rename(dict, head, "head.weight");
        tm_add_vector(dict, "head.bias", head->shape[0], false);
    }
}

static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    const hybrid_variant *v = variant;
    if (tm_state_find(dict, "image_encoder.model.patch_emb.0.block.conv.weight"))
        from_mobileclip(dict);
    tm_vit_filter(dict, graph, &v->vit);
}

const tm_family tm_family_vision_transformer_hybrid = {.module = "vision_transformer_hybrid",
                                                       TM_VARIANTS(variants),
                                                       .same_as =
                                                           offsetof(hybrid_variant, vit.same_as),
                                                       .arguments = tm_vit_arguments + 1,
                                                       .argument_count = TM_VIT_ARGUMENTS - 5,
                                                       .build = build,
                                                       .filter = filter};
