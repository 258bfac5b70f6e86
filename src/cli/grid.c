/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/grid.h"

#include "cli/drawing.h"

enum {
    TILE = 112, /* pixels of a channel's square, at most */
    STEP = TILE + TM_DRAWING_GAP,
    COLUMNS = 12, /* channels side by side */
    SIDE = 224,   /* the input's column */
    LEFT = SIDE + 3 * TM_DRAWING_MARGIN,
    TITLE = 2 * TM_TEXT_LINE + TM_DRAWING_GAP,
    WIDTH = LEFT + COLUMNS * STEP + TM_DRAWING_MARGIN,
    BAR = 14 /* height of the legend */
};

static int shown_channels(const tm_grid_map *map)
{
    return map->channels < TM_GRID_CHANNELS ? map->channels : TM_GRID_CHANNELS;
}

/* A pixel of the map is a square of whole pixels, where there is room for one. */
static tm_box tile_size(const tm_grid_map *map)
{
    int longer = map->height > map->width ? map->height : map->width;
    int times = TILE / longer;
    return times ? (tm_box){0, 0, map->width * times, map->height * times}
                 : tm_box_fit((tm_box){0, 0, TILE, TILE}, map->width, map->height);
}

/* The band's tiles lie as close as they are large. */
static int band_height(const tm_grid_map *map)
{
    int rows = (shown_channels(map) + COLUMNS - 1) / COLUMNS;
    return TITLE + rows * (tile_size(map).height + TM_DRAWING_GAP) + TM_DRAWING_MARGIN;
}

static tm_plane plane_of(const tm_grid_map *map, int channel)
{
    size_t step = map->channels_last ? (size_t)map->channels : 1;
    size_t area = (size_t)map->height * (size_t)map->width;
    tm_plane plane = {.values = map->values + (size_t)channel * (map->channels_last ? 1 : area),
                      .height = map->height,
                      .width = map->width,
                      .row = step * (size_t)map->width,
                      .step = step};
    tm_plane_measure(&plane);
    return plane;
}

static void draw_band(tm_image *canvas, const tm_grid_map *map, int top)
{
    tm_box tile = tile_size(map);
    tm_canvas_text(canvas, LEFT, top, 2, tm_drawing_columns(COLUMNS * STEP, 2), TM_DRAWING_TEXT,
                   map->title);
    for (int c = 0; c < shown_channels(map); c++) {
        tm_plane plane = plane_of(map, c);
        tile.x = LEFT + c % COLUMNS * (tile.width + TM_DRAWING_GAP);
        tile.y = top + TITLE + c / COLUMNS * (tile.height + TM_DRAWING_GAP);
        tm_canvas_plane(canvas, tile, &plane);
    }
}

/* What the colours mean. */
static void draw_legend(tm_image *canvas, int top)
{
    int x = TM_DRAWING_MARGIN, columns = tm_drawing_columns(SIDE, 1);
    for (int i = 0; i < SIDE; i++)
        tm_canvas_fill(canvas, (tm_box){x + i, top, 1, BAR}, tm_viridis(i / (SIDE - 1.0)));
    tm_canvas_lines(canvas, x, top + BAR + TM_DRAWING_GAP, 1, columns, 2, TM_DRAWING_DIM,
                    "each tile from its own least (left) to its greatest value");
}

/* Returns where it ends. */
static int draw_names(tm_image *canvas, const tm_grid_input *input, int y)
{
    int x = TM_DRAWING_MARGIN, columns = tm_drawing_columns(SIDE, 2);
    y += 2 * TM_TEXT_LINE *
         tm_canvas_lines(canvas, x, y, 2, columns, 2, TM_DRAWING_TEXT, input->name);
    y += 2 * TM_TEXT_LINE *
         tm_canvas_lines(canvas, x, y, 2, columns, 3, TM_DRAWING_DIM, input->model);
    return y;
}

tm_status tm_grid_draw(const tm_grid_input *input, const tm_grid_map *maps, size_t count,
                       tm_image *canvas, tm_error *error)
{
    int top = TM_DRAWING_MARGIN, column = SIDE + 5 * TITLE + 4 * TM_DRAWING_MARGIN + 3 * BAR;
    int height = TM_DRAWING_MARGIN;
    for (size_t m = 0; m < count; m++)
        height += band_height(&maps[m]);
    height = height > column ? height : column;
    tm_status status = tm_canvas_open(canvas, WIDTH, height, TM_DRAWING_GROUND, error);
    if (status)
        return status;
    for (size_t m = 0; m < count; top += band_height(&maps[m++]))
        draw_band(canvas, &maps[m], top);
    tm_box side = {TM_DRAWING_MARGIN, TM_DRAWING_MARGIN, SIDE, SIDE};
    draw_legend(canvas, draw_names(canvas, input, SIDE + 2 * TM_DRAWING_MARGIN) + TM_DRAWING_GAP);
    status = tm_canvas_picture(canvas, side, input->picture, error);
    if (status)
        tm_image_free(canvas);
    return status;
}
