/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/contact_sheet.h"

#include <string.h>

enum {
    SIDE = 192,
    LABEL_LINES = 2,
    LINE = 2 * TM_TEXT_LINE,
    TEXTS = (LABEL_LINES + 1) * LINE + TM_TEXT_LINE,
    DOWN = SIDE + TM_DRAWING_GAP + TEXTS + TM_DRAWING_MARGIN,
    ROWS = 6,
    COLUMNS = 7,
    PAIR_COLUMNS = 3
};
#define FAILED ((tm_colour)0x5c2024)

static int columns_of(const tm_contact_sheet *sheet)
{
    return sheet->pairs ? PAIR_COLUMNS : COLUMNS;
}

static int tile_width(const tm_contact_sheet *sheet)
{
    return sheet->pairs ? 2 * SIDE + TM_DRAWING_GAP : SIDE;
}

static int across(const tm_contact_sheet *sheet)
{
    return tile_width(sheet) + TM_DRAWING_MARGIN;
}

/* ---- pages ---- */

/* NAME.png, NAME-2.png, ... */
static tm_status name_page(tm_contact_sheet *sheet, tm_error *error)
{
    size_t stem = strlen(sheet->path) - strlen(".png");
    tm_buffer_clear(&sheet->page_path);
    tm_buffer_add(&sheet->page_path, sheet->path, stem);
    if (sheet->page > 1)
        tm_buffer_printf(&sheet->page_path, "-%d", sheet->page);
    tm_buffer_puts(&sheet->page_path, sheet->path + stem);
    return tm_buffer_text(&sheet->page_path, error) ? TM_OK : TM_NO_MEMORY;
}

static tm_status begin_page(tm_contact_sheet *sheet, const tm_session *session, tm_error *error)
{
    tm_status status = TM_OK;
    sheet->page++;
    sheet->tiles = 0;
    if (sheet->page > 1)
        status = name_page(sheet, error);
    const char *path = sheet->page > 1 ? sheet->page_path.data : sheet->path;
    return status ? status : tm_drawing_open(&sheet->drawing, session, sheet->option, path, error);
}

/* As large as what is on it. */
static tm_status end_page(tm_contact_sheet *sheet, tm_error *error)
{
    int columns = columns_of(sheet), used = sheet->tiles < columns ? sheet->tiles : columns;
    int rows = (sheet->tiles + columns - 1) / columns;
    tm_canvas_cut(&sheet->canvas, TM_DRAWING_MARGIN + used * across(sheet),
                  TM_DRAWING_MARGIN + rows * DOWN);
    tm_status status = tm_drawing_write(&sheet->drawing, &sheet->canvas, error);
    tm_image_free(&sheet->canvas);
    return status;
}

tm_status tm_contact_sheet_open(tm_contact_sheet *sheet, const tm_session *session,
                                const char *option, const char *path, bool pairs, tm_error *error)
{
    *sheet = (tm_contact_sheet){.path = path, .option = option, .pairs = pairs};
    return begin_page(sheet, session, error);
}

tm_status tm_contact_sheet_end(tm_contact_sheet *sheet, bool keep, tm_error *error)
{
    tm_status status = keep && sheet->tiles ? end_page(sheet, error) : TM_OK;
    tm_drawing_abandon(&sheet->drawing);
    tm_image_free(&sheet->canvas);
    tm_buffer_free(&sheet->page_path);
    *sheet = (tm_contact_sheet){0};
    return status;
}

/* ---- tiles ---- */

static void draw_failure(const tm_contact_sheet *sheet, tm_image *canvas, tm_box box,
                         const tm_tile *tile)
{
    int x = box.x + TM_DRAWING_GAP, y = box.y + TM_DRAWING_GAP;
    int room = tile_width(sheet) - 2 * TM_DRAWING_GAP;
    box.width = tile_width(sheet);
    tm_canvas_fill(canvas, box, FAILED);
    tm_canvas_text(canvas, x, y, 2, tm_drawing_columns(room, 2), TM_DRAWING_TEXT, "failed");
    tm_canvas_lines(canvas, x, y + LINE, 1, tm_drawing_columns(room, 1),
                    (SIDE - LINE) / TM_TEXT_LINE - 1, TM_DRAWING_TEXT, tile->failure);
}

static tm_status draw_pictures(tm_image *canvas, tm_box box, const tm_tile *tile, tm_error *error)
{
    tm_status status = tm_canvas_picture(canvas, box, tile->picture, error);
    if (status || !tile->veil)
        return status;
    box.x += SIDE + TM_DRAWING_GAP;
    status = tm_canvas_picture(canvas, box, tile->picture, error);
    if (!status)
        tm_canvas_veil(canvas, tm_box_fit(box, tile->picture->width, tile->picture->height),
                       tile->veil);
    return status;
}

static void draw_texts(const tm_contact_sheet *sheet, tm_image *canvas, tm_box box,
                       const tm_tile *tile)
{
    int columns = tm_drawing_columns(tile_width(sheet), 2), y = box.y + SIDE + TM_DRAWING_GAP;
    y += LINE *
         tm_canvas_lines(canvas, box.x, y, 2, columns, LABEL_LINES, TM_DRAWING_TEXT, tile->label);
    if (!tile->failure)
        tm_canvas_text(canvas, box.x, y, 2, columns, TM_DRAWING_DIM, tile->value);
    y += tile->failure ? 0 : LINE;
    tm_canvas_text(canvas, box.x, y, 1, 2 * columns, TM_DRAWING_DIM, tile->name);
}

tm_status tm_contact_sheet_add(tm_contact_sheet *sheet, const tm_session *session,
                               const tm_tile *tile, tm_error *error)
{
    int columns = columns_of(sheet);
    bool full = sheet->tiles == columns * ROWS;
    tm_status status = full ? end_page(sheet, error) : TM_OK;
    if (!status && full)
        status = begin_page(sheet, session, error);
    if (!status && !sheet->tiles)
        status = tm_canvas_open(&sheet->canvas, TM_DRAWING_MARGIN + columns * across(sheet),
                                TM_DRAWING_MARGIN + ROWS * DOWN, TM_DRAWING_GROUND, error);
    if (status)
        return status;
    tm_box box = {TM_DRAWING_MARGIN + sheet->tiles % columns * across(sheet),
                  TM_DRAWING_MARGIN + sheet->tiles / columns * DOWN, SIDE, SIDE};
    sheet->tiles++;
    draw_texts(sheet, &sheet->canvas, box, tile);
    if (!tile->failure)
        return draw_pictures(&sheet->canvas, box, tile, error);
    draw_failure(sheet, &sheet->canvas, box, tile);
    return TM_OK;
}
