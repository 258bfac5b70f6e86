/* SPDX-License-Identifier: Apache-2.0 */
/* timm's ResNets as backbones of other families. */
#ifndef TM_MODELS_RESNET_H
#define TM_MODELS_RESNET_H

#include "ops/nn.h"

/* The model `arch` up to the end of its stage `stages` (1 to 4), at its own stride and without
 * taps. arch must be one of resnet.c's names. */
tm_node *tm_resnet_backbone(tm_builder *b, const char *arch, tm_node *x, int stages);

#endif
