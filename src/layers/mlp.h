/* SPDX-License-Identifier: Apache-2.0 */
/* Feed-forward layers. */
#ifndef TM_LAYERS_MLP_H
#define TM_LAYERS_MLP_H

#include "ops/nn.h"

typedef enum tm_ffn_kind {
    TM_FFN_MLP,    /* fc2(norm(act(fc1 x))) */
    TM_FFN_SWIGLU, /* fc2(norm(act(fc1_g x) * fc1_x x)) */
    TM_FFN_GLU,    /* fc2(norm(act(x1) * x2)), x1 and x2 the halves of fc1 x */
    TM_FFN_GEGLU   /* w2(act(w0 y) * w1 y), y = norm(x): ViTamin's, with a norm in any case */
} tm_ffn_kind;

typedef struct tm_ffn {
    tm_ffn_kind kind;
    int hidden; /* GLU: of both halves together */
    int out;    /* 0: as many channels as x has */
    tm_act_kind act;
    bool gate_last; /* GLU: act is on the second half */
    bool no_bias, scale_norm;
    tm_norm norm;
    bool conv;          /* 1x1 convolutions (of a map) in place of linear layers */
    bool response_norm; /* MLP: global response norm, grn, before fc2 */
} tm_ffn;

/* timm's Mlp, ConvMlp, GlobalResponseNormMlp, SwiGLU and GluMlp */
tm_node *tm_feed_forward(tm_builder *b, const char *name, tm_node *x, tm_ffn ffn);

#endif
