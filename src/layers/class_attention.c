/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/class_attention.h"

tm_node *tm_class_attention(tm_builder *b, const char *name, tm_node *x, int heads)
{
    int dim = x->shape.c;
    tm_push(b, "%s", name);
    tm_node *q = tm_linear(b, "q", tm_slice_w(b, x, 0, 1), dim, true);
    tm_node *k = tm_linear(b, "k", x, dim, true), *v = tm_linear(b, "v", x, dim, true);
    x = tm_linear(b, "proj", tm_attend(b, q, k, v, (tm_attention){.heads = heads}), dim, true);
    tm_pop(b);
    return x;
}
