/* SPDX-License-Identifier: Apache-2.0 */
/* What the pictures of a run were taken for without a complaint, to be told once at its end. */
#ifndef TM_CLI_PICTURE_NOTES_H
#define TM_CLI_PICTURE_NOTES_H

#include "image/image.h"

typedef struct tm_picture_notes {
    size_t faulty, turned, clipped; /* pictures */
} tm_picture_notes;

/* Counts a picture that was answered; its pixels may be gone. */
void tm_picture_note(tm_picture_notes *notes, const tm_image *image);

/* Writes a warning for each kind that there was to stderr. */
void tm_picture_notes_tell(const tm_picture_notes *notes);

#endif
