/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/grid.h"

#include <stdlib.h>
#include <string.h>

#include "base/outfile.h"

enum {
    TILE = 64,    /* pixels of a channel's square */
    GAP = 4,      /* around it */
    COLUMNS = 16, /* channels side by side */
    CHANNELS = 64,
    BACKGROUND = 64
};

static int tile_rows(const tm_grid_map *map)
{
    int channels = map->channels < CHANNELS ? map->channels : CHANNELS;
    return (channels + COLUMNS - 1) / COLUMNS;
}

/* What lies nowhere between the two is black: a NaN, or an infinity. */
static unsigned char gray_of(float value, float least, float most)
{
    double range = (double)most - (double)least;
    double gray = range > 0 ? ((double)value - (double)least) * (255.0 / range) + 0.5 : 0.0;
    return gray >= 0 && gray < 256 ? (unsigned char)gray : 0;
}

static void draw_channel(tm_image *image, const tm_grid_map *map, int channel, int left, int top)
{
    int pixels = map->height * map->width;
    size_t step = map->channels_last ? (size_t)map->channels : 1;
    const float *values = map->values + (size_t)channel * (map->channels_last ? 1 : (size_t)pixels);
    float least = values[0], most = values[0];
    for (int i = 1; i < pixels; i++) {
        float value = values[(size_t)i * step];
        least = value < least ? value : least;
        most = value > most ? value : most;
    }
    for (int y = 0; y < TILE; y++)
        for (int x = 0; x < TILE; x++) {
            int at = y * map->height / TILE * map->width + x * map->width / TILE;
            float value = values[(size_t)at * step];
            unsigned char gray = gray_of(value, least, most);
            size_t pixel = (size_t)(top + y) * (size_t)image->width + (size_t)(left + x);
            memset(image->rgb + 3 * pixel, gray, 3);
        }
}

static tm_status write_file(const tm_image *image, const char *path, bool force, tm_error *error)
{
    tm_outfile out;
    tm_status status = tm_outfile_open(&out, path, force, error);
    if (status)
        return status;
    status = tm_image_write_png(image, out.stream, path, error);
    if (!status)
        return tm_outfile_commit(&out, error);
    tm_outfile_abandon(&out);
    return status;
}

tm_status tm_grid_write(const tm_grid_map *maps, size_t count, const char *path, bool force,
                        tm_error *error)
{
    int rows = 0, band = 0;
    for (size_t m = 0; m < count; m++)
        rows += tile_rows(&maps[m]);
    tm_image image = {.width = COLUMNS * (TILE + GAP) + GAP, .height = rows * (TILE + GAP) + GAP};
    size_t bytes = 3 * (size_t)image.width * (size_t)image.height;
    image.rgb = malloc(bytes);
    if (!image.rgb)
        return tm_fail(error, TM_NO_MEMORY, "%s: no memory for the picture", path);
    memset(image.rgb, BACKGROUND, bytes);
    for (size_t m = 0; m < count; band += tile_rows(&maps[m++]))
        for (int c = 0; c < maps[m].channels && c < CHANNELS; c++)
            draw_channel(&image, &maps[m], c, GAP + c % COLUMNS * (TILE + GAP),
                         GAP + (band + c / COLUMNS) * (TILE + GAP));
    tm_status status = write_file(&image, path, force, error);
    tm_image_free(&image);
    return status;
}
