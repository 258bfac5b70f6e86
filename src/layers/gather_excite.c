/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/gather_excite.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "layers/make_divisible.h"

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
