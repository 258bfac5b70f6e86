/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/mlp.h"

#include "layers/grn.h"

static tm_node *layer(tm_builder *b, const char *name, tm_node *x, int out, const tm_ffn *ffn)
{
    if (ffn->conv)
        return tm_conv2d(b, name, x, (tm_conv){.out = out, .kernel = 1, .bias = !ffn->no_bias});
    return tm_linear(b, name, x, out, !ffn->no_bias);
}

static tm_node *norm_first(tm_builder *b, tm_node *x, const tm_ffn *ffn)
{
    int dim = x->shape.c;
    x = tm_normalize(b, "norm", x, ffn->norm);
    tm_node *gate = tm_activate(b, layer(b, "w0", x, ffn->hidden, ffn), ffn->act);
    x = tm_mul(b, gate, layer(b, "w1", x, ffn->hidden, ffn));
    return layer(b, "w2", x, dim, ffn);
}

tm_node *tm_feed_forward(tm_builder *b, const char *name, tm_node *x, tm_ffn ffn)
{
    int dim = ffn.out ? ffn.out : x->shape.c, half = ffn.hidden / 2;
    tm_node *gate;
    tm_push(b, "%s", name);
    switch (ffn.kind) {
    case TM_FFN_GEGLU:
        x = norm_first(b, x, &ffn);
        tm_pop(b);
        return x;
    case TM_FFN_MLP:
        x = tm_activate(b, layer(b, "fc1", x, ffn.hidden, &ffn), ffn.act);
        break;
    case TM_FFN_SWIGLU:
        gate = tm_activate(b, layer(b, "fc1_g", x, ffn.hidden, &ffn), ffn.act);
        x = tm_mul(b, gate, layer(b, "fc1_x", x, ffn.hidden, &ffn));
        break;
    case TM_FFN_GLU:
        x = layer(b, "fc1", x, ffn.hidden, &ffn);
        gate = tm_activate(b, tm_slice_c(b, x, ffn.gate_last ? half : 0, half), ffn.act);
        x = tm_mul(b, gate, tm_slice_c(b, x, ffn.gate_last ? 0 : half, half));
        break;
    }
    if (ffn.response_norm)
        x = tm_global_response_norm(b, "grn", x);
    if (ffn.scale_norm)
        x = tm_normalize(b, "norm", x, ffn.norm);
    x = layer(b, "fc2", x, dim, &ffn);
    tm_pop(b);
    return x;
}
