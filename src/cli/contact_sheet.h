/* SPDX-License-Identifier: Apache-2.0 */
/* Small pictures in a grid, with text under each: on as many pages as they fill. */
#ifndef TM_CLI_CONTACT_SHEET_H
#define TM_CLI_CONTACT_SHEET_H

#include "cli/drawing.h"

typedef struct tm_tile {
    const char *name;        /* of the file */
    const char *failure;     /* NULL: it succeeded */
    const tm_image *picture; /* and has these */
    const tm_plane *veil;    /* of a sheet of pairs: over the second picture */
    char label[256], value[32];
} tm_tile;

typedef struct tm_contact_sheet {
    const char *path, *option; /* NULL: not open */
    bool pairs;                /* each picture has another beside it, under a veil */
    tm_buffer page_path;       /* of the page at hand */
    tm_drawing drawing;
    tm_image canvas;
    int page, tiles; /* the page, from 1, and what is on it */
} tm_contact_sheet;

/* Zero-initialise. path: of the first page; the others are NAME-2.png, ... As tm_drawing_open. */
tm_status tm_contact_sheet_open(tm_contact_sheet *sheet, const tm_session *session,
                                const char *option, const char *path, bool pairs, tm_error *error);

/* A page that is full is written when the next tile comes. TM_WRITE, TM_NO_MEMORY. */
tm_status tm_contact_sheet_add(tm_contact_sheet *sheet, const tm_session *session,
                               const tm_tile *tile, tm_error *error);

/* Closes it; keep: the last page is written, where anything is on it. */
tm_status tm_contact_sheet_end(tm_contact_sheet *sheet, bool keep, tm_error *error);

#endif
