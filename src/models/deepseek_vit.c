/* SPDX-License-Identifier: Apache-2.0 */
/* timm's deepseek_vit.py: the vision tower of DeepSeek-V4. */
#include <string.h>

#include "layers/patch_embed.h"
#include "layers/vision_tower.h"
#include "models/filters.h"
#include "models/model.h"

enum { PATCH = 14, WIDTH = 1024, DEPTH = 32, HEADS = 16, ALIGN = 3 };

typedef struct deepseek_variant {
    const char *name;
    bool align, encoder;
    int width, depth, heads; /* WIDTH, DEPTH, HEADS */
    int out_features;        /* of the aligner; 0: as the tag's language model has them */
} deepseek_variant;

static const deepseek_variant variants[] = {
    {.name = "deepseek_vit_412m"},
    {.name = "deepseek_vit_412m_align", .align = true},
    {.name = "deepseek_vit_412m_enc", .encoder = true},
};

static const tm_argument arguments[] = {
    TM_TAKES(deepseek_variant, "out_features", INTEGER, out_features, TM_WIDTHS),
    TM_TAKES(deepseek_variant, "embed_dim", INTEGER, width, TM_WIDTHS),
    TM_TAKES(deepseek_variant, "depth", INTEGER, depth, TM_DEPTHS),
    TM_TAKES(deepseek_variant, "num_heads", INTEGER, heads, TM_HEADS),
};

static const tm_tower_width languages[] = {{"deepseek_v4_1_flash", 5120},
                                           {"deepseek_v4_flash_vision_exp", 4096}};

static const tm_norm norm = {.kind = TM_NORM_RMS, .eps = 1e-6f};

static tm_node *encode(tm_builder *b, const void *variant)
{
    const deepseek_variant *v = variant;
    int width = v->width ? v->width : WIDTH, depth = v->depth ? v->depth : DEPTH;
    int hidden = (int)(width * 2.75);
    tm_tower_block block = {
        .heads = v->heads ? v->heads : HEADS,
        .norm = norm,
        .ffn = {.kind = TM_FFN_GLU, .hidden = 2 * hidden, .act = TM_ACT_SILU, .no_bias = true}};
    tm_node *x = tm_tower_patches(b, width, PATCH);
    return tm_normalize(b, "norm", tm_tower_blocks(b, x, depth, &block, &norm, PATCH), norm);
}

/* Squares of patches as one token each, their channels outermost. */
static tm_node *unshuffle(tm_builder *b, tm_node *x)
{
    int below = (ALIGN - x->shape.h % ALIGN) % ALIGN, right = (ALIGN - x->shape.w % ALIGN) % ALIGN;
    if (below || right)
        x = tm_pad2d(b, x, 0, below, 0, right, TM_PAD_ZERO);
    x = tm_map_tokens(b, tm_space_to_depth(b, x, ALIGN));
    int tokens = x->shape.w, width = x->shape.c;
    x = tm_reshape(b, x, tokens, ALIGN * ALIGN, width / (ALIGN * ALIGN));
    return tm_reshape(b, tm_transpose(b, x), 1, tokens, width);
}

/* timm's DeepseekVitAligner: tokens of the language model */
static tm_node *align(tm_builder *b, const void *variant, tm_node *x)
{
    const deepseek_variant *v = variant;
    int out =
        tm_tower_out_features(b, v->out_features, languages, sizeof languages / sizeof *languages);
    tm_push(b, "aligner");
    x = tm_activate(b, tm_linear(b, "fc1", unshuffle(b, x), out, true), TM_ACT_GELU);
    x = tm_linear(b, "fc2", x, out, true);
    tm_pop(b);
    return x;
}

static const tm_tower tower = {.encoder = "DeepseekVitEncoder",
                               .projector = "align",
                               .norm = {.kind = TM_NORM_RMS, .eps = 1e-6f},
                               .encode = encode,
                               .project = align};

static void build(tm_builder *b, const void *variant)
{
    const deepseek_variant *v = variant;
    if (v->encoder)
        tm_tower_build_encoder(b, &tower, v);
    else
        tm_tower_build_classifier(b, &tower, v, v->align);
}

/* ---- the language model's checkpoints ---- */

static bool begins(const char *name, const char *with)
{
    return strncmp(name, with, strlen(with)) == 0;
}

/* A tensor's name in the tower; NULL: it is the language model's, where `source` says that the file
 * is one of its own, or no one's. */
static const char *name_in_tower(const char *name, bool source)
{
    static const char *const own[] = {"patch_embed.", "blocks.", "norm.", "aligner."};
    if (begins(name, "encoder."))
        return name + strlen("encoder.");
    if (source && begins(name, "vision."))
        return name + strlen("vision.");
    for (size_t i = source ? 3 : 0; i < sizeof own / sizeof *own; i++)
        if (begins(name, own[i]))
            return name;
    return NULL;
}

static void take_tower(tm_state_dict *dict, const deepseek_variant *v)
{
    bool source = tm_state_has_prefix(dict, "vision.");
    bool classifier = !v->encoder && !source && tm_state_has_prefix(dict, "encoder.");
    for (size_t i = dict->count; i-- > 0;) {
        tm_tensor_view *view = &dict->tensors[i];
        if (classifier && (begins(view->name, "norm.") || begins(view->name, "head.")))
            continue;
        const char *name = name_in_tower(view->name, source);
        if (name && (v->align || v->encoder || !begins(name, "aligner.")))
            tm_state_rename(dict, view, "%s%s", v->encoder ? "" : "encoder.", name);
        else
            tm_state_drop(dict, view);
    }
}

static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    static const tm_replacement table[] = {
        {"aligner.w1.", "aligner.fc1."}, {"aligner.w2.", "aligner.fc2."},
        {".attn.wqkv.", ".attn.qkv."},   {".attn.wo.", ".attn.proj."},
        {".mlp.w1.", ".mlp.fc1."},       {".mlp.w2.", ".mlp.fc2."}};
    const deepseek_variant *v = variant;
    take_tower(dict, v);
    tm_replace_all(dict, table, sizeof table / sizeof *table);
    tm_tensor_view *view =
        tm_state_findf(dict, "%spatch_embed.proj.weight", v->encoder ? "" : "encoder.");
    if (view && view->rank == 2)
        tm_reshape_to_param(dict, view, graph);
}

const tm_family tm_family_deepseek_vit = {.module = "deepseek_vit",
                                          TM_VARIANTS(variants),
                                          TM_ARGUMENTS(arguments),
                                          .build = build,
                                          .filter = filter};
