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
    if (s.h % patch || s.w % patch)
        tm_refuse(b, "input %dx%d should be divisible by patch size %d", s.h, s.w, patch);
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
