/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/global_context.h"

/* of all pixels, the weights from a softmax over them */
static tm_node *weighted_mean(tm_builder *b, tm_node *x)
{
    int h = x->shape.h, w = x->shape.w;
    tm_node *weight = tm_conv2d(b, "conv_attn", x, (tm_conv){.out = 1, .kernel = 1, .bias = true});
    weight = tm_softmax_c(b, tm_reshape(b, weight, 1, 1, h * w), 1);
    return tm_reduce_hw(b, tm_mul(b, x, tm_reshape(b, weight, h, w, 1)), TM_REDUCE_SUM);
}

tm_node *tm_global_context(tm_builder *b, const char *name, tm_node *x, int reduced,
                           tm_act_kind act, bool add)
{
    tm_push(b, "%s", name);
    tm_node *context = weighted_mean(b, x);
    tm_push(b, add ? "mlp_add" : "mlp_scale");
    context = tm_conv2d(b, "fc1", context, (tm_conv){.out = reduced, .kernel = 1, .bias = true});
    context = tm_normalize(b, "norm", context, (tm_norm){.kind = TM_NORM_LAYER, .eps = 1e-6f});
    context = tm_activate(b, context, act);
    context = tm_conv2d(b, "fc2", context, (tm_conv){.out = x->shape.c, .kernel = 1, .bias = true});
    tm_pop(b);
    x = add ? tm_add(b, x, context) : tm_mul(b, x, tm_activate(b, context, TM_ACT_SIGMOID));
    tm_pop(b);
    return x;
}

static tm_node *layer_norm(tm_builder *b, const char *name, tm_node *x)
{
    int c = x->shape.c;
    int64_t dims[] = {c};
    x = tm_normalize(b, name, x, (tm_norm){.kind = TM_NORM_LAYER, .no_affine = true});
    tm_push(b, "%s", name);
    x = tm_mul(b, x, tm_const_reshape(b, tm_param3(b, "weight", c, 1, 1), 1, dims));
    x = tm_add(b, x, tm_const_reshape(b, tm_param3(b, "bias", c, 1, 1), 1, dims));
    tm_pop(b);
    return x;
}

tm_node *tm_legacy_global_context(tm_builder *b, const char *name, tm_node *x, int reduced,
                                  tm_act_kind act)
{
    tm_push(b, "%s", name);
    tm_node *context = weighted_mean(b, x);
    tm_push(b, "mlp_add");
    context = tm_conv2d(b, "fc1", context, (tm_conv){.out = reduced, .kernel = 1, .bias = true});
    context = tm_activate(b, layer_norm(b, "norm", context), act);
    context = tm_conv2d(b, "fc2", context, (tm_conv){.out = x->shape.c, .kernel = 1, .bias = true});
    tm_pop(b);
    tm_pop(b);
    return tm_add(b, x, context);
}
