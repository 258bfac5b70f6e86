/* SPDX-License-Identifier: Apache-2.0 */
/* timm's gemma4_vit.py: the vision towers of Gemma 4. */
#include <math.h>
#include <string.h>

#include "layers/patch_embed.h"
#include "layers/taps.h"
#include "layers/vision_tower.h"
#include "models/filters.h"
#include "models/model.h"

enum { PATCH = 16, POSITIONS = 10240, SOFT = 3 /* patches a side of a soft token */ };

typedef struct gemma4_variant {
    const char *name;
    int width, depth, heads, hidden;
    bool clips;        /* every linear layer clamps what comes in and what goes out */
    bool standardizes; /* soft tokens */
    bool encoder;
} gemma4_variant;

#define SIZE_167M .width = 768, .depth = 16, .heads = 12, .hidden = 3072, .clips = true
#define SIZE_570M .width = 1152, .depth = 27, .heads = 16, .hidden = 4304, .standardizes = true

static const gemma4_variant variants[] = {
    {.name = "gemma4_vit_167m", SIZE_167M},
    {.name = "gemma4_vit_167m_enc", SIZE_167M, .encoder = true},
    {.name = "gemma4_vit_570m", SIZE_570M},
    {.name = "gemma4_vit_570m_enc", SIZE_570M, .encoder = true},
};

static const tm_norm norm = {.kind = TM_NORM_RMS, .eps = 1e-6f};

typedef struct gemma4 {
    tm_builder *b;
    const gemma4_variant *v;
    const char *outer; /* what the names of the encoder begin with */
    int h, w;
    tm_node *table; /* of rotary positions */
} gemma4;

/* ---- embedding ---- */

/* Row `axis` of the table for the places of all patches along it: [h * w, width]. */
static tm_node *axis_positions(const gemma4 *m, tm_node *table, int axis)
{
    tm_builder *b = m->b;
    int count = m->h * m->w, *rows = tm_arena_alloc(&b->graph->arena, (size_t)count * sizeof *rows);
    for (int i = 0; rows && i < count; i++)
        rows[i] = axis ? i / m->w : i % m->w;
    tm_node *x = tm_const_slice(b, table, 0, axis, 1);
    x = tm_const_reshape(b, x, 2, (int64_t[]){POSITIONS, m->v->width});
    if (rows)
        return tm_const_gather(b, x, count, rows);
    tm_fail(&b->graph->error, TM_NO_MEMORY, "no memory for %d positions", count);
    return x;
}

static tm_node *embed(gemma4 *m)
{
    tm_builder *b = m->b;
    tm_node *x = tm_affine(b, b->graph->input, 2, -1);
    int width = m->v->width, channels = x->shape.c;
    tm_push(b, "%spatch_embed", m->outer);
    tm_node *weight = tm_param2(b, "input_proj.weight", width, (int64_t)channels * PATCH * PATCH);
    weight = tm_const_reshape(b, weight, 4, (int64_t[]){width, channels, PATCH, PATCH});
    x = tm_conv2d_with(
        b, "input_proj", x, weight, NULL,
        (tm_conv){.out = width, .kernel = PATCH, .stride = PATCH, .padding = TM_PAD_VALID});
    m->h = x->shape.h;
    m->w = x->shape.w;
    tm_node *table = tm_param3(b, "position_embedding_table", 2, POSITIONS, width);
    tm_node *positions = tm_const_add(b, axis_positions(m, table, 0), axis_positions(m, table, 1));
    tm_pop(b);
    return tm_add(b, tm_map_tokens(b, x), positions);
}

/* The angles of a patch, along x in the first half of a head, along y in the second: each half
 * turns as a head of its own would. [2 * heads * h * w, head / 2] for tm_rotate. */
