/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/class_pictures.h"

#include "cli/drawing.h"

enum { CLASS_MAPS = 1 /* chosen outputs: the scores, and these */ };

tm_status tm_class_pictures_open(tm_class_pictures *pictures, tm_session *session,
                                 const tm_class_picture_names *names, tm_error *error)
{
    tm_status status = TM_OK;
    if (names->contact_sheet)
        status = tm_contact_sheet_open(&pictures->sheet, session, "contact-sheet",
                                       names->contact_sheet, false, error);
    if (status || !names->heatmap)
        return status;
    status = tm_model_select(session->model, TM_CLASS_MAPS, error);
    return status ? status
                  : tm_contact_sheet_open(&pictures->heatmap, session, "heatmap", names->heatmap,
                                          true, error);
}

static void write_texts(const tm_class_told *told, tm_tile *tile)
{
    const char *text = *told->label ? told->label : told->name;
    snprintf(tile->label, sizeof tile->label, "class %d", told->index);
    if (*text)
        snprintf(tile->label, sizeof tile->label, "%s", text);
    snprintf(tile->value, sizeof tile->value, "%.2f %%", 100 * told->prob);
}

/* What the class says of each place. */
static tm_status find_map(const tm_session *session, const tm_answer *answer, int class,
                          tm_plane *plane, tm_error *error)
{
    tm_pixels maps = tm_context_pixels(session->context, CLASS_MAPS, answer->picture);
    int size[2] = {maps.h, maps.w};
    if (maps.h == 1 && !tm_drawing_grid(session->model, (size_t)maps.w, size))
        return tm_fail(error, TM_USAGE, "--heatmap: %d tokens of %s are no grid of square patches",
                       maps.w, session->model->display);
    *plane = (tm_plane){.values = maps.data + class,
                        .height = size[0],
                        .width = size[1],
                        .row = maps.ld * (size_t)size[1],
                        .step = maps.ld};
    tm_plane_measure(plane);
    return TM_OK;
}

tm_status tm_class_pictures_add(tm_class_pictures *pictures, const tm_session *session,
                                const tm_answer *answer, const tm_class_told *told, tm_error *error)
{
    bool sheet = pictures->sheet.path, heatmap = pictures->heatmap.path;
    tm_tile tile = {.name = tm_drawing_name(answer->file),
                    .failure = answer->error ? answer->error->message : NULL};
    tm_image seen = {0};
    tm_plane plane;
    tm_status status = TM_OK;
    if (!sheet && !heatmap)
        return TM_OK;
    if (!answer->error) {
        status = tm_drawing_input(session, answer->picture, &seen, error);
        write_texts(told, &tile);
        tile.picture = &seen;
    }
    if (!status && sheet)
        status = tm_contact_sheet_add(&pictures->sheet, session, &tile, error);
    if (!status && heatmap && !answer->error) {
        status = find_map(session, answer, told->index, &plane, error);
        tile.veil = &plane;
    }
    if (!status && heatmap)
        status = tm_contact_sheet_add(&pictures->heatmap, session, &tile, error);
    tm_image_free(&seen);
    return status;
}

int tm_class_pictures_end(tm_class_pictures *pictures, const tm_session *session, int exit_code)
{
    tm_error error = {0};
    bool keep = !session->broken && !session->stopped && session->done;
    tm_status status = tm_contact_sheet_end(&pictures->sheet, keep, &error);
    tm_status other = tm_contact_sheet_end(&pictures->heatmap, keep, status ? NULL : &error);
    return status || other ? tm_report(&error) : exit_code;
}
