/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "layers/attention_pool.h"
#include "layers/classifier.h"
#include "layers/patch_embed.h"
#include "layers/pool1d.h"
#include "layers/rotary.h"
#include "layers/taps.h"
#include "layers/window.h"
#include "models/eva.h"
#include "models/naflex.h"

enum { FULL_BLOCKS = 8 /* at both ends, where only those between share keys and values */ };

#define EVA(name, kind, member, ...) TM_TAKES(tm_eva, name, kind, member, __VA_ARGS__)
const tm_argument tm_eva_arguments[TM_EVA_ARGUMENTS] = {
    EVA("use_rel_pos_bias", FLAG, rel_pos, TM_ANY),
    EVA("patch_size", INTEGER, patch, 1, 1024),
    EVA("embed_dim", INTEGER, width, TM_WIDTHS),
    EVA("depth", INTEGER, depth, TM_DEPTHS),
    EVA("num_heads", INTEGER, heads, TM_HEADS),
    EVA("mlp_ratio", NUMBER, mlp_ratio, TM_RATIOS),
    EVA("qkv_bias", NO_FLAG, no_qkv_bias, TM_ANY),
    EVA("init_values", GIVEN, layer_scale, TM_ANY),
    EVA("use_abs_pos_emb", NO_FLAG, no_pos_embed, TM_ANY),
    EVA("qk_norm", FLAG, qk_norm, TM_ANY),
    EVA("qkv_fused", NO_FLAG, split_qkv, TM_ANY),
    EVA("class_token", NO_FLAG, no_class_token, TM_ANY),
    EVA("num_reg_tokens", INTEGER, registers, 0, 4096),
    EVA("no_embed_class", FLAG, no_embed_class, TM_ANY),
    EVA("scale_attn_inner", FLAG, scale_attn, TM_ANY),
    EVA("attn_only_layer_scale", FLAG, attn_scale_only, TM_ANY),
    EVA("use_pre_transformer_norm", FLAG, pre_norm, TM_ANY),
    EVA("num_kv_heads", BLOCKS, kv_by_block, TM_HEADS),
    EVA("dynamic_img_size", FLAG, dynamic, TM_ANY),
    EVA("dynamic_img_pad", FLAG, dynamic_pad, TM_ANY),
    EVA("use_naflex", FLAG, naflex, TM_ANY),
};

/* A variant with its defaults filled in, on one picture size. */
typedef struct eva {
    tm_builder *b;
    const tm_eva *v;
    int width, depth, heads, head, hidden, prefix, patch;
    int h, w; /* patches */
    tm_norm norm;
    const char *pool;
    bool final_norm, pool_norm;
    tm_node *table; /* of rotary positions, of all blocks; or NULL */
} eva;

