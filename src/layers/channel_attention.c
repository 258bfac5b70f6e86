/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/channel_attention.h"

/* heads x d x tokens */
static tm_node *channels(tm_builder *b, tm_node *x, int heads)
{
    int tokens = x->shape.w, dim = x->shape.c;
    return tm_reshape(b, tm_transpose(b, x), heads, dim / heads, tokens);
}

static tm_node *tokens(tm_builder *b, tm_node *x)
{
    return tm_transpose(b, tm_reshape(b, x, 1, x->shape.h * x->shape.w, x->shape.c));
}

tm_node *tm_attend_channels(tm_builder *b, tm_node *q, tm_node *k, tm_node *v, int heads,
                            float scale)
{
    tm_attention one = {.heads = 1, .scale = scale};
    return tokens(
        b, tm_attend(b, channels(b, q, heads), channels(b, k, heads), channels(b, v, heads), one));
}

/* Channels with a root mean square of 1: their length is the root of how many tokens there are. */
static tm_node *normalized(tm_builder *b, tm_node *x)
{
    float eps = 1e-24f / (float)x->shape.c;
    return tm_normalize(b, "", x, (tm_norm){.kind = TM_NORM_RMS, .eps = eps, .no_affine = true});
}

tm_node *tm_cross_covariance_attention(tm_builder *b, const char *name, tm_node *x, int heads)
{
    int dim = x->shape.c;
    tm_attention one = {.heads = 1, .scale = 1.0f / (float)x->shape.w};
    tm_push(b, "%s", name);
    tm_node *temperature = tm_param3(b, "temperature", heads, 1, 1);
    tm_node *qkv = tm_linear(b, "qkv", x, 3 * dim, true);
    tm_node *q = normalized(b, channels(b, tm_slice_c(b, qkv, 0, dim), heads));
    tm_node *k = normalized(b, channels(b, tm_slice_c(b, qkv, dim, dim), heads));
    tm_node *v = channels(b, tm_slice_c(b, qkv, 2 * dim, dim), heads);
    q = tm_mul(b, q, tm_constant_activation(b, temperature, heads, 1, 1));
    x = tm_linear(b, "proj", tokens(b, tm_attend(b, q, k, v, one)), dim, true);
    tm_pop(b);
    return x;
}
