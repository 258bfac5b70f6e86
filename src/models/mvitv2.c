/* SPDX-License-Identifier: Apache-2.0 */
/* timm's mvitv2.py: Multiscale Vision Transformers V2 (2112.01526). */
#include <math.h>
#include <stdio.h>

#include "layers/attention.h"
#include "layers/classifier.h"
#include "layers/decomposed_attention.h"
#include "layers/mlp.h"
#include "layers/patch_embed.h"
#include "layers/taps.h"
#include "models/filters.h"
#include "models/model.h"

enum { STAGES = 4, PATCH = 4 };

typedef struct mvit_variant {
    const char *name;
    int depths[STAGES];
    int width, heads; /* of the first stage; each later one has twice as many */
    bool token;       /* a class token before the pixels */
    bool late;        /* a stage grows wider in its last MLP, not in its first attention */
} mvit_variant;

static const mvit_variant variants[] = {
    {.name = "mvitv2_base", .depths = {2, 3, 16, 3}, .width = 96, .heads = 1},
    {.name = "mvitv2_base_cls", .depths = {2, 3, 16, 3}, .width = 96, .heads = 1, .token = true},
    {.name = "mvitv2_huge_cls", .depths = {4, 8, 60, 8}, .width = 192, .heads = 3, .token = true},
    {.name = "mvitv2_large", .depths = {2, 6, 36, 4}, .width = 144, .heads = 2, .late = true},
    {.name = "mvitv2_large_cls", .depths = {2, 6, 36, 4}, .width = 144, .heads = 2, .token = true},
    {.name = "mvitv2_small", .depths = {1, 2, 11, 2}, .width = 96, .heads = 1},
    {.name = "mvitv2_small_cls", .depths = {1, 2, 11, 2}, .width = 96, .heads = 1, .token = true},
    {.name = "mvitv2_tiny", .depths = {1, 2, 5, 2}, .width = 96, .heads = 1},
};

/* Of keys and values; queries have stride 2 where a stage but the first begins. */
static const int key_strides[STAGES] = {4, 2, 1, 1};
static const tm_norm norm = {.kind = TM_NORM_LAYER, .eps = 1e-6f};

/* Tokens of h x w pixels, after the class token if there is one. */
typedef struct grid {
    tm_node *x;
    int h, w;
    int first;   /* 1 with a class token, else 0 */
    int nominal; /* the side that tables of positions are made for */
} grid;

static tm_node *map_of(tm_builder *b, grid at)
{
    tm_node *pixels = at.first ? tm_slice_w(b, at.x, 1, at.h * at.w) : at.x;
    return tm_reshape(b, pixels, at.h, at.w, at.x->shape.c);
}

/* The map in place of the grid's pixels. */
static grid with_map(tm_builder *b, grid at, tm_node *map)
{
    grid changed = {tm_map_tokens(b, map), map->shape.h, map->shape.w, at.first, at.nominal};
    if (at.first)
        changed.x = tm_concat_w(b, 2, (tm_node *[]){tm_slice_w(b, at.x, 0, 1), changed.x});
    return changed;
}

/* ---- attention ---- */

/* Every head goes through the same depthwise convolution and the same norm, the class token through
 * the norm alone. */
static grid pool(tm_builder *b, char part, grid at, int heads, int stride)
{
    char name[16];
    int c = at.x->shape.c;
    tm_conv conv = {.out = c,
                    .kernel = 3,
                    .stride = stride,
                    .groups = TM_DEPTHWISE,
                    .padding = TM_PAD_EXPLICIT,
                    .pad = 1};
    snprintf(name, sizeof name, "pool_%c.weight", part);
    tm_node *weight = tm_const_repeat(b, tm_param4(b, name, c / heads, 1, 3, 3), heads);
    at = with_map(b, at, tm_conv2d_with(b, "pool", map_of(b, at), weight, NULL, conv));
    snprintf(name, sizeof name, "norm_%c", part);
    at.x = tm_norm_heads(b, name, at.x, norm, heads);
    return at;
}

/* The row of a table for what query i sees of key k, in float32 as timm has it. */
static int distance(int i, int queries, int k, int keys)
{
    double query_ratio = fmax((double)keys / queries, 1),
           key_ratio = fmax((double)queries / keys, 1);
    float distance = (float)i * (float)query_ratio - (float)k * (float)key_ratio;
    return (int)(distance + (float)((keys - 1) * key_ratio));
}

/* rows: of the tables of positions */
static tm_node *attend(tm_builder *b, grid q, grid k, tm_node *v, int heads, int rows)
{
    int d = q.x->shape.c / heads;
    tm_node *down = tm_line_table(b, "rel_pos_h", rows, d);
    tm_node *across = tm_line_table(b, "rel_pos_w", rows, d);
    tm_decomposed by = {.heads = heads,
                        .h = q.h,
                        .w = q.w,
                        .prefix = q.first,
                        .down = tm_offset_vectors(b, down, q.h, k.h, distance),
                        .across = tm_offset_vectors(b, across, q.w, k.w, distance)};
    return tm_attend_decomposed(b, q.x, k.x, v, by);
}

