/* SPDX-License-Identifier: Apache-2.0 */
/* What timm's Hiera (2306.00989) and SAM 2's encoder have in common. */
#ifndef TM_MODELS_HIERA_H
#define TM_MODELS_HIERA_H

#include "models/model.h"

enum { TM_HIERA_STAGES = 4 };

typedef struct tm_hiera {
    int width, heads; /* of the first stage; each next one has twice as many */
    int depths[TM_HIERA_STAGES];
    int windows[TM_HIERA_STAGES]; /* sides; 0: all pixels. A stage's first block, which halves the
                                     map, has those of the stage before */
    int global_blocks[3];         /* attend to all pixels, whatever the stage; 0: none */
    bool layer_scale;
    bool concat; /* shortcuts of wider blocks are maximum and mean in place of a projection */
} tm_hiera;

extern const tm_norm tm_hiera_norm;

/* The scope's patch_embed: a map of a quarter of the sides. */
tm_node *tm_hiera_patches(tm_builder *b, int width);

typedef struct tm_hiera_positions {
    const char *window; /* name of those in a window: [1, channels, 8, 8] */
    int side;           /* of pos_embed, [1, channels, side, side], of the whole map */
    tm_resampling how;  /* it is brought to the map's size */
} tm_hiera_positions;

/* A map of sides that divide by 8, and its positions (2311.05613). */
tm_node *tm_hiera_add_positions(tm_builder *b, tm_node *x, tm_hiera_positions positions);
/* All blocks, with a feature and an intermediate after each stage. */
tm_node *tm_hiera_blocks(tm_builder *b, tm_node *x, const tm_hiera *hiera);

#endif
