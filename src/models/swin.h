/* SPDX-License-Identifier: Apache-2.0 */
/* What both versions of Swin share: all but their stages. */
#ifndef TM_MODELS_SWIN_H
#define TM_MODELS_SWIN_H

#include "ops/nn.h"

enum { TM_SWIN_STAGES = 4 };

/* Stage `index` of the family's variant, on a map. */
typedef tm_node *tm_swin_stage(tm_builder *b, const void *variant, tm_node *x, int index);

/* From the input to the taps; width: of the first stage. */
void tm_swin_build(tm_builder *b, int width, tm_swin_stage *stage, const void *variant);

#endif
