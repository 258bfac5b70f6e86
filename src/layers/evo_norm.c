/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/evo_norm.h"

/* mean over all pixels and the channels of each group: 1 x groups x 1 */
static tm_node *group_mean(tm_builder *b, tm_node *x, int groups)
{
    tm_node *mean = tm_reduce_hw(b, x, TM_REDUCE_AVG);
    return tm_reduce_c(b, tm_reshape(b, mean, 1, groups, x->shape.c / groups), TM_REDUCE_AVG);
}

/* 1 / std over all pixels and the channels of each group: 1 x groups x 1 */
static tm_node *group_inverse_std(tm_builder *b, tm_node *x, int groups, float eps)
{
    tm_shape s = x->shape;
    /* a group is a pixel of the reshaped map, so that its statistics broadcast */
    tm_node *apart = tm_reshape(b, x, s.h * s.w, groups, s.c / groups);
    tm_node *centered = tm_sub(b, apart, group_mean(b, x, groups));
    tm_node *square = tm_reshape(b, tm_mul(b, centered, centered), s.h, s.w, s.c);
    tm_node *var = tm_affine(b, group_mean(b, square, groups), 1.0f, eps);
    return tm_activate(b, var, TM_ACT_RSQRT);
}

static tm_node *evo_norm(tm_builder *b, const char *name, tm_node *x, int groups, bool act,
                         bool divide, float eps)
{
    tm_shape s = x->shape;
    tm_push(b, "%s", name);
    tm_node *weight = tm_param1(b, "weight", s.c), *bias = tm_param1(b, "bias", s.c);
    tm_node *scale = divide ? group_inverse_std(b, x, groups, eps) : NULL;
    if (act) {
        tm_node *gate = tm_mul(b, x, tm_param1(b, "v", s.c));
        x = tm_mul(b, x, tm_activate(b, gate, TM_ACT_SIGMOID));
    }
    if (divide) {
        x = tm_mul(b, tm_reshape(b, x, s.h * s.w, groups, s.c / groups), scale);
        x = tm_reshape(b, x, s.h, s.w, s.c);
    }
    x = tm_add(b, tm_mul(b, x, weight), bias);
    tm_pop(b);
    return x;
}

tm_node *tm_evo_norm_s0(tm_builder *b, const char *name, tm_node *x, int groups, bool act,
                        float eps)
{
    return evo_norm(b, name, x, groups, act, act, eps > 0 ? eps : 1e-5f);
}

tm_node *tm_evo_norm_s0a(tm_builder *b, const char *name, tm_node *x, int groups, bool act)
{
    return evo_norm(b, name, x, groups, act, true, 1e-3f);
}
