/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of rotary positions for patches, as tm_rotate takes them: constants [h * w, d]. */
#ifndef TM_LAYERS_ROTARY_H
#define TM_LAYERS_ROTARY_H

#include "ops/nn.h"

typedef struct tm_rotary {
    float temperature; /* 0: 10000 */
    int ref;           /* patches a side of the grid that positions are stretched to; 0: none */
    float offset;      /* of positions */
    bool xy;           /* angles of x before those of y */
} tm_rotary;

/* timm's RotaryEmbeddingCat without pixel bands, in float32. */
tm_node *tm_rotary_table(tm_builder *b, int h, int w, int d, tm_rotary rotary);
/* timm's RotaryEmbeddingDinoV3 (2508.10104): positions from -1 to 1, y before x. */
tm_node *tm_rotary_dinov3_table(tm_builder *b, int h, int w, int d, float temperature);

#endif
