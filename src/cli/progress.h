/* SPDX-License-Identifier: Apache-2.0 */
/* The line on a terminal that tells how far a download is; nothing where stderr is no terminal. */
#ifndef TM_CLI_PROGRESS_H
#define TM_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct tm_progress_line {
    bool shown;           /* there is something to wipe off */
    double begun, last;   /* seconds */
    uint64_t first, done; /* bytes */
    char file[128];
} tm_progress_line;

/* A tm_progress (hub/hub.h); context: a tm_progress_line, zero at first. */
void tm_progress_show(void *context, const char *file, uint64_t done, uint64_t total);

/* Wipes the line off. */
void tm_progress_end(tm_progress_line *line);

#endif
