/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/rel_pos_mlp.h"

#include <math.h>
#include <stdlib.h>

#include "layers/window.h"

static float signed_log(int offset)
{
    float size = logf(1.0f + (float)abs(offset));
    return offset < 0 ? -size : size;
}

/* [(2h - 1) * (2w - 1), 2]: down, across */
static tm_node *offsets(tm_builder *b, int h, int w)
{
    int64_t count = (2 * (int64_t)h - 1) * (2 * w - 1);
    float *values = tm_arena_alloc(&b->graph->arena, (size_t)count * 2 * sizeof *values);
    for (int64_t i = 0; values && i < count; i++) {
        values[2 * i] = signed_log((int)(i / (2 * w - 1)) - (h - 1));
        values[2 * i + 1] = signed_log((int)(i % (2 * w - 1)) - (w - 1));
    }
    if (!values)
        tm_fail(&b->graph->error, TM_NO_MEMORY, "no memory for the offsets of positions");
    return tm_literal(b, 2, (int64_t[]){count, 2}, values ? values : (float[]){0, 0});
}

tm_node *tm_rel_pos_mlp(tm_builder *b, const char *name, int h, int w, int heads, int hidden,
                        int first)
{
    if (b->graph->error.status)
        return tm_literal(b, 1, (int64_t[]){1}, (float[]){0});
    tm_push(b, "%s.mlp", name);
    tm_node *x = tm_const_linear(b, offsets(b, h, w), tm_param2(b, "fc1.weight", hidden, 2),
                                 tm_param1(b, "fc1.bias", hidden));
    x = tm_const_linear(b, tm_const_clamp(b, x, 0.0f, INFINITY),
                        tm_param2(b, "fc2.weight", heads, hidden), tm_param1(b, "fc2.bias", heads));
    tm_pop(b);
    if (!first)
        return tm_relative_position_bias(b, x, h, w);
    tm_node *zero = tm_literal(b, 2, (int64_t[]){1, 1}, (float[]){0.0f});
    tm_node *row = tm_const_reshape(
        b, tm_const_repeat(b, tm_const_reshape(b, zero, 1, (int64_t[]){1}), 3 * (int64_t)heads), 2,
        (int64_t[]){3, heads});
    x = tm_const_concat(b, 2, (tm_node *[]){x, row}, 0);
    return tm_relative_position_token_bias(b, x, h, w);
}
