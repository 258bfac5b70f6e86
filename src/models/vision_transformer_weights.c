/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints of ViTs under their authors' names: timm's checkpoint_filter_fn and load_pretrained
 * in vision_transformer.py. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "models/filters.h"
#include "models/vision_transformer.h"

#define REPLACE(dict, table) tm_replace_all(dict, table, sizeof(table) / sizeof *(table))

/* Whether the model is as deep: how many blocks there are, no file says. */
static bool has_block(const tm_graph *graph, int block)
{
    char name[64];
    snprintf(name, sizeof name, "blocks.%d.norm1.weight", block);
    return tm_find_param(graph, name);
}

/* ---- JAX (vision_transformer, big_vision) ---- */

static bool jax_prefix(tm_state_dict *dict, const char **prefix)
{
    static const char *const prefixes[] = {"opt/target/", "params/", "params/img/", ""};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (tm_state_findf(dict, "%sembedding/kernel", prefixes[i])) {
            *prefix = prefixes[i];
            return true;
        }
    return false;
}

/* The convolutional network of a hybrid: its stem alone, or a ResNetV2. */
static void jax_backbone(tm_jax jax, const char *prefix)
{
    bool stages = tm_find_param(jax.graph, "patch_embed.backbone.stem.conv.weight");
    char from[32], to[128];
    snprintf(jax.target, sizeof jax.target, "patch_embed.backbone.%s", stages ? "stem." : "");
    tm_jax_dense(&jax, "conv_root", "conv");
    tm_jax_norm(&jax, "gn_root", "norm");
    for (int i = 0; i < 4 && stages; i++)
        for (int j = 0;; j++) {
            snprintf(jax.source, sizeof jax.source, "%sblock%d/unit%d/", prefix, i + 1, j + 1);
            snprintf(jax.target, sizeof jax.target, "patch_embed.backbone.stages.%d.blocks.%d.", i,
                     j);
            snprintf(to, sizeof to, "%sconv1.weight", jax.target);
            if (!tm_find_param(jax.graph, to))
                break;
            for (int k = 1; k <= 3; k++) {
                snprintf(from, sizeof from, "conv%d", k);
                tm_jax_dense(&jax, from, from);
                snprintf(from, sizeof from, "gn%d", k);
                snprintf(to, sizeof to, "norm%d", k);
                tm_jax_norm(&jax, from, to);
            }
            tm_jax_dense(&jax, "conv_proj", "downsample.conv");
            tm_jax_norm(&jax, "gn_proj", "downsample.norm");
        }
}

static void jax_block(const tm_jax *jax, bool big_vision)
{
    static const char *const qkv[] = {"query", "key", "value"};
    const char *attention =
        big_vision ? "MultiHeadDotProductAttention_0" : "MultiHeadDotProductAttention_1";
    tm_jax_norm(jax, "LayerNorm_0", "norm1");
    tm_jax_heads(jax, attention, qkv, 3, "attn.qkv");
    tm_jax_heads_out(jax, attention, "attn.proj");
    tm_jax_norm(jax, big_vision ? "LayerNorm_1" : "LayerNorm_2", "norm2");
    tm_jax_dense(jax, big_vision ? "MlpBlock_0/Dense_0" : "MlpBlock_3/Dense_0", "mlp.fc1");
    tm_jax_dense(jax, big_vision ? "MlpBlock_0/Dense_1" : "MlpBlock_3/Dense_1", "mlp.fc2");
}

static void jax_blocks(tm_jax jax, const char *prefix, bool big_vision)
{
    bool stacked =
        tm_state_findf(jax.dict, "%sTransformer/encoderblock/LayerNorm_0/scale", prefix) != NULL;
    for (int i = 0; has_block(jax.graph, i); i++) {
        snprintf(jax.target, sizeof jax.target, "blocks.%d.", i);
        jax.layer = stacked ? i : -1;
        if (stacked)
            snprintf(jax.source, sizeof jax.source, "%sTransformer/encoderblock/", prefix);
        else
            snprintf(jax.source, sizeof jax.source, "%sTransformer/encoderblock_%d/", prefix, i);
        jax_block(&jax, big_vision);
    }
}

