/* SPDX-License-Identifier: Apache-2.0 */
/* Feature maps as a picture: a band per map, a tile per channel. */
#ifndef TM_CLI_GRID_H
#define TM_CLI_GRID_H

#include "image/image.h"

/* One map: values[channels][height][width], or [height][width][channels]. */
typedef struct tm_grid_map {
    const float *values;
    bool channels_last;
    int channels, height, width;
} tm_grid_map;

/* Draws the first 64 channels of each map, each from its own least (black) to its greatest value
 * (white), and writes the PNG at path. */
tm_status tm_grid_write(const tm_grid_map *maps, size_t count, const char *path, bool force,
                        tm_error *error);

#endif