/* timm's MultiScaleAttention with residual pooling: the queries are added to the answer. */
static grid multiscale_attention(tm_builder *b, grid at, int dim, int heads, int stride,
                                 int key_stride)
{
    tm_push(b, "attn");
    tm_node *qkv = tm_linear(b, "qkv", at.x, 3 * dim, true);
    int query_side = at.nominal / stride, key_side = at.nominal / key_stride;
    grid parts[3];
    for (int i = 0; i < 3; i++) {
        parts[i] = at;
        parts[i].x = tm_slice_c(b, qkv, i * dim, dim);
        parts[i] = pool(b, "qkv"[i], parts[i], heads, i ? key_stride : stride);
    }
    int rows = 2 * (query_side > key_side ? query_side : key_side) - 1;
    tm_node *y = attend(b, parts[0], parts[1], parts[2].x, heads, rows);
    y = tm_add(b, y, parts[0].x);
    parts[0].x = tm_linear(b, "proj", y, dim, true);
    parts[0].nominal = query_side;
    tm_pop(b);
    return parts[0];
}

/* ---- the network ---- */

/* dim: of attention; out: of the block */
static grid block(tm_builder *b, grid at, int dim, int out, int heads, int stride, int key_stride)
{
    grid normed = at, shortcut = at;
    normed.x = tm_normalize(b, "norm1", at.x, norm);
    if (at.x->shape.c != dim)
        shortcut.x = tm_linear(b, "shortcut_proj_attn", normed.x, dim, true);
    if (stride > 1) {
        tm_pool halve = {.max = true, .kernel = 3, .stride = 2, .pad = 1};
        shortcut = with_map(b, shortcut, tm_pool2d(b, map_of(b, shortcut), halve));
    }
    at = multiscale_attention(b, normed, dim, heads, stride, key_stride);
    tm_node *x = tm_add(b, shortcut.x, at.x), *y = tm_normalize(b, "norm2", x, norm);
    if (dim != out)
        x = tm_linear(b, "shortcut_proj_mlp", y, out, true);
    tm_ffn ffn = {.hidden = 4 * dim, .out = out, .act = TM_ACT_GELU};
    at.x = tm_add(b, x, tm_feed_forward(b, "mlp", y, ffn));
    return at;
}

static grid stage(tm_builder *b, const mvit_variant *v, grid at, int index)
{
    int width = v->width << index;
    for (int i = 0; i < v->depths[index] && !b->graph->error.status; i++) {
        bool widens = v->late && i == v->depths[index] - 1 && index < STAGES - 1;
        tm_push(b, "blocks.%d", i);
        at = block(b, at, width, widens ? 2 * width : width, v->heads << index,
                   index && i == 0 ? 2 : 1, key_strides[index]);
        tm_pop(b);
    }
    return at;
}

static grid embed(tm_builder *b, const mvit_variant *v)
{
    tm_shape picture = b->graph->input->shape;
    tm_conv conv = {.out = v->width,
                    .kernel = 7,
                    .stride = PATCH,
                    .padding = TM_PAD_EXPLICIT,
                    .pad = 3,
                    .bias = true};
    tm_node *map = tm_conv2d(b, "patch_embed.proj", b->graph->input, conv);
    grid at = {tm_map_tokens(b, map), map->shape.h, map->shape.w, v->token, picture.h / PATCH};
    if (picture.h / PATCH != picture.w / PATCH)
        tm_refuse(b, "picture %dx%d: the positions are those of a square", picture.h, picture.w);
    if (v->token) {
        tm_node *token = tm_param3(b, "cls_token", 1, 1, v->width);
        at.x = tm_concat_w(b, 2, (tm_node *[]){token, at.x});
    }
    return at;
}

static void build(tm_builder *b, const void *variant)
{
    const mvit_variant *v = variant;
    grid at = embed(b, v);
    tm_node *x = at.x;
    for (int i = 0; i < STAGES && !b->graph->error.status; i++) {
        tm_push(b, "stages.%d", i);
        at = stage(b, v, at, i);
        tm_pop(b);
        tm_node *map = map_of(b, at), *normed = map;
        if (i == STAGES - 1) {
            x = tm_normalize(b, "norm", at.x, norm);
            grid last = at;
            last.x = x;
            normed = tm_option_norm_intermediates(b) ? map_of(b, last) : map;
        }
        tm_tap_stage_normed(b, "block", i, map, normed, PATCH << i);
    }
    b->graph->pruning = TM_PRUNING_CUT;
    b->graph->token_blocks = true;
    tm_tap_final_tokens(b, x);
    tm_token_head(b, x, v->token ? "token" : "avg", at.first, "head.fc");
}

/* The authors count the blocks of all stages, and have one name for both projections of shortcuts.
 */
static void rename_block(tm_state_dict *dict, tm_tensor_view *view, const mvit_variant *v)
{
    int block, end = 0, projection = 0, stage = 0;
    sscanf(view->name, "blocks.%4d.%n", &block, &end);
    if (!end)
        return;
    for (; stage < STAGES - 1 && block >= v->depths[stage]; stage++)
        block -= v->depths[stage];
    sscanf(view->name + end, "proj.%n", &projection);
    tm_state_rename(dict, view, "stages.%d.blocks.%d.%s%s", stage, block,
                    !projection ? ""
                    : v->late   ? "shortcut_proj_mlp."
                                : "shortcut_proj_attn.",
                    view->name + end + projection);
}

static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    (void)graph;
    tm_take_groups(dict, (const char *[]){"model_state"}, 1);
    for (size_t i = 0; i < dict->count; i++)
        rename_block(dict, &dict->tensors[i], variant);
    tm_state_replace(dict, "head.projection", "head.fc");
}

const tm_family tm_family_mvitv2 = {
    .module = "mvitv2", TM_VARIANTS(variants), .build = build, .filter = filter};