static void jax_attention_pool(tm_jax jax, const char *prefix)
{
    static const char *const query[] = {"query"}, *const kv[] = {"key", "value"};
    snprintf(jax.source, sizeof jax.source, "%sMAPHead_0/", prefix);
    snprintf(jax.target, sizeof jax.target, "attn_pool.");
    tm_jax_take(&jax, "probe", "latent", TM_JAX_SAME);
    tm_jax_heads(&jax, "MultiHeadDotProductAttention_0", query, 1, "q");
    tm_jax_heads(&jax, "MultiHeadDotProductAttention_0", kv, 2, "kv");
    tm_jax_heads_out(&jax, "MultiHeadDotProductAttention_0", "proj");
    tm_jax_norm(&jax, "LayerNorm_0", "norm");
    tm_jax_dense(&jax, "MlpBlock_0/Dense_0", "mlp.fc1");
    tm_jax_dense(&jax, "MlpBlock_0/Dense_1", "mlp.fc2");
}

static void from_jax(tm_state_dict *dict, const tm_graph *graph, const char *prefix)
{
    const tm_resampling bilinear = {.bilinear = true};
    size_t stored = dict->count;
    tm_jax jax = {.dict = dict, .graph = graph, .layer = -1};
    snprintf(jax.source, sizeof jax.source, "%s", prefix);
    bool big_vision = strncmp(prefix, "params/", 7) == 0 ||
                      tm_state_findf(dict, "%spos_embedding", prefix) ||
                      tm_state_findf(dict, "%sTransformer/encoderblock/LayerNorm_0/scale", prefix);
    jax_backbone(jax, prefix);
    tm_jax_dense(&jax, "embedding", "patch_embed.proj");
    tm_jax_take(&jax, "cls", "cls_token", TM_JAX_SAME);
    tm_jax_take(&jax, big_vision ? "pos_embedding" : "Transformer/posembed_input/pos_embedding",
                "pos_embed", TM_JAX_SAME);
    tm_jax_norm(&jax, "Transformer/encoder_norm", "norm");
    tm_jax_head(&jax, "head", "head");
    jax_attention_pool(jax, prefix);
    jax_blocks(jax, prefix, big_vision);
    tm_keep_added(dict, stored);
    tm_resample_as(graph, "pos_embed", bilinear);
    tm_resample_as(graph, "patch_embed.proj.weight", bilinear);
}

/* ---- PyTorch ---- */

/* A projection without bias, [out, in], as the classifier. */
static void head_without_bias(tm_state_dict *dict, tm_tensor_view *weight)
{
    tm_state_rename(dict, weight, "head.weight");
    tm_add_vector(dict, "head.bias", weight->shape[0], false);
}

static void from_openai_clip(tm_state_dict *dict)
{
    static const tm_replacement table[] = {{"conv1", "patch_embed.proj"},
                                           {"positional_embedding", "pos_embed"},
                                           {"transformer.resblocks.", "blocks."},
                                           {"ln_pre", "norm_pre"},
                                           {"ln_post", "norm"},
                                           {"ln_", "norm"},
                                           {"in_proj_", "qkv."},
                                           {"out_proj", "proj"},
                                           {"mlp.c_fc", "mlp.fc1"},
                                           {"mlp.c_proj", "mlp.fc2"}};
    tm_tensor_view *view;
    tm_state_keep_prefix(dict, "visual.");
    REPLACE(dict, table);
    if ((view = tm_state_find(dict, "class_embedding")) && view->rank == 1) {
        tm_state_rename(dict, view, "cls_token");
        tm_state_reshape(dict, view, 3, (int64_t[]){1, 1, view->shape[0]});
    }
    if ((view = tm_state_find(dict, "pos_embed")) && view->rank == 2)
        tm_state_reshape(dict, view, 3, (int64_t[]){1, view->shape[0], view->shape[1]});
    if ((view = tm_state_find(dict, "proj")) && view->rank == 2) {
        tm_state_permute(dict, view, (int[]){1, 0});
        head_without_bias(dict, view);
    }
}

