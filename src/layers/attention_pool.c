/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/attention_pool.h"

#include "layers/mlp.h"

tm_node *tm_attention_pool_latent(tm_builder *b, const char *name, tm_node *x, int heads,
                                  int hidden, tm_act_kind act, tm_norm norm)
{
    int dim = x->shape.c;
    tm_push(b, "%s", name);
    tm_node *q = tm_constant_activation(b, tm_param3(b, "latent", 1, 1, dim), 1, 1, dim);
    q = tm_linear(b, "q", q, dim, true);
    tm_node *kv = tm_linear(b, "kv", x, 2 * dim, true);
    x = tm_attend(b, q, tm_slice_c(b, kv, 0, dim), tm_slice_c(b, kv, dim, dim),
                  (tm_attention){.heads = heads});
    x = tm_linear(b, "proj", x, dim, true);
    tm_node *y = tm_normalize(b, "norm", x, norm);
    x = tm_add(b, x, tm_feed_forward(b, "mlp", y, (tm_ffn){.hidden = hidden, .act = act}));
    tm_pop(b);
    return x;
}
