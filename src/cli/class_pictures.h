/* SPDX-License-Identifier: Apache-2.0 */
/* What classify draws of its pictures beside the records: --contact-sheet and --heatmap. */
#ifndef TM_CLI_CLASS_PICTURES_H
#define TM_CLI_CLASS_PICTURES_H

#include "cli/contact_sheet.h"

/* What is asked for; NULL: not. */
typedef struct tm_class_picture_names {
    const char *contact_sheet, *heatmap;
} tm_class_picture_names;

typedef struct tm_class_pictures {
    tm_contact_sheet sheet, heatmap;
    bool attention; /* the heatmap's, of no class */
} tm_class_pictures;

/* The most probable class of a picture. */
typedef struct tm_class_told {
    int index;
    double prob;
    const char *name, *label; /* "": none */
} tm_class_told;

/* After the scores have been chosen; chooses the class maps beside them, or the attention of the
 * class token. TM_USAGE: the model has neither, or as of tm_drawing_open. */
tm_status tm_class_pictures_open(tm_class_pictures *pictures, tm_session *session,
                                 const tm_class_picture_names *names, tm_error *error);

/* An input; of one that failed told does not count. */
tm_status tm_class_pictures_add(tm_class_pictures *pictures, const tm_session *session,
                                const tm_answer *answer, const tm_class_told *told,
                                tm_error *error);

/* Writes the last pages of a run that came to its end, unless nothing succeeded. Returns the exit
 * code, where that is of a failure here its. */
int tm_class_pictures_end(tm_class_pictures *pictures, const tm_session *session, int exit_code);

#endif
