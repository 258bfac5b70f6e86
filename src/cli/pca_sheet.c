/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/pca_sheet.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cli/drawing.h"
#include "cli/pca.h"

enum {
    SIDE = 224,
    ACROSS = SIDE + TM_DRAWING_MARGIN,
    LINE = 2 * TM_TEXT_LINE,
    NAMES = TM_TEXT_LINE + TM_DRAWING_GAP, /* under each picture */
    DOWN = SIDE + NAMES + TM_DRAWING_MARGIN,
    HEAD = 3 * TM_DRAWING_MARGIN + 3 * LINE
};

/* ---- collecting ---- */

void tm_pca_sheet_free(tm_pca_sheet *sheet)
{
    for (size_t i = 0; i < sheet->column_count; i++)
        free(sheet->columns[i].rows);
    free(sheet->columns);
    for (int i = 0; i < sheet->inputs; i++) {
        free(sheet->names[i]);
        tm_image_free(&sheet->pictures[i]);
    }
    *sheet = (tm_pca_sheet){0};
}

static void copy_rows(const tm_pca_map *map, float *rows)
{
    size_t places = (size_t)map->height * (size_t)map->width, channels = (size_t)map->channels;
    if (!map->channels_first) {
        memcpy(rows, map->values, places * channels * sizeof *rows);
        return;
    }
    for (size_t i = 0; i < places; i++)
        for (size_t c = 0; c < channels; c++)
            rows[i * channels + c] = map->values[c * places + i];
}

tm_status tm_pca_sheet_add_map(tm_pca_sheet *sheet, size_t column, const tm_pca_map *map,
                               tm_error *error)
{
    tm_pca_column *c = &sheet->columns[column];
    size_t places = (size_t)map->height * (size_t)map->width, all, bytes;
    if (c->count && c->channels != (size_t)map->channels)
        return tm_fail(error, TM_SHAPE, "%s has %d channels, expected %zu as before", c->name,
                       map->channels, c->channels);
    c->channels = (size_t)map->channels;
    float *rows = NULL;
    if (tm_size_add(c->count, places, &all) && tm_size_mul(all, c->channels, &bytes) &&
        tm_size_mul(bytes, sizeof *rows, &bytes))
        rows = realloc(c->rows, bytes);
    if (!rows)
        return tm_fail(error, TM_NO_MEMORY, "no memory for %s of %d pictures", c->name,
                       sheet->inputs + 1);
    c->rows = rows;
    copy_rows(map, rows + c->count * c->channels);
    c->cells[sheet->inputs] = (tm_pca_cell){c->count, map->height, map->width};
    c->count = all;
    return TM_OK;
}

tm_status tm_pca_sheet_add(tm_pca_sheet *sheet, const char *name, tm_image *picture,
                           tm_error *error)
{
    sheet->pictures[sheet->inputs] = *picture;
    sheet->names[sheet->inputs] = strdup(name);
    *picture = (tm_image){0};
    return sheet->names[sheet->inputs++] ? TM_OK
                                         : tm_fail(error, TM_NO_MEMORY, "no memory for a name");
}

/* ---- drawing ---- */

static tm_colour colour_of(const tm_pca *pca, const float *row)
{
    double places[TM_PCA_COMPONENTS];
    tm_colour colour = 0;
    tm_pca_project(pca, row, places);
    for (int k = 0; k < TM_PCA_COMPONENTS; k++) {
        double deviation = sqrt(pca->variances[k]);
        double part = deviation > 0 ? 0.5 + places[k] / deviation / 4 : 0.5;
        colour = colour << 8 | (tm_colour)(fmin(fmax(part, 0), 1) * 255 + 0.5);
    }
    return colour;
}

