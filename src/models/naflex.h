/* SPDX-License-Identifier: Apache-2.0 */
/* timm's NaFlexVit: what is before the blocks of a ViT that takes pictures of any size and aspect
 * ratio, whole or in sequences of patches. */
#ifndef TM_MODELS_NAFLEX_H
#define TM_MODELS_NAFLEX_H

#include "models/vision_transformer.h"

typedef struct tm_naflex {
    int grid_h, grid_w; /* of the learned positions, whatever the picture's size */
    tm_resampling resampling;
    bool factorized; /* positions of rows and of columns */
} tm_naflex;

/* A grid for the pictures that the model is made for, whatever the picture's size. */
tm_naflex tm_naflex_of_own_size(tm_builder *b, int patch);

/* The picture's tokens with their positions, behind class token and registers; in the scope
 * "embeds". v has its defaults filled in. grid: patches down and across. */
tm_node *tm_naflex_embed(tm_builder *b, const tm_naflex *n, const tm_vit *v, tm_norm norm,
                         int grid[2]);

/* Checkpoints of ViTs to its names (tm_family's filter). */
void tm_naflex_filter(struct tm_state_dict *dict, const tm_graph *graph);

#endif
