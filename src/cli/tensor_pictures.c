/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/tensor_pictures.h"

#include <stdlib.h>

#include "cli/grid.h"
#include "cli/tensors.h"

/* ---- what can be drawn ---- */

static bool is_map(const tm_shown *shown)
{
    return shown->rank == 4;
}

static bool is_channels_first(const tm_shown *shown)
{
    return shown->output.channel_axis == 1;
}

/* The map's height and width. */
static void map_size(const tm_shown *shown, int size[2])
{
    int first = is_channels_first(shown) ? 2 : 1;
    size[0] = (int)shown->shape[first];
    size[1] = (int)shown->shape[first + 1];
}

/* Patch tokens: of one tensor the first, and their grid. */
static tm_status find_patches(const tm_model *model, const tm_shown *shown, size_t *first,
                              int size[2], tm_error *error)
{
    tm_part_place place;
    tm_status status = tm_part_find(model, &shown->output, TM_PART_PATCH_MEAN, &place, error);
    if (status)
        return status;
    *first = place.first;
    return tm_drawing_grid(model, place.count, size)
               ? TM_OK
               : tm_fail(error, TM_USAGE,
                         "%s: %zu tokens of %s are no grid of square patches of its input",
                         model->display, place.count, shown->name);
}

/* ---- opening ---- */

static tm_status open_grid(tm_tensor_pictures *p, const tm_session *session, const char *path,
                           const tm_shown *shown, size_t count, tm_error *error)
{
    bool any = !path;
    for (size_t i = 0; i < count; i++)
        any = any || is_map(&shown[i]);
    return any ? tm_drawing_open(&p->grid, session, "grid", path, error)
               : tm_fail(error, TM_USAGE,
                         "--grid needs feature maps, and %s has none among what is asked for",
                         session->model->display);
}

static bool has_places(const tm_shown *shown)
{
    return is_map(shown) || (shown->rank == 3 && shown->place.part == TM_PART_ALL);
}

/* A column for each tensor that has places; one whose tokens are no patches is refused. */
static tm_status open_columns(tm_pca_sheet *sheet, const tm_session *session, const tm_shown *shown,
                              size_t count, tm_error *error)
{
    tm_status status = TM_OK;
    sheet->columns = calloc(count + 1, sizeof *sheet->columns);
    if (!sheet->columns)
        return tm_fail(error, TM_NO_MEMORY, "no memory for --pca");
    for (size_t i = 0; i < count && !status; i++) {
        size_t first;
        int size[2];
        if (!has_places(&shown[i]))
            continue;
        if (!is_map(&shown[i]))
            status = find_patches(session->model, &shown[i], &first, size, error);
        sheet->columns[sheet->column_count++].name = shown[i].name;
    }
    if (!status && !sheet->column_count)
        status = tm_fail(error, TM_USAGE,
                         "--pca colours maps and patch tokens, and what is asked of %s has none: "
                         "leave out --kind, or give --kind unpooled",
                         session->model->display);
    return status;
}

tm_status tm_tensor_pictures_open(tm_tensor_pictures *pictures, const tm_session *session,
                                  const tm_tensor_picture_names *names, const tm_shown *shown,
                                  size_t count, tm_error *error)
{
    tm_status status = open_grid(pictures, session, names->grid, shown, count, error);
    if (!status && names->pca)
        status = open_columns(&pictures->sheet, session, shown, count, error);
    return status ? status : tm_drawing_open(&pictures->pca, session, "pca", names->pca, error);
}

/* ---- the grid ---- */

static tm_status write_title(const tm_shown *shown, tm_grid_map *map, tm_error *error)
{
    const tm_output *o = &shown->output;
    tm_buffer text = {0};
    tm_buffer_puts(&text, shown->name);
    if (o->module)
        tm_buffer_printf(&text, "  %s", o->module);
    for (int i = 0; i < shown->rank; i++)
        tm_buffer_printf(&text, "%s%lld", i ? "," : "  [", (long long)shown->shape[i]);
    tm_buffer_puts(&text, "]");
    if (o->reduction)
        tm_buffer_printf(&text, "  1/%d", o->reduction);
    if (map->channels > TM_GRID_CHANNELS)
        tm_buffer_printf(&text, "  channels 0-%d", TM_GRID_CHANNELS - 1);
    const char *title = tm_buffer_text(&text, error);
    if (title)
        snprintf(map->title, sizeof map->title, "%s", title);
    tm_buffer_free(&text);
    return title ? TM_OK : error->status;
}

