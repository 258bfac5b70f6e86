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

tm_node *tm_map_tokens(tm_builder *b, tm_node *x)
{
    return tm_reshape(b, x, 1, x->shape.h * x->shape.w, x->shape.c);
}
