/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints of EVA and its kin under their authors' names: timm's checkpoint_filter_fn in eva.py.
 */
#include <stdio.h>
#include <string.h>

#include "models/eva.h"
#include "models/filters.h"
#include "models/naflex.h"

#define REPLACE(dict, table) tm_replace_all(dict, table, sizeof(table) / sizeof *(table))

/* ---- Perception Encoder ---- */

/* Rows [first, first + count) of a tensor under another name. */
static void add_rows(tm_state_dict *dict, const char *from, int64_t first, int64_t count,
                     const char *to)
{
    const tm_tensor_view *view = tm_state_find(dict, from);
    tm_tensor_view *part = view ? tm_state_add(dict, view, "%s", to) : NULL;
    if (part)
        tm_state_slice(dict, part, 0, first, count);
}

static void drop(tm_state_dict *dict, const char *name)
{
    tm_tensor_view *view = tm_state_find(dict, name);
    if (view)
        tm_state_drop(dict, view);
}

/* The pool's query has a projection of its own. */
static void split_pool(tm_state_dict *dict, const char *kind)
{
    char from[64], q[64], kv[64];
    snprintf(from, sizeof from, "attn_pool.qkv.%s", kind);
    snprintf(q, sizeof q, "attn_pool.q.%s", kind);
    snprintf(kv, sizeof kv, "attn_pool.kv.%s", kind);
    const tm_tensor_view *view = tm_state_find(dict, from);
    if (!view || view->rank < 1)
        return;
    int64_t dim = view->shape[0] / 3, rest = view->shape[0] - dim;
    add_rows(dict, from, 0, dim, q);
    add_rows(dict, from, dim, rest, kv);
    drop(dict, from);
}

/* Ones before the shape: [c] becomes [1, 1, c], [n, c] becomes [1, n, c]. */
static void as_tokens(tm_state_dict *dict, const char *name)
{
    tm_tensor_view *view = tm_state_find(dict, name);
    if (view && view->rank == 1)
        tm_state_reshape(dict, view, 3, (int64_t[]){1, 1, view->shape[0]});
    else if (view && view->rank == 2)
        tm_state_reshape(dict, view, 3, (int64_t[]){1, view->shape[0], view->shape[1]});
}

static void convert_pe(tm_state_dict *dict, bool nested)
{
    static const tm_replacement table[] = {{"conv1", "patch_embed.proj"},
                                           {"positional_embedding", "pos_embed"},
                                           {"transformer.resblocks.", "blocks."},
                                           {"ln_pre", "norm_pre"},
                                           {"ln_post", "norm"},
                                           {"ln_", "norm"},
                                           {"ls_1.gamma", "gamma_1"},
                                           {"ls_2.gamma", "gamma_2"},
                                           {"in_proj_", "qkv."},
                                           {"out_proj", "proj"},
                                           {"mlp.c_fc", "mlp.fc1"},
                                           {"mlp.c_proj", "mlp.fc2"},
                                           {"attn_pool.attn", "attn_pool"},
                                           {"attn_pool.layernorm", "attn_pool.norm"},
                                           {"attn_pool.probe", "attn_pool.latent"}};
    if (nested)
        tm_state_keep_prefix(dict, "visual.");
    REPLACE(dict, table);
    split_pool(dict, "weight");
    split_pool(dict, "bias");
    tm_tensor_view *head = tm_state_find(dict, "proj");
    if (head && head->rank == 2) {
        int64_t classes = head->shape[1];
        tm_state_permute(dict, head, (int[]){1, 0});
        tm_state_rename(dict, head, "head.weight");
        tm_add_vector(dict, "head.bias", classes, false);
    }
    tm_tensor_view *token = tm_state_find(dict, "class_embedding");
    if (token)
        tm_state_rename(dict, token, "cls_token");
    as_tokens(dict, "cls_token");
    as_tokens(dict, "pos_embed");
}

/* ---- Sapiens 2 ---- */

static void convert_sapiens2(tm_state_dict *dict)
{
    static const tm_replacement table[] = {{"storage_tokens", "reg_token"},
                                           {"patch_embed.projection.", "patch_embed.proj."},
                                           {"attn.wq.", "attn.q_proj."},
                                           {"attn.wk.", "attn.k_proj."},
                                           {"attn.wv.", "attn.v_proj."},
                                           {"attn.gamma.weight", "gamma_1"},
                                           {".ffn.", ".mlp."},
                                           {".ln1.", ".norm1."},
                                           {".ln2.", ".norm2."}};
    drop(dict, "mask_token");
    REPLACE(dict, table);
    tm_state_replace_prefix(dict, "ln1.", "norm.");
}