static tm_node *rotary_table(const gemma4 *m)
{
    int half = m->v->width / m->v->heads / 2, bands = half / 2, count = m->h * m->w;
    int64_t dims[] = {2 * (int64_t)m->v->heads * count, half};
    float *values =
        tm_arena_alloc(&m->b->graph->arena, (size_t)dims[0] * (size_t)half * sizeof *values);
    for (int64_t i = 0; values && i < dims[0]; i++) {
        int patch = (int)(i % count), along_y = (int)(i / count % 2);
        float place = (float)(along_y ? patch / m->w : patch % m->w);
        for (int k = 0; k < bands; k++) {
            float frequency = 1.0f / powf(100.0f, (float)(2 * k) / (float)half);
            values[i * half + k] = (float)sin((double)(place * frequency));
            values[i * half + bands + k] = (float)cos((double)(place * frequency));
        }
    }
    if (!values)
        tm_fail(&m->b->graph->error, TM_NO_MEMORY, "no memory for rotary positions");
    return tm_literal(m->b, 2, values ? dims : (int64_t[]){1, 1}, values ? values : &(float){0});
}

/* ---- blocks ---- */

static tm_node *bound(tm_builder *b, const char *name)
{
    return tm_const_reshape(b, tm_buffer_param(b, name, 0, NULL), 1, (int64_t[]){1});
}

/* timm's Gemma4ClippableLinear; where a lower bound is above the upper one, that one wins */
static tm_node *clipped_linear(const gemma4 *m, const char *name, tm_node *x, int out)
{
    tm_builder *b = m->b;
    tm_push(b, "%s", name);
    if (m->v->clips)
        x = tm_min(b, tm_max(b, x, bound(b, "input_min")), bound(b, "input_max"));
    x = tm_linear(b, "linear", x, out, false);
    if (m->v->clips)
        x = tm_min(b, tm_max(b, x, bound(b, "output_min")), bound(b, "output_max"));
    tm_pop(b);
    return x;
}

static tm_node *attend(const gemma4 *m, tm_node *x)
{
    tm_builder *b = m->b;
    int width = m->v->width, heads = m->v->heads;
    tm_rotation rotation = {.heads = 2 * heads, .half = true};
    tm_norm each = norm, plain = {.kind = TM_NORM_RMS, .eps = norm.eps, .no_affine = true};
    each.groups = plain.groups = heads;
    tm_push(b, "attn");
    tm_node *q = tm_normalize(b, "q_norm", clipped_linear(m, "q_proj", x, width), each);
    tm_node *k = tm_normalize(b, "k_norm", clipped_linear(m, "k_proj", x, width), each);
    tm_node *v = tm_normalize(b, "v_norm", clipped_linear(m, "v_proj", x, width), plain);
    q = tm_rotate(b, q, m->table, rotation);
    k = tm_rotate(b, k, m->table, rotation);
    x = tm_attend(b, q, k, v, (tm_attention){.heads = heads, .scale = 1});
    x = clipped_linear(m, "o_proj", x, width);
    tm_pop(b);
    return x;
}

static tm_node *gated_mlp(const gemma4 *m, tm_node *x)
{
    tm_builder *b = m->b;
    tm_push(b, "mlp");
    tm_node *gate = clipped_linear(m, "gate_proj", x, m->v->hidden);
    tm_node *up = clipped_linear(m, "up_proj", x, m->v->hidden);
    x = tm_mul(b, tm_activate(b, gate, TM_ACT_GELU_TANH), up);
    x = clipped_linear(m, "down_proj", x, m->v->width);
    tm_pop(b);
    return x;
}

static tm_node *blocks(const gemma4 *m, tm_node *x)
{
    tm_builder *b = m->b;
    for (int i = 0; i < m->v->depth; i++) {
        tm_push(b, "%sblocks.%d", m->outer, i);
        tm_node *y = attend(m, tm_normalize(b, "norm1", x, norm));
        x = tm_add(b, x, tm_normalize(b, "norm2", y, norm));
        y = gated_mlp(m, tm_normalize(b, "norm3", x, norm));
        x = tm_add(b, x, tm_normalize(b, "norm4", y, norm));
        tm_pop(b);
        tm_tap_block(b, i, x, x, 0, m->h, m->w, PATCH);
    }
    b->graph->default_features = 3;
    return x;
}

/* ---- outputs ---- */

static tm_node *standard(const gemma4 *m, const char *name)
{
    return tm_buffer_param(m->b, name, 1, (int64_t[]){m->v->width});
}

/* Stored in any case, read for soft tokens. */
static void declare_standards(const gemma4 *m)
{
    tm_push(m->b, m->v->encoder ? "" : "encoder");
    standard(m, "std_bias");
    standard(m, "std_scale");
    tm_pop(m->b);
}

