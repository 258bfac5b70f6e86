/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/patch_embed.h"

tm_node *tm_patch_embed(tm_builder *b, const char *name, tm_node *x, int width, int patch,
                        bool bias)
{
    tm_push(b, "%s", name);
    tm_patch_weight(b, "proj.weight", width, x->shape.c, patch);
    x = tm_conv2d(
        b, "proj", x,
        (tm_conv){
            .out = width, .kernel = patch, .stride = patch, .padding = TM_PAD_VALID, .bias = bias});
    tm_pop(b);
    return x;
}

void tm_require_whole_patches(tm_builder *b, int patch)
{
    tm_shape s = b->graph->input->shape;
    if (s.h % patch)
        tm_refuse(b, "Input height (%d) should be divisible by patch size (%d).", s.h, patch);
    else if (s.w % patch)
        tm_refuse(b, "Input width (%d) should be divisible by patch size (%d).", s.w, patch);
}

void tm_want_whole_patches(tm_builder *b, int patch)
{
    tm_shape s = b->graph->input->shape;
    if (s.h % patch || s.w % patch)
        b->graph->unfit = tm_arena_printf(&b->graph->arena,
                                          "patches of %d pixels have to divide pictures, which "
                                          "are of %dx%d",
                                          patch, s.h, s.w);
}

tm_node *tm_patch_picture(tm_builder *b, int patch, tm_any_size any)
{
    tm_node *x = b->graph->input;
    int down = (patch - x->shape.h % patch) % patch, right = (patch - x->shape.w % patch) % patch;
    if (any.allowed && !any.pad)
        tm_require_whole_patches(b, patch);
    if (!any.pad || !(down || right))
        return x;
    if (!any.allowed)
        tm_refuse(b,
                  "dynamic_img_pad: without dynamic_img_size, patches of %d have to divide %dx%d",
                  patch, x->shape.h, x->shape.w);
    return tm_pad2d(b, x, 0, down, 0, right, TM_PAD_ZERO);
}

tm_node *tm_patch_positions(tm_builder *b, int patch, tm_any_size any, int prefix, int h, int w,
                            int width)
{
    const tm_build_options *o = &b->options;
    int made_h = any.allowed ? o->own_h : o->img_h, made_w = any.allowed ? o->own_w : o->img_w;
    int from[] = {made_h / patch, made_w / patch}, to[] = {h, w};
    if (from[0] < 1 || from[1] < 1)
        tm_refuse(b, "picture %dx%d: smaller than a patch of %d", made_h, made_w, patch);
    tm_node *positions = tm_pos_embed(b, "pos_embed", prefix, from[0], from[1], width);
    if (from[0] == h && from[1] == w)
        return positions;
    return tm_const_resample_grid(b, positions, prefix, from, to, (tm_resampling){0});
}

tm_node *tm_map_tokens(tm_builder *b, tm_node *x)
{
    return tm_reshape(b, x, 1, x->shape.h * x->shape.w, x->shape.c);
}

tm_node *tm_add_map_positions(tm_builder *b, const char *name, tm_node *x)
{
    tm_shape s = x->shape;
    tm_node *positions = tm_param4(b, name, 1, s.c, s.h, s.w);
    positions = tm_const_permute(b, positions, (int[]){0, 2, 3, 1});
    positions = tm_const_reshape(b, positions, 2, (int64_t[]){(int64_t)s.h * s.w, s.c});
    return tm_reshape(b, tm_add(b, tm_map_tokens(b, x), positions), s.h, s.w, s.c);
}