/* ---- DINOv3 ---- */

/* The bias of a block's q, k and v; that of k is zero, and some models have none at all. */
static void split_bias(tm_state_dict *dict, const tm_graph *graph, int block)
{
    char from[64], q[64], v[64];
    snprintf(from, sizeof from, "blocks.%d.attn.qkv.bias", block);
    snprintf(q, sizeof q, "blocks.%d.attn.q_bias", block);
    snprintf(v, sizeof v, "blocks.%d.attn.v_bias", block);
    const tm_tensor_view *view = tm_state_find(dict, from);
    if (!view || view->rank < 1)
        return;
    int64_t part = view->shape[0] / 3;
    if (tm_find_param(graph, q)) {
        add_rows(dict, from, 0, part, q);
        add_rows(dict, from, 2 * part, part, v);
    }
    drop(dict, from);
}

static void convert_dinov3(tm_state_dict *dict, const tm_graph *graph, int depth)
{
    static const tm_replacement table[] = {
        {"ls1.gamma", "gamma_1"}, {"ls2.gamma", "gamma_2"}, {"storage_tokens", "reg_token"}};
    tm_state_drop_suffix(dict, ".periods");
    tm_state_drop_suffix(dict, ".bias_mask");
    tm_state_drop_suffix(dict, "mask_token");
    tm_state_drop_prefix(dict, "projectors.");
    tm_state_drop_prefix(dict, "local_cls_norm");
    for (int i = 0; i < depth; i++)
        split_bias(dict, graph, i);
    REPLACE(dict, table);
}

/* ---- the whole ---- */

/* The pretraining's head goes, its norm may be the classifier's. */
static void convert_mim(tm_state_dict *dict)
{
    drop(dict, "mask_token");
    drop(dict, "lm_head.weight");
    drop(dict, "lm_head.bias");
    tm_state_replace_prefix(dict, "norm.weight", "fc_norm.weight");
    tm_state_replace_prefix(dict, "norm.bias", "fc_norm.bias");
}

/* Fixed tables of rotary positions; learned frequencies stay. */
static void drop_rotary(tm_state_dict *dict)
{
    for (size_t i = dict->count; i-- > 0;)
        if (strstr(dict->tensors[i].name, "rope") &&
            strcmp(dict->tensors[i].name, "rope.freqs") != 0)
            tm_state_drop(dict, &dict->tensors[i]);
}

static void keep_trunk(tm_state_dict *dict)
{
    if (tm_state_find(dict, "visual.trunk.pos_embed"))
        tm_state_keep_prefix(dict, "visual.trunk.");
    else if (tm_state_find(dict, "visual.pos_embed"))
        tm_state_keep_prefix(dict, "visual.");
}

void tm_eva_filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    static const tm_replacement table[] = {
        {"mlp.ffn_ln", "mlp.norm"}, {"attn.inner_attn_ln", "attn.norm"},
        {"mlp.w12", "mlp.fc1"},     {"mlp.w1", "mlp.fc1_g"},
        {"mlp.w2", "mlp.fc1_x"},    {"mlp.w3", "mlp.fc2"}};
    const tm_eva *v = variant;
    if (v->naflex) { /* timm's filter for NaFlexVit knows none of the authors' names */
        tm_naflex_filter(dict, graph);
        return;
    }
    bool nested = tm_state_find(dict, "visual.conv1.weight");
    if (nested || tm_state_find(dict, "conv1.weight")) {
        convert_pe(dict, nested);
        return;
    }
    keep_trunk(dict);
    bool sapiens2 = tm_state_find(dict, "blocks.0.attn.wq.weight") &&
                    tm_state_find(dict, "blocks.0.ffn.w12.weight");
    bool split = tm_state_find(dict, "blocks.0.attn.q_proj.weight");
    drop_rotary(dict);
    if (sapiens2)
        convert_sapiens2(dict);
    else if (tm_state_find(dict, "storage_tokens"))
        convert_dinov3(dict, graph, v->depth ? v->depth : 12);
    else if (tm_state_find(dict, "mask_token"))
        convert_mim(dict);
    REPLACE(dict, table);
    if (split) {
        tm_state_replace(dict, "q_bias", "q_proj.bias");
        tm_state_replace(dict, "v_bias", "v_proj.bias");
    }
}
