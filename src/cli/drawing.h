/* SPDX-License-Identifier: Apache-2.0 */
/* PNG files that a command draws beside its records: one appears whole or not at all. */
#ifndef TM_CLI_DRAWING_H
#define TM_CLI_DRAWING_H

#include "base/outfile.h"
#include "cli/session.h"
#include "image/canvas.h"

enum { TM_DRAWING_MARGIN = 12, TM_DRAWING_GAP = 4 };
#define TM_DRAWING_GROUND ((tm_colour)0x1e2226)
#define TM_DRAWING_TEXT ((tm_colour)0xf0f0f0)
#define TM_DRAWING_DIM ((tm_colour)0xa8b0b8)

typedef struct tm_drawing {
    const char *path; /* NULL: it is not asked for, or done */
    tm_outfile out;
} tm_drawing;

/* path NULL: nothing is asked for. TM_USAGE: its name does not end in .png, or the inputs are
 * hidden states, or some of them were answered by an earlier run (--resume). TM_WRITE: it exists,
 * or cannot be made. */
tm_status tm_drawing_open(tm_drawing *drawing, const tm_session *session, const char *option,
                          const char *path, tm_error *error);
/* Writes it, and gives it its name. */
tm_status tm_drawing_write(tm_drawing *drawing, const tm_image *canvas, tm_error *error);
void tm_drawing_abandon(tm_drawing *drawing);

/* What the model saw of a picture of the session's last run, from its input tensor: the first three
 * channels or, where there are fewer, the first. The caller frees it. */
tm_status tm_drawing_input(const tm_session *session, int picture, tm_image *seen, tm_error *error);

/* Height and width of the grid of square patches that makes so many tokens of the model's input;
 * false: there is none. */
bool tm_drawing_grid(const tm_model *model, size_t tokens, int size[2]);

/* The last part of a file's name. */
const char *tm_drawing_name(const char *file);

/* Characters that fit so many pixels. */
int tm_drawing_columns(int pixels, int scale);

#endif
