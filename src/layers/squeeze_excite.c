/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/squeeze_excite.h"

#include "layers/make_divisible.h"

tm_node *tm_squeeze_excite_with(tm_builder *b, const char *name, tm_node *x, tm_squeeze squeeze)
{
    if (!squeeze.reduced)
        squeeze.reduced = tm_divisible(x->shape.c / 16.0, 8, 0);
    tm_conv reduce = {.out = squeeze.reduced, .kernel = 1, .bias = !squeeze.no_bias};
    tm_conv expand = {.out = x->shape.c, .kernel = 1, .bias = !squeeze.no_bias};
    tm_push(b, "%s", name);
    tm_node *gate = tm_reduce_hw(b, x, TM_REDUCE_AVG);
    gate = tm_conv2d(b, squeeze.reduce ? squeeze.reduce : "fc1", gate, reduce);
    if (squeeze.norm)
        gate = tm_normalize(b, "bn", gate, (tm_norm){.kind = TM_NORM_BATCH});
    gate = tm_activate(b, gate, squeeze.act ? squeeze.act : TM_ACT_RELU);
    gate = tm_conv2d(b, squeeze.expand ? squeeze.expand : "fc2", gate, expand);
    x = tm_mul(b, x, tm_activate(b, gate, squeeze.gate ? squeeze.gate : TM_ACT_SIGMOID));
    tm_pop(b);
    return x;
}

tm_node *tm_squeeze_excite(tm_builder *b, const char *name, tm_node *x, int reduced)
{
    return tm_squeeze_excite_with(b, name, x, (tm_squeeze){.reduced = reduced});
}

tm_node *tm_effective_squeeze_excite(tm_builder *b, const char *name, tm_node *x)
{
    tm_conv fc = {.out = x->shape.c, .kernel = 1, .bias = true};
    tm_push(b, "%s", name);
    tm_node *gate = tm_conv2d(b, "fc", tm_reduce_hw(b, x, TM_REDUCE_AVG), fc);
    x = tm_mul(b, x, tm_activate(b, gate, TM_ACT_HARD_SIGMOID));
    tm_pop(b);
    return x;
}