/* timm's Gemma4VisionPooler and what follows it: means of squares of patches */
static tm_node *soft_tokens(const gemma4 *m, tm_node *x)
{
    tm_builder *b = m->b;
    int width = m->v->width;
    if (m->h % SOFT || m->w % SOFT) {
        tm_refuse(b, "input %dx%d should be divisible by %d, the side of a soft token",
                  m->h * PATCH, m->w * PATCH, SOFT * PATCH);
        return x;
    }
    x = tm_pool2d(b, tm_reshape(b, x, m->h, m->w, width), (tm_pool){.kernel = SOFT});
    x = tm_affine(b, tm_map_tokens(b, x), (float)sqrt(width), 0);
    if (!m->v->standardizes)
        return x;
    x = tm_sub(b, x, standard(m, "std_bias"));
    return tm_mul(b, x, standard(m, "std_scale"));
}

static void build_encoder(const gemma4 *m, tm_node *x)
{
    tm_builder *b = m->b;
    const char *pool = tm_tower_pool(b, "soft");
    tm_layout layout = strcmp(pool, "avg") == 0 ? TM_LAYOUT_VECTOR : TM_LAYOUT_TOKENS;
    tm_node *y = strcmp(pool, "soft") == 0 ? soft_tokens(m, x) : tm_global_pool(b, x, pool);
    tm_tower_encoder(b, "Gemma4VitEncoder", x, TM_LAYOUT_TOKENS, y, layout);
}

static void build(tm_builder *b, const void *variant)
{
    gemma4 m = {.b = b, .v = variant};
    m.outer = m.v->encoder ? "" : "encoder.";
    tm_require_whole_patches(b, PATCH);
    tm_node *x = embed(&m);
    m.table = rotary_table(&m);
    x = blocks(&m, x);
    if (m.v->encoder)
        build_encoder(&m, x);
    else
        tm_tower_classifier(b, x, TM_LAYOUT_TOKENS, norm);
    if (m.v->standardizes)
        declare_standards(&m);
}

/* ---- checkpoints of the language models ---- */

static const char *behind(const char *name, const char *const *prefixes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
            return name + strlen(prefixes[i]);
    return NULL;
}

/* Names in the tower; what is the language model's is dropped. */
static void take_tower(tm_state_dict *dict, bool encoder)
{
    static const char *const towers[] = {"model.vision_tower.", "model.vision_model.",
                                         "vision_model.", "vision_tower."};
    static const char *const own[] = {"patch_embed.", "blocks.", "std_", "pooler.", "rotary_emb."};
    static const char *const around[] = {"norm.", "head.", "encoder."};
    for (size_t i = dict->count; i-- > 0;) {
        tm_tensor_view *view = &dict->tensors[i];
        const char *name = behind(view->name, towers, sizeof towers / sizeof *towers);
        bool stored = behind(view->name, own, sizeof own / sizeof *own);
        if (!encoder && behind(view->name, around, sizeof around / sizeof *around))
            continue;
        if (name ? strstr(name, "rotary_emb") != NULL : !stored)
            tm_state_drop(dict, view);
        else
            tm_state_rename(dict, view, "%s%s", encoder ? "" : "encoder.",
                            name ? name : view->name);
    }
}

static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    static const tm_replacement table[] = {{"patch_embedder.", "patch_embed."},
                                           {"encoder.layers.", "blocks."},
                                           {".input_layernorm.", ".norm1."},
                                           {".post_attention_layernorm.", ".norm2."},
                                           {".pre_feedforward_layernorm.", ".norm3."},
                                           {".post_feedforward_layernorm.", ".norm4."},
                                           {".self_attn.", ".attn."}};
    (void)graph;
    take_tower(dict, ((const gemma4_variant *)variant)->encoder);
    tm_replace_all(dict, table, sizeof table / sizeof *table);
}

static const tm_argument arguments[] = {
    TM_TAKES(gemma4_variant, "depth", INTEGER, depth, TM_DEPTHS),
    TM_TAKES(gemma4_variant, "intermediate_size", INTEGER, hidden, TM_WIDTHS),
};

const tm_family tm_family_gemma4_vit = {.module = "gemma4_vit",
                                        TM_VARIANTS(variants),
                                        TM_ARGUMENTS(arguments),
                                        .build = build,
                                        .filter = filter};
