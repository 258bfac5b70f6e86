/* SPDX-License-Identifier: Apache-2.0 */
/* Squeeze-and-excitation (1709.01507). */
#ifndef TM_LAYERS_SQUEEZE_EXCITE_H
#define TM_LAYERS_SQUEEZE_EXCITE_H

#include "ops/nn.h"

typedef struct tm_squeeze {
    const char *reduce, *expand; /* names of the 1x1 convolutions: fc1, fc2 */
    bool no_bias;                /* of theirs */
    int reduced;                 /* channels between; 0: a sixteenth, in eights */
    tm_act_kind act;             /* between; NONE: ReLU */
    tm_act_kind gate;            /* NONE: sigmoid */
    bool norm;                   /* batch norm before the activation: bn */
} tm_squeeze;

/* x * gate(expand(act(reduce(mean x)))) */
tm_node *tm_squeeze_excite_with(tm_builder *b, const char *name, tm_node *x, tm_squeeze squeeze);
/* timm's SEModule as it is by default, with `reduced` channels between. */
tm_node *tm_squeeze_excite(tm_builder *b, const char *name, tm_node *x, int reduced);

/* timm's EffectiveSEModule: x * hard_sigmoid(name.fc(mean x)) */
tm_node *tm_effective_squeeze_excite(tm_builder *b, const char *name, tm_node *x);

#endif
