/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/layer_scale.h"

tm_node *tm_layer_scale(tm_builder *b, const char *name, tm_node *x)
{
    tm_push(b, "%s", name);
    x = tm_mul(b, x, tm_param1(b, "gamma", x->shape.c));
    tm_pop(b);
    return x;
}
