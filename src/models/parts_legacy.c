/* SPDX-License-Identifier: Apache-2.0 */
#include "models/parts_legacy.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "models/parts.h"

static tm_node *weighted_mean(tm_builder *b, tm_node *x)
{
    int h = x->shape.h, w = x->shape.w;
    tm_node *weight = tm_conv2d(b, "conv_attn", x, (tm_conv){.out = 1, .kernel = 1, .bias = true});
    weight = tm_softmax_c(b, tm_reshape(b, weight, 1, 1, h * w), 1);
    return tm_reduce_hw(b, tm_mul(b, x, tm_reshape(b, weight, h, w, 1)), TM_REDUCE_SUM);
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

/* torch's nearest: pixel i of `to` comes from i * from / to */
static tm_node *nearest(tm_builder *b, tm_node *x, int h, int w)
{
    int *from = malloc((size_t)h * (size_t)w * sizeof *from);
    if (!from) {
        tm_fail(&b->graph->error, TM_NO_MEMORY, "no memory for a map of %dx%d pixels", h, w);
        return x;
    }
    for (int i = 0; i < h; i++)
        for (int j = 0; j < w; j++)
            from[i * w + j] = i * x->shape.h / h * x->shape.w + j * x->shape.w / w;
    x = tm_gather_pixels(b, x, h, w, from);
    free(from);
    return x;
}

tm_node *tm_gather_excite(tm_builder *b, const char *name, tm_node *x, int convs)
{
    tm_conv down = {.out = x->shape.c, .kernel = 3, .stride = 2, .groups = TM_DEPTHWISE};
    tm_push(b, "%s", name);
    tm_push(b, "gather");
    tm_node *gate = x;
    for (int i = 1; i <= convs; i++) {
        char norm[16], conv[16];
        snprintf(conv, sizeof conv, "conv%d", i);
        snprintf(norm, sizeof norm, "norm%d", i);
        gate = tm_normalize(b, norm, tm_conv2d(b, conv, gate, down), (tm_norm){0});
        gate = tm_activate(b, gate, i < convs ? TM_ACT_RELU : TM_ACT_NONE);
    }
    tm_pop(b);
    int reduced = tm_divisible(x->shape.c / 16.0, 1, 0.0);
    gate = tm_conv2d(b, "mlp.fc1", gate, (tm_conv){.out = reduced, .kernel = 1, .bias = true});
    gate = tm_activate(b, gate, TM_ACT_RELU);
    gate = tm_conv2d(b, "mlp.fc2", gate, (tm_conv){.out = x->shape.c, .kernel = 1, .bias = true});
    tm_pop(b);
    if (gate->shape.h > 1 || gate->shape.w > 1)
        gate = nearest(b, gate, x->shape.h, x->shape.w);
    return tm_mul(b, x, tm_activate(b, gate, TM_ACT_SIGMOID));
}