static void draw_cell(tm_image *canvas, tm_box box, const tm_pca *pca, const tm_pca_column *column,
                      int input)
{
    const tm_pca_cell *cell = &column->cells[input];
    box = tm_box_fit(box, cell->width, cell->height);
    for (int y = 0; y < cell->height; y++)
        for (int x = 0; x < cell->width; x++) {
            size_t place = cell->first + (size_t)y * (size_t)cell->width + (size_t)x;
            int left = x * box.width / cell->width, right = (x + 1) * box.width / cell->width;
            int top = y * box.height / cell->height, low = (y + 1) * box.height / cell->height;
            tm_canvas_fill(canvas, (tm_box){box.x + left, box.y + top, right - left, low - top},
                           colour_of(pca, column->rows + place * column->channels));
        }
}

static tm_box box_at(size_t column, int row)
{
    return (tm_box){TM_DRAWING_MARGIN + (int)column * ACROSS, HEAD + row * DOWN, SIDE, SIDE};
}

/* Of its maps, where they are all of one size, and of each place. */
static void write_size(const tm_pca_column *column, int inputs, char text[static 64])
{
    const tm_pca_cell *first = &column->cells[0];
    bool same = true;
    for (int i = 1; i < inputs; i++)
        same = same && column->cells[i].height == first->height &&
               column->cells[i].width == first->width;
    int length = same ? snprintf(text, 64, "%dx%d, ", first->height, first->width) : 0;
    snprintf(text + length, 64 - (size_t)length, "%zu channels", column->channels);
}

static tm_status draw_column(const tm_pca_sheet *sheet, size_t index, tm_image *canvas,
                             tm_error *error)
{
    const tm_pca_column *column = &sheet->columns[index];
    tm_box box = box_at(index + 1, 0);
    tm_pca pca;
    char size[64];
    tm_status status = tm_pca_find(column->rows, column->count, column->channels, &pca, error);
    write_size(column, sheet->inputs, size);
    tm_canvas_text(canvas, box.x, HEAD - 2 * LINE, 2, tm_drawing_columns(SIDE, 2), TM_DRAWING_TEXT,
                   column->name);
    tm_canvas_text(canvas, box.x, HEAD - LINE, 1, tm_drawing_columns(SIDE, 1), TM_DRAWING_DIM,
                   size);
    for (int i = 0; i < sheet->inputs && !status; i++)
        draw_cell(canvas, box_at(index + 1, i), &pca, column, i);
    tm_pca_free(&pca);
    return status;
}

static tm_status draw_input(const tm_pca_sheet *sheet, int input, tm_image *canvas, tm_error *error)
{
    tm_box box = box_at(0, input);
    tm_canvas_text(canvas, box.x, box.y + SIDE + TM_DRAWING_GAP, 1, tm_drawing_columns(SIDE, 1),
                   TM_DRAWING_TEXT, tm_drawing_name(sheet->names[input]));
    return tm_canvas_picture(canvas, box, &sheet->pictures[input], error);
}

tm_status tm_pca_sheet_draw(const tm_pca_sheet *sheet, const char *model, tm_image *canvas,
                            tm_error *error)
{
    int width = TM_DRAWING_MARGIN + ACROSS * ((int)sheet->column_count + 1);
    char title[512];
    tm_status status =
        tm_canvas_open(canvas, width, HEAD + DOWN * sheet->inputs, TM_DRAWING_GROUND, error);
    if (status)
        return status;
    snprintf(title, sizeof title, "%s: principal components 1, 2, 3 as red, green, blue", model);
    tm_canvas_lines(canvas, TM_DRAWING_MARGIN, TM_DRAWING_MARGIN, 1,
                    tm_drawing_columns(width - 2 * TM_DRAWING_MARGIN, 1), 2, TM_DRAWING_DIM, title);
    for (int i = 0; i < sheet->inputs && !status; i++)
        status = draw_input(sheet, i, canvas, error);
    for (size_t i = 0; i < sheet->column_count && !status; i++)
        status = draw_column(sheet, i, canvas, error);
    if (status)
        tm_image_free(canvas);
    return status;
}