static void from_open_clip(tm_state_dict *dict, const tm_graph *graph)
{
    tm_tensor_view *head = tm_state_find(dict, "visual.head.proj.weight");
    int64_t classes = head && head->rank == 2 ? head->shape[0] : 0;
    bool used = classes && tm_find_param(graph, "head.weight");
    if (used)
        tm_state_rename(dict, head, "visual.trunk.head.weight");
    tm_state_keep_prefix(dict, "visual.trunk.");
    if (used)
        tm_add_vector(dict, "head.bias", classes, false);
}

/* The class token's position becomes part of the token: timm's models with registers have
 * positions for the patches only. */
static void add_class_position(tm_state_dict *dict, tm_tensor_view *token,
                               const tm_tensor_view *positions, const tm_graph *graph)
{
    const tm_node *param = tm_find_param(graph, "cls_token");
    size_t width = param ? (size_t)param->dims[2] : 0;
    if (tm_view_elements(token) != width || (size_t)positions->shape[2] != width ||
        tm_view_elements(positions) < width) {
        tm_state_fail(dict, "cls_token and pos_embed are not of the model's width, %zu", width);
        return;
    }
    float *sum = tm_arena_alloc(&dict->arena, 2 * width * sizeof *sum);
    if (!sum) {
        tm_fail(&dict->error, TM_NO_MEMORY, "%s: no memory for cls_token", dict->file);
        return;
    }
    if (tm_view_require(token, &dict->error) || tm_view_require(positions, &dict->error))
        return;
    tm_view_read_f32(token, 0, width, sum);
    tm_view_read_f32(positions, 0, width, sum + width);
    for (size_t i = 0; i < width; i++)
        sum[i] += sum[width + i];
    token->dtype = TM_DTYPE_F32;
    token->data = (const unsigned char *)sum;
    token->bytes = width * sizeof *sum;
    token->part_count = 0;
    token->packed = NULL;
    tm_view_set_contiguous(token);
}

static void from_dinov2(tm_state_dict *dict, const tm_graph *graph)
{
    static const tm_replacement table[] = {{".mlp.w12.", ".mlp.fc1."}, {".mlp.w3.", ".mlp.fc2."}};
    tm_state_drop(dict, tm_state_find(dict, "mask_token"));
    tm_tensor_view *registers = tm_state_find(dict, "register_tokens");
    tm_tensor_view *token = tm_state_find(dict, "cls_token");
    tm_tensor_view *positions = tm_state_find(dict, "pos_embed");
    if (registers && token && positions && positions->rank == 3) {
        add_class_position(dict, token, positions, graph);
        tm_state_rename(dict, registers, "reg_token");
        tm_state_slice(dict, positions, 1, 1, positions->shape[1] - 1);
    }
    REPLACE(dict, table);
}

static void from_aimv2(tm_state_dict *dict)
{
    static const tm_replacement table[] = {{"norm_1", "norm1"},
                                           {"norm_2", "norm2"},
                                           {"preprocessor.patchifier.", "patch_embed."},
                                           {"preprocessor.pos_embed", "pos_embed"},
                                           {"trunk.", ""},
                                           {"post_trunk_norm.", "norm."},
                                           {"mlp.fc1", "mlp.fc1_g"},
                                           {"mlp.fc3", "mlp.fc1_x"}};
    REPLACE(dict, table);
}

