/* SPDX-License-Identifier: Apache-2.0 */
/* timm's qwen3_vit.py: the vision towers of Qwen3-VL and Qwen3.5 (2511.21631). */
#include <string.h>

#include "layers/patch_embed.h"
#include "layers/vision_tower.h"
#include "models/filters.h"
#include "models/model.h"

enum { PATCH = 16, GRID = 48 /* of the learned positions */, MERGE = 2 /* tokens a side */ };

typedef struct qwen3_variant {
    const char *name;
    int width, depth, heads;
    double ratio; /* of MLPs */
    bool merge, encoder;
    int out_features; /* of the merger; 0: as the tag's language model has them */
} qwen3_variant;

#define SIZE_88M .width = 768, .depth = 12, .heads = 12, .ratio = 4
#define SIZE_306M .width = 1024, .depth = 24, .heads = 16, .ratio = 4
#define SIZE_416M .width = 1152, .depth = 27, .heads = 16, .ratio = 4304.0 / 1152

static const qwen3_variant variants[] = {
    {.name = "qwen3_vit_88m", SIZE_88M},
    {.name = "qwen3_vit_88m_merge", SIZE_88M, .merge = true},
    {.name = "qwen3_vit_88m_enc", SIZE_88M, .encoder = true},
    {.name = "qwen3_vit_306m", SIZE_306M},
    {.name = "qwen3_vit_306m_merge", SIZE_306M, .merge = true},
    {.name = "qwen3_vit_306m_enc", SIZE_306M, .encoder = true},
    {.name = "qwen3_vit_416m", SIZE_416M},
    {.name = "qwen3_vit_416m_merge", SIZE_416M, .merge = true},
    {.name = "qwen3_vit_416m_enc", SIZE_416M, .encoder = true},
};

static const tm_argument arguments[] = {
    TM_TAKES(qwen3_variant, "out_features", INTEGER, out_features, TM_WIDTHS),
    TM_TAKES(qwen3_variant, "embed_dim", INTEGER, width, TM_WIDTHS),
    TM_TAKES(qwen3_variant, "depth", INTEGER, depth, TM_DEPTHS),
    TM_TAKES(qwen3_variant, "num_heads", INTEGER, heads, TM_HEADS),
    TM_TAKES(qwen3_variant, "mlp_ratio", NUMBER, ratio, TM_RATIOS),
};

static const tm_tower_width languages[] = {
    {"qwen3_5_0_8b", 1024},       {"qwen3_5_2b", 2048},       {"qwen3_5_4b", 2560},
    {"qwen3_5_9b", 4096},         {"qwen3_5_27b", 5120},      {"qwen3_8_27b", 5120},
    {"qwen3_8_flash_next", 2560}, {"qwen3_vl_4b", 2560},      {"qwen3_vl_8b", 4096},
    {"qwen3_vl_32b", 5120},       {"qwen3_vl_30b_a3b", 2048}, {"qwen3_vl_235b_a22b", 4096},
    {"qwen_drive_1_0_4b", 2560},
};

static const tm_norm norm = {.kind = TM_NORM_LAYER, .eps = 1e-6f};

static tm_node *positions(tm_builder *b, int width, int h, int w)
{
    tm_node *table = tm_param3(b, "pos_embed", 1, GRID * GRID, width);
    tm_resampling how = {.bilinear = true, .corners = true};
    return tm_const_resample_grid(b, table, 0, (int[]){GRID, GRID}, (int[]){h, w}, how);
}

static tm_node *encode(tm_builder *b, const void *variant)
{
    const qwen3_variant *v = variant;
    tm_tower_block block = {.heads = v->heads,
                            .norm = norm,
                            .ffn = {.hidden = (int)(v->width * v->ratio), .act = TM_ACT_GELU_TANH}};
    tm_node *x = tm_tower_patches(b, v->width, PATCH);
    int h = x->shape.h, w = x->shape.w;
    x = tm_add(b, tm_map_tokens(b, x), positions(b, v->width, h, w));
    return tm_tower_blocks(b, tm_reshape(b, x, h, w, v->width), v->depth, &block, NULL, PATCH);
}