static bool is(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static int aligned(int hidden, int to)
{
    return to ? (hidden + to - 1) / to * to : hidden;
}

static void choose_norms(eva *m)
{
    bool avg = is(m->pool, "avg");
    m->pool_norm = m->v->norms == POOL_NORM && avg;
    m->final_norm = m->v->norms != NO_NORM && !m->pool_norm;
}

static void refuse_kv_misfits(const eva *m)
{
    const tm_int_list *list = &m->v->kv_by_block;
    bool other_depth = m->v->kv_heads && m->depth != m->v->kv_depth;
    if ((!list->count && other_depth) || (list->count > 1 && list->count != m->depth))
        tm_refuse(m->b, "depth %d: num_kv_heads must have one entry per block", m->depth);
    if (list->count && (m->v->post_norm || !m->v->split_qkv || !m->v->k_bias))
        tm_refuse(m->b, "num_kv_heads needs attn_type rope, and qkv_fused=false");
    for (int i = 0; i < list->count; i++)
        if (m->heads % list->values[i])
            tm_refuse(m->b, "num_heads %d does not divide by num_kv_heads %d", m->heads,
                      list->values[i]);
}

/* Arguments that do not go together. */
static void refuse_misfits(const eva *m)
{
    const tm_eva *v = m->v;
    tm_builder *b = m->b;
    int step = v->rope ? 4 : 1; /* sines and cosines of two axes */
    if (m->width % m->heads || m->head % step || m->heads > TM_EVA_HEADS_MAX)
        tm_refuse(b, "embed_dim %d does not divide into %d heads%s", m->width, m->heads,
                  v->rope ? " of a multiple of 4 channels" : "");
    if (v->post_norm && v->naflex)
        tm_refuse(b, "use_post_norm is no argument of timm's NaFlexVit");
    if (v->post_norm && v->qk_norm)
        tm_refuse(b, "qk_norm is not supported with use_post_norm");
    refuse_kv_misfits(m);
    if (is(m->pool, "token") && v->no_class_token)
        tm_refuse(b, "global pool 'token' needs a class token, which this model has not");
}

static eva resolve(tm_builder *b, const tm_eva *v)
{
    eva m = {.b = b,
             .v = v,
             .patch = v->patch ? v->patch : 16,
             .width = v->width ? v->width : 768,
             .depth = v->depth ? v->depth : 12,
             .heads = v->heads ? v->heads : 12,
             .prefix = !v->no_class_token + v->registers,
             .norm = {.kind = v->rms_norm ? TM_NORM_RMS : TM_NORM_LAYER,
                      .eps = v->norm_eps > 0 ? v->norm_eps : 1e-6f},
             .pool = tm_pool_kind(b, v->pool ? v->pool : "avg")};
    m.head = m.width / m.heads;
    m.hidden = (int)(m.width * (v->mlp_ratio > 0 ? v->mlp_ratio : 4.0));
    choose_norms(&m);
    refuse_misfits(&m);
    return m;
}

/* ---- tokens ---- */

static tm_node *patches(eva *m, tm_any_size any)
{
    tm_node *x = tm_patch_picture(m->b, m->patch, any);
    x = tm_patch_embed(m->b, "patch_embed", x, m->width, m->patch, !m->v->pre_norm);
    m->h = x->shape.h;
    m->w = x->shape.w;
    return tm_map_tokens(m->b, x);
}

/* The prefix is the same for every picture, so it is added up with its positions at load. */
static tm_node *embed(eva *m)
{
    tm_builder *b = m->b;
    const tm_any_size any = {m->v->dynamic, m->v->dynamic_pad};
    tm_node *x = patches(m, any);
    tm_node *parts[2], *prefix = NULL, *positions = NULL;
    int count = 0, shared = m->v->no_embed_class ? 0 : m->prefix;
    if (!m->v->no_class_token)
        parts[count++] = tm_param3(b, "cls_token", 1, 1, m->width);
    if (m->v->registers)
        parts[count++] = tm_param3(b, "reg_token", 1, m->v->registers, m->width);
    if (count)
        prefix = tm_const_concat(b, count, parts, 1);
    if (!m->v->no_pos_embed)
        positions = tm_patch_positions(b, m->patch, any, shared, m->h, m->w, m->width);
    if (positions && shared) {
        prefix = tm_const_add(b, prefix, tm_const_slice(b, positions, 1, 0, shared));
        positions = tm_const_slice(b, positions, 1, shared, m->h * m->w);
    }
    if (positions)
        x = tm_add(b, x, positions);
    return prefix ? tm_concat_w(b, 2, (tm_node *[]){prefix, x}) : x;
}

static tm_node *naflex_embed(eva *m)
{
    const tm_eva *v = m->v;
    const tm_vit like = {.patch = m->patch,
                         .width = m->width,
                         .registers = v->registers,
                         .no_class_token = v->no_class_token,
                         .no_pos_embed = v->no_pos_embed,
                         .pre_norm = v->pre_norm,
                         .dynamic_pad = v->dynamic_pad};
    int grid[2];
    tm_naflex n = tm_naflex_of_own_size(m->b, m->patch);
    tm_node *x = tm_naflex_embed(m->b, &n, &like, m->norm, grid);
    m->h = grid[0];
    m->w = grid[1];
    return x;
}

static tm_node *rotary_table(const eva *m)
{
    tm_builder *b = m->b;
    switch (m->v->rope) {
    case TM_ROPE_CAT:
        return tm_rotary_table(b, m->h, m->w, m->head,
                               (tm_rotary){.temperature = m->v->temperature,
                                           .ref = m->v->ref,
                                           .offset = m->v->offset,
                                           .xy = m->v->xy});
    case TM_ROPE_DINOV3:
        return tm_rotary_dinov3_table(b, m->h, m->w, m->head, m->v->temperature);
    case TM_ROPE_MIXED:
        return tm_param4(b, "rope.freqs", 2, m->depth, m->heads, m->head / 2);
    case TM_ROPE_NONE:
        break;
    }
    return NULL;
}

/* ---- attention ---- */

typedef struct heads {
    tm_node *q, *k, *v;
} heads;

/* q_bias, zeros, v_bias */
static tm_node *qkv_bias(tm_builder *b, int width)
{
    tm_node *zero = tm_literal(b, 1, (int64_t[]){1}, (float[]){0.0f});
    tm_node *parts[] = {tm_param1(b, "q_bias", width), tm_const_repeat(b, zero, width),
                        tm_param1(b, "v_bias", width)};
    return tm_const_concat(b, 3, parts, 0);
}

static heads project(const eva *m, tm_node *x, int kv_width)
{
    tm_builder *b = m->b;
    bool bias = !m->v->no_qkv_bias;
    if (m->v->split_qkv)
        return (heads){tm_linear(b, "q_proj", x, m->width, bias),
                       tm_linear(b, "k_proj", x, kv_width, bias && m->v->k_bias),
                       tm_linear(b, "v_proj", x, kv_width, bias)};
    tm_node *all;
    if (m->v->k_bias)
        all = tm_linear(b, "qkv", x, 3 * m->width, bias);
    else
        all = tm_conv2d_with(b, "qkv", x, tm_param2(b, "qkv.weight", 3 * m->width, m->width),
                             bias ? qkv_bias(b, m->width) : NULL,
                             (tm_conv){.out = 3 * m->width, .kernel = 1, .linear = true});
    return (heads){tm_slice_c(b, all, 0, m->width), tm_slice_c(b, all, m->width, m->width),
                   tm_slice_c(b, all, 2 * m->width, m->width)};
}

/* Each head of x for several heads of queries. */
static tm_node *repeat_heads(tm_builder *b, tm_node *x, int head, int times)
{
    tm_node *parts[TM_EVA_HEADS_MAX];
    int count = x->shape.c / head * times;
    TM_ASSERT(count <= TM_EVA_HEADS_MAX);
    for (int i = 0; i < count; i++)
        parts[i] = tm_slice_c(b, x, i / times * head, head);
    return tm_concat_c(b, count, parts);
}

static tm_node *turned(const eva *m, tm_node *x, tm_node *table, int count)
{
    tm_rotation rotation = {
        .heads = count, .first = m->prefix, .half = m->v->rope == TM_ROPE_DINOV3};
    return table ? tm_rotate(m->b, x, table, rotation) : x;
}

static tm_node *position_bias(const eva *m)
{
    if (!m->v->rel_pos)
        return NULL;
    tm_node *table =
        tm_window_token_table(m->b, "relative_position_bias_table", m->h, m->w, m->heads);
    return tm_relative_position_token_bias(m->b, table, m->h, m->w);
}

static int kv_heads_of(const eva *m, int block)
{
    const tm_int_list *list = &m->v->kv_by_block;
    bool middle = block >= FULL_BLOCKS && block < m->depth - FULL_BLOCKS;
    if (list->count)
        return list->values[list->count > 1 ? block : 0];
    return m->v->kv_heads && middle ? m->v->kv_heads : m->heads;
}

static tm_node *attend(const eva *m, tm_node *x, int block)
{
    tm_builder *b = m->b;
    int kv = kv_heads_of(m, block);
    tm_node *table = m->v->rope == TM_ROPE_MIXED
                         ? tm_const_mixed_rotation(b, m->table, block, m->h, m->w)
                         : m->table;
    tm_norm norm = m->norm;
    tm_push(b, "attn");
    heads a = project(m, x, kv * m->head);
    if (m->v->qk_norm) {
        norm.groups = m->heads;
        a.q = tm_normalize(b, "q_norm", a.q, norm);
        norm.groups = kv;
        a.k = tm_normalize(b, "k_norm", a.k, norm);
    }
    a.q = turned(m, a.q, table, m->heads);
    a.k = turned(m, a.k, table, kv);
    if (kv < m->heads) {
        a.k = repeat_heads(b, a.k, m->head, m->heads / kv);
        a.v = repeat_heads(b, a.v, m->head, m->heads / kv);
    }
    x = tm_attend(b, a.q, a.k, a.v, (tm_attention){.heads = m->heads, .bias = position_bias(m)});
    if (m->v->scale_attn)
        x = tm_normalize(b, "norm", x, m->norm);
    x = tm_linear(b, "proj", x, m->width, true);
    tm_pop(b);
    return x;
}

/* ---- blocks ---- */

static tm_ffn ffn_of(const eva *m)
{
    bool mlp = m->v->ffn == TM_FFN_MLP, glu = m->v->ffn == TM_FFN_GLU;
    return (tm_ffn){.kind = m->v->ffn,
                    .hidden = glu ? 2 * m->hidden : aligned(m->hidden, m->v->align),
                    .act = mlp ? TM_ACT_GELU : TM_ACT_SILU,
                    .scale_norm = m->v->scale_mlp,
                    .norm = m->norm};
}

static tm_node *block(const eva *m, tm_node *x, int index)
{
    tm_builder *b = m->b;
    if (m->v->post_norm) {
        x = tm_add(b, x, tm_normalize(b, "norm1", attend(m, x, index), m->norm));
        return tm_add(b, x,
                      tm_normalize(b, "norm2", tm_feed_forward(b, "mlp", x, ffn_of(m)), m->norm));
    }
    tm_node *y = attend(m, tm_normalize(b, "norm1", x, m->norm), index);
    if (m->v->layer_scale)
        y = tm_mul(b, y, tm_param1(b, "gamma_1", m->width));
    x = tm_add(b, x, y);
    y = tm_feed_forward(b, "mlp", tm_normalize(b, "norm2", x, m->norm), ffn_of(m));
    if (m->v->layer_scale && !m->v->attn_scale_only)
        y = tm_mul(b, y, tm_param1(b, "gamma_2", m->width));
    return tm_add(b, x, y);
}

static tm_node *blocks(const eva *m, tm_node *x)
{
    tm_builder *b = m->b;
    for (int i = 0; i < m->depth; i++) {
        tm_push(b, "blocks.%d", i);
        x = block(m, x, i);
        tm_pop(b);
        bool norm = m->final_norm && tm_option_norm_intermediates(b);
        tm_tap_block(b, i, x, norm ? tm_normalize(b, "norm", x, m->norm) : x, m->prefix, m->h, m->w,
                     m->patch);
    }
    return x;
}

/* ---- head ---- */

static void head(const eva *m, tm_node *x)
{
    tm_builder *b = m->b;
    tm_layout layout = is(m->pool, "") ? TM_LAYOUT_TOKENS : TM_LAYOUT_VECTOR;
    if (m->final_norm)
        x = tm_normalize(b, "norm", x, m->norm);
    tm_tap_final_tokens(b, x);
    if (is(m->pool, "map"))
        x = tm_attention_pool_latent(
            b, "attn_pool", m->v->naflex ? tm_slice_w(b, x, m->prefix, x->shape.w - m->prefix) : x,
            m->v->pool_heads ? m->v->pool_heads : m->heads,
            m->v->pool_heads ? 4 * m->width : m->hidden, TM_ACT_GELU, m->norm);
    else
        x = tm_pool_tokens(b, x, m->pool, m->prefix);
    if (m->pool_norm)
        x = tm_normalize(b, "fc_norm", x, m->norm);
    tm_classifier(b, x, layout, "head");
}

void tm_eva_build(tm_builder *b, const void *variant)
{
    const tm_eva *v = variant;
    eva m = resolve(b, v);
    if (b->graph->error.status)
        return;
    tm_node *x = (v->naflex ? naflex_embed : embed)(&m);
    if (v->pre_norm)
        x = tm_normalize(b, "norm_pre", x, m.norm);
    m.table = rotary_table(&m);
    b->graph->default_features = 3;
    head(&m, blocks(&m, x));
}
