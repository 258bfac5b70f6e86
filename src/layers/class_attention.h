/* SPDX-License-Identifier: Apache-2.0 */
/* Attention of the class token alone, as CaiT has it (2103.17239). */
#ifndef TM_LAYERS_CLASS_ATTENTION_H
#define TM_LAYERS_CLASS_ATTENTION_H

#include "ops/nn.h"

/* timm's ClassAttn: the first token of x asks all of them; name.q, name.k, name.v, name.proj;
 * 1 x 1 x channels */
tm_node *tm_class_attention(tm_builder *b, const char *name, tm_node *x, int heads);

#endif