/* q, k and v of a block become one. */
static void fuse_qkv(tm_state_dict *dict, int block, const char *kind)
{
    const tm_tensor_view *parts[3] = {
        tm_state_findf(dict, "blocks.%d.attn.q_proj.%s", block, kind),
        tm_state_findf(dict, "blocks.%d.attn.k_proj.%s", block, kind),
        tm_state_findf(dict, "blocks.%d.attn.v_proj.%s", block, kind)};
    if (parts[0] && parts[1] && parts[2])
        tm_state_cat(dict, parts, 3, "blocks.%d.attn.qkv.%s", block, kind);
}

/* Of its two branches A sees pictures. */
static void from_beit3(tm_state_dict *dict, const tm_graph *graph)
{
    static const tm_replacement table[] = {{"beit3.", ""},
                                           {"vision_embed.cls_token", "cls_token"},
                                           {"vision_embed.", "patch_embed."},
                                           {"embed_positions.", "pos_embed."},
                                           {"encoder.", ""},
                                           {"layers.", "blocks."},
                                           {"ffn_layernorm.", "norm."},
                                           {"ffn.", "mlp."},
                                           {"self_attn_layer_norm.", "norm1."},
                                           {"self_attn.", "attn."},
                                           {"final_layer_norm.", "norm2."},
                                           {"inner_attn_ln", "norm"},
                                           {"out_proj", "proj"},
                                           {".A.", "."}};
    tm_state_drop_prefix(dict, "beit3.text_embed.weight");
    tm_state_drop_prefix(dict, "beit3.vision_embed.mask_token");
    tm_drop_containing(dict, ".B.");
    REPLACE(dict, table);
    tm_tensor_view *positions = tm_state_find(dict, "pos_embed.weight");
    if (positions && positions->rank == 2) { /* the first two are of other tokens */
        tm_state_rename(dict, positions, "pos_embed");
        tm_state_slice(dict, positions, 0, 2, positions->shape[0] - 2);
        tm_state_reshape(dict, positions, 3,
                         (int64_t[]){1, positions->shape[0], positions->shape[1]});
    }
    for (int i = 0; has_block(graph, i); i++) {
        fuse_qkv(dict, i, "weight");
        fuse_qkv(dict, i, "bias");
    }
    tm_drop_containing(dict, ".attn.q_proj.");
    tm_drop_containing(dict, ".attn.k_proj.");
    tm_drop_containing(dict, ".attn.v_proj.");
}

/* The first class token is one, those of the other teachers act as registers. */
static void radio_tokens(tm_state_dict *dict)
{
    tm_tensor_view *tokens = tm_state_find(dict, "patch_generator.cls_token.token");
    if (!tokens || tokens->rank != 2)
        return;
    tm_tensor_view registers = *tokens;
    int64_t others = tokens->shape[0] - 1, width = tokens->shape[1];
    tm_state_slice(dict, tokens, 0, 0, 1);
    tm_state_reshape(dict, tokens, 3, (int64_t[]){1, 1, width});
    tm_state_rename(dict, tokens, "cls_token");
    tm_state_slice(dict, &registers, 0, 1, others);
    tm_state_reshape(dict, &registers, 3, (int64_t[]){1, others, width});
    tm_state_add(dict, &registers, "reg_token");
}

void tm_vit_from_radio(tm_state_dict *dict)
{
    tm_state_keep_prefix(dict, "radio_model.model.");
    tm_tensor_view *patch = tm_state_find(dict, "patch_generator.embedder.weight");
    if (patch && patch->rank == 2) { /* a linear layer on the patch's C x h x w values */
        int64_t out = patch->shape[0], side = (int64_t)sqrt((double)(patch->shape[1] / 3));
        tm_state_reshape(dict, patch, 4, (int64_t[]){out, 3, side, side});
        tm_state_rename(dict, patch, "patch_embed.proj.weight");
        tm_add_vector(dict, "patch_embed.proj.bias", out, false);
    }
    tm_tensor_view *positions = tm_state_find(dict, "patch_generator.pos_embed");
    if (positions)
        tm_state_rename(dict, positions, "pos_embed");
    radio_tokens(dict);
    for (size_t i = dict->count; i-- > 0;) {
        const char *name = dict->tensors[i].name;
        if (strncmp(name, "blocks.", 7) != 0 && strncmp(name, "patch_embed.", 12) != 0 &&
            strcmp(name, "pos_embed") != 0 && strcmp(name, "cls_token") != 0 &&
            strcmp(name, "reg_token") != 0)
            tm_state_drop(dict, &dict->tensors[i]);
    }
    tm_state_replace(dict, ".grandma", ".gamma");
}

