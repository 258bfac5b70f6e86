/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of pictures' classes: a table of files, or the folders that they lie in. */
#ifndef TM_CLI_TRUTH_H
#define TM_CLI_TRUTH_H

#include <stddef.h>

#include "base/error.h"
#include "base/memory.h"

/* Zero-initialised: pictures lie in folders that have their classes' names. */
typedef struct tm_truth {
    const char *path;           /* of the table; NULL: there is none */
    struct tm_truth_row *rows;  /* by file */
    struct tm_truth_row *names; /* the same by the last part of the file */
    size_t count;
    tm_buffer text;   /* of the table */
    tm_buffer folder; /* that was asked for last */
} tm_truth;

/* Reads lines "FILE,CLASS": a comma, a tab or the last space is between them, "" may be around
 * them, what follows a second comma is left alone, and a first line that names its columns is
 * skipped. TM_NOT_FOUND, TM_READ, TM_TOO_LARGE, TM_NO_MEMORY; TM_USAGE: a line is no such line, or
 * a file has two classes. */
tm_status tm_truth_open(tm_truth *truth, const char *path, tm_error *error);
void tm_truth_free(tm_truth *truth);

/* The text of the file's class: of the table's row of that file, else of that name; without a
 * table, the name of the folder that it lies in. Valid until the next call. TM_NOT_FOUND. */
tm_status tm_truth_find(tm_truth *truth, const char *file, const char **name, tm_error *error);

#endif
