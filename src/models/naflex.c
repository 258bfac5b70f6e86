/* SPDX-License-Identifier: Apache-2.0 */
/* timm's NaFlexEmbeds, and its checkpoint_filter_fn for ViTs. */
#include "models/naflex.h"

#include <math.h>

#include "layers/patch_embed.h"
#include "models/filters.h"

/* By a linear layer on a patch's values, channels innermost. */
static tm_node *patches(tm_builder *b, const tm_vit *v, tm_node *x)
{
    int channels = x->shape.c, patch = v->patch;
    tm_node *weight = tm_patch_linear_weight(b, "proj.weight", v->width, channels, patch);
    weight = tm_const_reshape(b, weight, 4, (int64_t[]){v->width, patch, patch, channels});
    weight = tm_const_permute(b, weight, (int[]){0, 3, 1, 2});
    return tm_conv2d_with(
        b, "proj", x, weight, v->pre_norm ? NULL : tm_param1(b, "proj.bias", v->width),
        (tm_conv){.out = v->width, .kernel = patch, .stride = patch, .padding = TM_PAD_VALID});
}

/* [1, side, width]: of the learned positions of one axis, made `length`, the first. */
static tm_node *axis_positions(tm_builder *b, const char *name, int grid, int width, int side,
                               int length)
{
    tm_node *x = tm_param3(b, name, 1, grid, width);
    x = tm_const_resample_grid(b, x, 0, (int[]){grid, 1}, (int[]){length, 1},
                               (tm_resampling){.bilinear = true});
    return tm_const_slice(b, x, 1, 0, side);
}

static tm_node *factorized_positions(tm_builder *b, const tm_naflex *n, int width, int h, int w)
{
    int longer = h > w ? h : w, rows = n->resampling.square ? longer : h;
    int columns = n->resampling.square ? longer : w;
    tm_node *y = axis_positions(b, "pos_embed_y", n->grid_h, width, h, rows);
    tm_node *x = axis_positions(b, "pos_embed_x", n->grid_w, width, w, columns);
    y = tm_const_reshape(b, y, 3, (int64_t[]){h, 1, width});
    x = tm_const_reshape(b, x, 3, (int64_t[]){1, w, width});
    return tm_const_reshape(b, tm_const_add(b, y, x), 3, (int64_t[]){1, (int64_t)h * w, width});
}

static tm_node *positions(tm_builder *b, const tm_naflex *n, int width, int h, int w)
{
    if (n->factorized)
        return factorized_positions(b, n, width, h, w);
    int from[] = {n->grid_h, n->grid_w};
    tm_node *x = tm_param4(b, "pos_embed", 1, from[0], from[1], width);
    x = tm_const_reshape(b, x, 3, (int64_t[]){1, (int64_t)from[0] * from[1], width});
    return tm_const_resample_grid(b, x, 0, from, (int[]){h, w}, n->resampling);
}

tm_naflex tm_naflex_of_own_size(tm_builder *b, int patch)
{
    const tm_build_options *o = &b->options;
    if (o->own_h < patch || o->own_w < patch)
        tm_refuse(b, "patch_size %d leaves no grid of the model's own %d x %d pixels", patch,
                  o->own_h, o->own_w);
    return (tm_naflex){.grid_h = o->own_h / patch, .grid_w = o->own_w / patch};
}

tm_node *tm_naflex_embed(tm_builder *b, const tm_naflex *n, const tm_vit *v, tm_norm norm,
                         int grid[2])
{
    tm_node *parts[3];
    int count = 0;
    b->graph->sequence_patch = v->patch;
    if (!v->dynamic_pad)
        tm_want_whole_patches(b, v->patch);
    tm_push(b, "embeds");
    tm_node *x =
        patches(b, v, tm_patch_picture(b, v->patch, (tm_any_size){v->dynamic_pad, v->dynamic_pad}));
    grid[0] = x->shape.h;
    grid[1] = x->shape.w;
    if (v->embed_norm)
        x = tm_normalize(b, "norm", x, norm);
    tm_node *all = tm_map_tokens(b, x);
    if (!v->no_pos_embed)
        all = tm_add(b, all, positions(b, n, v->width, x->shape.h, x->shape.w));
    if (!v->no_class_token)
        parts[count++] = tm_param3(b, "cls_token", 1, 1, v->width);
    if (v->registers)
        parts[count++] = tm_param3(b, "reg_token", 1, v->registers, v->width);
    parts[count++] = all;
    tm_pop(b);
    return count > 1 ? tm_concat_w(b, count, parts) : all;
}

/* ---- checkpoints of ViTs ---- */

static bool is_square(int64_t count)
{
    int64_t side = count > 0 ? (int64_t)sqrt((double)count) : 0;
    return side > 0 && side * side == count;
}

/* Adds rows [first, first + count) of the table to the tokens, if the model has such. */
static void add_positions(tm_state_dict *dict, const tm_graph *graph, const char *name,
                          const tm_tensor_view *table, int64_t first, int64_t count)
{
    tm_tensor_view *tokens = tm_state_find(dict, name), rows = *table;
    const tm_node *param = tm_find_param(graph, name);
    if (!tokens || !param || count < 1 || !tm_view_has_shape(tokens, param->rank, param->dims))
        return;
    tm_state_slice(dict, &rows, 1, first, count);
    tm_add_rows(dict, tokens, &rows);
}

static int64_t token_count(const tm_tensor_view *tokens)
{
    return tokens && tokens->rank == 3 ? tokens->shape[1] : 0;
}

/* A table that seems to begin with positions of the prefix tokens is cut: here tokens have theirs
 * in them. timm takes the registers' rows only up to their number, not so many behind the class
 * token's. */
static void split_prefix(tm_state_dict *dict, const tm_graph *graph, tm_tensor_view *table)
{
    int64_t classes = token_count(tm_state_find(dict, "embeds.cls_token"));
    int64_t registers = token_count(tm_state_find(dict, "embeds.reg_token"));
    int64_t prefix = classes + registers, count = token_count(table);
    if (!prefix || count <= prefix || is_square(count) || !is_square(count - prefix))
        return;
    add_positions(dict, graph, "embeds.cls_token", table, 0, classes);
    add_positions(dict, graph, "embeds.reg_token", table, classes, registers - classes);
    tm_state_slice(dict, table, 1, prefix, count - prefix);
}

void tm_naflex_filter(tm_state_dict *dict, const tm_graph *graph)
{
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
        split_prefix(dict, graph, table);
        tm_reshape_to_param(dict, table, graph);
    }
}