static void from_radio(tm_state_dict *dict, const tm_graph *graph, tm_resampling how)
{
    tm_vit_from_radio(dict);
    how.square = true;
    tm_resample_as(graph, "pos_embed", how);
}

/* The linear layers of the time before convolutions. */
static void patches_of_linear(tm_state_dict *dict, const tm_graph *graph)
{
    tm_tensor_view *view = tm_state_find(dict, "patch_embed.proj.weight");
    const tm_node *param = tm_find_param(graph, "patch_embed.proj.weight");
    if (!view || !param || view->rank >= 4)
        return;
    int64_t taps = param->dims[0] * param->dims[2] * param->dims[3];
    int64_t channels = (int64_t)tm_view_elements(view) / taps;
    tm_state_reshape(dict, view, 4,
                     (int64_t[]){param->dims[0], channels, param->dims[2], param->dims[3]});
}

static bool has(tm_state_dict *dict, const char *name)
{
    return tm_state_find(dict, name) != NULL;
}

static void convert(tm_state_dict *dict, const tm_graph *graph, tm_resampling how)
{
    if (has(dict, "visual.class_embedding")) {
        from_openai_clip(dict);
    } else if (has(dict, "mask_token")) {
        from_dinov2(dict, graph);
    } else if (has(dict, "vision_encoder.mask_token")) { /* TIPS v2 */
        tm_state_keep_prefix(dict, "vision_encoder.");
        from_dinov2(dict, graph);
    } else if (tm_state_has_prefix(dict, "beit3.")) {
        from_beit3(dict, graph);
    } else if (tm_take_groups(dict, (const char *[]){"encoder"}, 1)) { /* I-JEPA */
        return;
    } else if (has(dict, "visual.trunk.pos_embed") ||
               has(dict, "visual.trunk.blocks.0.norm1.weight")) {
        from_open_clip(dict, graph);
    } else if (has(dict, "preprocessor.patchifier.proj.weight")) {
        from_aimv2(dict);
    } else if (has(dict, "radio_model.model.patch_generator.embedder.weight")) {
        from_radio(dict, graph, how);
    }
}

tm_resampling tm_vit_resampling(const char *variant)
{
    bool radio = strstr(variant, "radio");
    return (tm_resampling){.bilinear = radio || strstr(variant, "flexi"),
                           .corners = radio && (strstr(variant, "base_patch16_radio_v3") ||
                                                strstr(variant, "huge_patch16_radio_v3"))};
}

void tm_vit_filter(tm_state_dict *dict, const tm_graph *graph, const tm_vit *v)
{
    const char *prefix;
    tm_resampling how = tm_vit_resampling(v->name);
    if (jax_prefix(dict, &prefix)) {
        from_jax(dict, graph, prefix);
        return;
    }
    tm_resample_as(graph, "pos_embed", how);
    tm_resample_as(graph, "patch_embed.proj.weight", (tm_resampling){.bilinear = how.bilinear});
    convert(dict, graph, how);
    patches_of_linear(dict, graph);
    tm_drop_containing(dict, "pre_logits"); /* no published model still has that layer */
    if (strstr(v->name, "siglip") && !tm_find_param(graph, "attn_pool.latent"))
        tm_state_drop_prefix(dict, "attn_pool.");
}
