/* SPDX-License-Identifier: Apache-2.0 */
/* Feature maps as a picture: the input, and beside it a band per map, a tile per channel. */
#ifndef TM_CLI_GRID_H
#define TM_CLI_GRID_H

#include "image/canvas.h"

/* One map: values[channels][height][width], or [height][width][channels]. */
typedef struct tm_grid_map {
    const float *values;
    bool channels_last;
    int channels, height, width;
    char title[256]; /* stands above the band */
} tm_grid_map;

typedef struct tm_grid_input {
    const tm_image *picture; /* as the model saw it */
    const char *name, *model;
} tm_grid_input;

/* Channels of a map that are drawn, the first ones. */
enum { TM_GRID_CHANNELS = 48 };

/* Draws them, each channel in viridis from its own least to its greatest value; where a map's
 * pixels are fewer than a tile's, each is a square of whole pixels. The caller frees the canvas.
 * TM_NO_MEMORY. */
tm_status tm_grid_draw(const tm_grid_input *input, const tm_grid_map *maps, size_t count,
                       tm_image *canvas, tm_error *error);

#endif
