/* SPDX-License-Identifier: Apache-2.0 */
/* What features draws of its tensors beside the records: --grid and --pca. */
#ifndef TM_CLI_TENSOR_PICTURES_H
#define TM_CLI_TENSOR_PICTURES_H

#include "cli/drawing.h"
#include "cli/pca_sheet.h"

struct tm_shown;

/* What is asked for; NULL: not. */
typedef struct tm_tensor_picture_names {
    const char *grid; /* PNG of the first picture's maps */
    const char *pca;  /* PNG of the principal components of all */
} tm_tensor_picture_names;

typedef struct tm_tensor_pictures {
    tm_drawing grid, pca;
    tm_pca_sheet sheet;
} tm_tensor_pictures;

/* TM_USAGE: nothing of what is shown can be drawn so. */
tm_status tm_tensor_pictures_open(tm_tensor_pictures *pictures, const tm_session *session,
                                  const tm_tensor_picture_names *names,
                                  const struct tm_shown *shown, size_t count, tm_error *error);

/* An input that succeeded. */
tm_status tm_tensor_pictures_add(tm_tensor_pictures *pictures, const tm_session *session,
                                 const tm_answer *answer, const struct tm_shown *shown,
                                 size_t count, tm_error *error);

/* Writes what is not yet written of a run that came to its end, else nothing. Returns the exit
 * code, where that is of a failure here its. */
int tm_tensor_pictures_end(tm_tensor_pictures *pictures, const tm_session *session, int exit_code);

#endif
