/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/reduced_attention.h"

#include "layers/patch_embed.h"

/* The map that k and v are taken from. */
static tm_node *smaller(tm_builder *b, tm_node *x, tm_reduced reduced)
{
    if (!reduced.pool && reduced.ratio == 1)
        return x;
    if (reduced.pool)
        x = tm_adaptive_avg_pool2d(b, x, reduced.pool, reduced.pool);
    tm_conv conv = {.out = x->shape.c,
                    .kernel = reduced.pool ? 1 : reduced.ratio,
                    .stride = reduced.pool ? 1 : reduced.ratio,
                    .padding = TM_PAD_VALID,
                    .bias = true};
    x = tm_normalize(b, "norm", tm_conv2d(b, "sr", x, conv), (tm_norm){.kind = TM_NORM_LAYER});
    return reduced.pool ? tm_activate(b, x, TM_ACT_GELU) : x;
}

tm_node *tm_reduced_attention(tm_builder *b, const char *name, tm_node *x, tm_reduced reduced)
{
    tm_shape s = x->shape;
    tm_push(b, "%s", name);
    tm_node *q = tm_map_tokens(b, tm_linear(b, "q", x, s.c, true));
    tm_node *kv = tm_linear(b, "kv", smaller(b, x, reduced), 2 * s.c, true);
    kv = tm_map_tokens(b, kv);
    x = tm_attend(b, q, tm_slice_c(b, kv, 0, s.c), tm_slice_c(b, kv, s.c, s.c),
                  (tm_attention){.heads = reduced.heads});
    x = tm_linear(b, "proj", x, s.c, true);
    tm_pop(b);
    return tm_reshape(b, x, s.h, s.w, s.c);
}