/* timm's Qwen3VitPatchMerger: tokens of the language model, from squares of patches */
static tm_node *merge(tm_builder *b, const void *variant, tm_node *x)
{
    const qwen3_variant *v = variant;
    int hidden = v->width * MERGE * MERGE;
    int out =
        tm_tower_out_features(b, v->out_features, languages, sizeof languages / sizeof *languages);
    if (x->shape.h % MERGE || x->shape.w % MERGE) {
        tm_refuse(b, "%d x %d patches: the merger needs even numbers", x->shape.h, x->shape.w);
        return x;
    }
    tm_push(b, "merger");
    x = tm_space_to_depth(b, tm_normalize(b, "norm", x, norm), MERGE);
    x = tm_activate(b, tm_linear(b, "fc1", tm_map_tokens(b, x), hidden, true), TM_ACT_GELU);
    x = tm_linear(b, "fc2", x, out, true);
    tm_pop(b);
    return x;
}

static const tm_tower tower = {.encoder = "Qwen3VitEncoder",
                               .projector = "merge",
                               .norm = {.kind = TM_NORM_LAYER, .eps = 1e-6f},
                               .encode = encode,
                               .project = merge};

static void build(tm_builder *b, const void *variant)
{
    const qwen3_variant *v = variant;
    if (v->encoder)
        tm_tower_build_encoder(b, &tower, v);
    else
        tm_tower_build_classifier(b, &tower, v, v->merge);
}

/* ---- the language models' checkpoints ---- */

/* A tensor's name in the tower; NULL: it is the language model's, or not read. */
static const char *name_in_tower(const char *name)
{
    static const char *const prefixes[] = {"vlm.model.visual.", "model.visual.", "visual.",
                                           "encoder."};
    static const char *const own[] = {"patch_embed.", "pos_embed", "blocks.", "merger."};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
            return name + strlen(prefixes[i]);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (strncmp(name, own[i], strlen(own[i])) == 0)
            return name;
    return NULL;
}

static bool is_read(const char *name, bool merger)
{
    return name && strncmp(name, "rotary_pos_emb", 14) != 0 &&
           strncmp(name, "deepstack_merger_list", 21) != 0 &&
           (merger || strncmp(name, "merger.", 7) != 0);
}

static void take_tower(tm_state_dict *dict, const qwen3_variant *v)
{
    for (size_t i = dict->count; i-- > 0;) {
        tm_tensor_view *view = &dict->tensors[i];
        bool head = strncmp(view->name, "norm.", 5) == 0 || strncmp(view->name, "head.", 5) == 0;
        const char *name = name_in_tower(view->name);
        if (head && !v->encoder)
            continue;
        if (is_read(name, v->merge || v->encoder))
            tm_state_rename(dict, view, "%s%s", v->encoder ? "" : "encoder.", name);
        else
            tm_state_drop(dict, view);
    }
}

/* A kernel over several frames, each of which is the picture; others than the model's stay. */
static void sum_frames(tm_state_dict *dict, tm_tensor_view *view, const tm_node *param)
{
    enum { FRAMES_MAX = 64 };
    const int64_t *have = view->shape, *want = param ? param->dims : NULL;
    if (want && have[0] == want[0] && have[1] == want[1] && have[2] >= 1 && have[2] <= FRAMES_MAX &&
        have[3] == want[2] && have[4] == want[3])
        tm_sum_dimension(dict, view, 2);
}

static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    static const tm_replacement table[] = {{"merger.linear_fc1.", "merger.fc1."},
                                           {"merger.linear_fc2.", "merger.fc2."},
                                           {".mlp.linear_fc1.", ".mlp.fc1."},
                                           {".mlp.linear_fc2.", ".mlp.fc2."},
                                           {"pos_embed.weight", "pos_embed"}};
    const qwen3_variant *v = variant;
    const char *scope = v->encoder ? "" : "encoder.";
    take_tower(dict, v);
    tm_replace_all(dict, table, sizeof table / sizeof *table);
    tm_tensor_view *view = tm_state_findf(dict, "%spos_embed", scope);
    if (view && view->rank == 2)
        tm_reshape_to_param(dict, view, graph);
    view = tm_state_findf(dict, "%spatch_embed.proj.weight", scope);
    if (view && view->rank == 5)
        sum_frames(dict, view, tm_find_param(graph, view->name));
}

const tm_family tm_family_qwen3_vit = {.module = "qwen3_vit",
                                       TM_VARIANTS(variants),
                                       TM_ARGUMENTS(arguments),
                                       .build = build,
                                       .filter = filter};
