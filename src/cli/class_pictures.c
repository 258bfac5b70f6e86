/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/class_pictures.h"

#include <stdio.h>
#include <string.h>

#include "cli/drawing.h"

enum { PLACES = 1 /* chosen outputs: the scores, and what is said of places */ };

/* What the class says of each place or, where the scores come from one token, what that sees. */
static tm_status choose_places(tm_class_pictures *pictures, tm_model *model, tm_error *error)
{
    tm_error maps = {0}, attention = {0};
    tm_status status = tm_model_select(model, TM_CLASS_MAPS, &maps);
    if (status != TM_USAGE)
        return status ? tm_fail(error, status, "%s", maps.message) : TM_OK;
    pictures->attention = true;
    status = tm_model_select(model, TM_CLASS_ATTENTION, &attention);
    if (status == TM_USAGE)
        return tm_fail(error, status, "--heatmap: %s. %s", maps.message, attention.message);
    return status ? tm_fail(error, status, "%s", attention.message) : TM_OK;
}

tm_status tm_class_pictures_open(tm_class_pictures *pictures, tm_session *session,
                                 const tm_class_picture_names *names, tm_error *error)
{
    tm_status status = TM_OK;
    if (names->contact_sheet)
        status = tm_contact_sheet_open(&pictures->sheet, session, "contact-sheet",
                                       names->contact_sheet, false, error);
    if (status || !names->heatmap)
        return status;
    status = choose_places(pictures, session->model, error);
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

static tm_status find_map(const tm_class_pictures *pictures, const tm_session *session,
                          const tm_answer *answer, int class, tm_plane *plane, tm_error *error)
{
    tm_pixels maps = tm_context_pixels(session->context, PLACES, answer->picture);
    int size[2] = {maps.h, maps.w};
    if (!pictures->attention && maps.h == 1 &&
        !tm_drawing_grid(session->model, (size_t)maps.w, size))
        return tm_fail(error, TM_USAGE, "--heatmap: %d tokens of %s are no grid of square patches",
                       maps.w, session->model->display);
    *plane = (tm_plane){.values = maps.data + (pictures->attention ? 0 : class),
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
        if (pictures->attention) /* is of no class */
            strcat(tile.value, ", attention");
        status = find_map(pictures, session, answer, told->index, &plane, error);
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