static tm_status set_map(const tm_shown *shown, tm_grid_map *map, tm_error *error)
{
    int size[2];
    map_size(shown, size);
    *map = (tm_grid_map){.values = shown->values,
                         .channels_last = !is_channels_first(shown),
                         .channels = (int)shown->shape[shown->output.channel_axis],
                         .height = size[0],
                         .width = size[1]};
    return write_title(shown, map, error);
}

/* The maps of the first picture that succeeded. */
static tm_status draw_grid(tm_tensor_pictures *p, const tm_answer *answer, const tm_image *seen,
                           const tm_shown *shown, size_t count, tm_error *error)
{
    const tm_grid_input input = {seen, tm_drawing_name(answer->file), answer->model};
    tm_grid_map *maps = calloc(count + 1, sizeof *maps);
    tm_image canvas = {0};
    size_t found = 0;
    if (!maps)
        return tm_fail(error, TM_NO_MEMORY, "%s: no memory for the picture", p->grid.path);
    tm_status status = TM_OK;
    for (size_t i = 0; i < count && !status; i++)
        if (is_map(&shown[i]))
            status = set_map(&shown[i], &maps[found++], error);
    if (!status)
        status = tm_grid_draw(&input, maps, found, &canvas, error);
    if (!status)
        status = tm_drawing_write(&p->grid, &canvas, error);
    tm_image_free(&canvas);
    free(maps);
    return status;
}

/* ---- the components ---- */

static tm_status add_places(tm_pca_sheet *sheet, size_t column, const tm_model *model,
                            const tm_shown *shown, tm_error *error)
{
    int size[2];
    size_t first = 0;
    bool map = is_map(shown);
    if (map)
        map_size(shown, size);
    else if (find_patches(model, shown, &first, size, error))
        return error->status;
    int channels = (int)shown->shape[map ? shown->output.channel_axis : 2];
    const tm_pca_map places = {.values = shown->values + first * (size_t)channels,
                               .channels_first = map && is_channels_first(shown),
                               .height = size[0],
                               .width = size[1],
                               .channels = channels};
    return tm_pca_sheet_add_map(sheet, column, &places, error);
}

static tm_status add_input(tm_pca_sheet *sheet, const tm_session *session, const tm_answer *answer,
                           tm_image *seen, const tm_shown *shown, size_t count, tm_error *error)
{
    tm_status status = TM_OK;
    size_t column = 0;
    for (size_t i = 0; i < count && !status; i++)
        if (has_places(&shown[i]))
            status = add_places(sheet, column++, session->model, &shown[i], error);
    return status ? status : tm_pca_sheet_add(sheet, answer->file, seen, error);
}

static tm_status draw_components(tm_tensor_pictures *p, const tm_session *session, tm_error *error)
{
    tm_image canvas = {0};
    tm_status status = tm_pca_sheet_draw(&p->sheet, session->opened->display, &canvas, error);
    if (!status)
        status = tm_drawing_write(&p->pca, &canvas, error);
    tm_image_free(&canvas);
    if (!status && p->sheet.more)
        tm_print_note("--pca: drawn are the first %d pictures", TM_PCA_INPUTS);
    return status;
}

/* ---- all of it ---- */

tm_status tm_tensor_pictures_add(tm_tensor_pictures *pictures, const tm_session *session,
                                 const tm_answer *answer, const tm_shown *shown, size_t count,
                                 tm_error *error)
{
    tm_pca_sheet *sheet = &pictures->sheet;
    bool full = sheet->inputs == TM_PCA_INPUTS, pca = pictures->pca.path && !full;
    tm_image seen = {0};
    sheet->more = sheet->more || full;
    if (!pictures->grid.path && !pca)
        return TM_OK;
    tm_status status = tm_drawing_input(session, answer->picture, &seen, error);
    if (!status && pictures->grid.path)
        status = draw_grid(pictures, answer, &seen, shown, count, error);
    if (!status && pca)
        status = add_input(sheet, session, answer, &seen, shown, count, error);
    tm_image_free(&seen);
    return status;
}

int tm_tensor_pictures_end(tm_tensor_pictures *pictures, const tm_session *session, int exit_code)
{
    tm_error error = {0};
    bool ended = !session->broken && !session->stopped && pictures->sheet.inputs;
    if (pictures->pca.path && ended && draw_components(pictures, session, &error))
        exit_code = tm_report(&error);
    tm_drawing_abandon(&pictures->grid);
    tm_drawing_abandon(&pictures->pca);
    tm_pca_sheet_free(&pictures->sheet);
    return exit_code;
}
