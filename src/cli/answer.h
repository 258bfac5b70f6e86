/* SPDX-License-Identifier: Apache-2.0 */
/* One input's answer, and the head that its record has in every command and format. */
#ifndef TM_CLI_ANSWER_H
#define TM_CLI_ANSWER_H

#include "cli/records.h"

typedef struct tm_answer {
    const char *file;
    const char *model;     /* as records name it */
    int index;             /* of a picture in a .npy file of several; else -1 */
    int64_t row;           /* of the arrays of -o; -1: there is none */
    const tm_error *error; /* NULL: it succeeded */
    int picture;           /* for tm_model_read */
    int warnings;          /* of the decoder: faults that it passed over */
} tm_answer;

/* The first columns of csv and tsv; the last one is "error". */
#define TM_ANSWER_COLUMNS "file,picture,row,warnings"

/* What a command says of an input that succeeded, behind the head that all records share. */
typedef struct tm_answer_body {
    int columns;                                 /* of its own in csv and tsv */
    void (*json)(void *context, tm_buffer *out); /* members, each behind a comma */
    void (*text)(void *context, tm_buffer *out); /* lines */
    /* One line or more: tm_answer_fields, its own columns, tm_answer_end_fields. */
    void (*fields)(void *context, tm_records *records, const tm_answer *answer);
} tm_answer_body;

/* Writes the record in the format of `records`. Where records are left out, errors go to stderr.
 * TM_WRITE, TM_NO_MEMORY. */
tm_status tm_answer_write(tm_records *records, const tm_answer *answer, const tm_answer_body *body,
                          void *context, tm_error *error);

void tm_answer_fields(tm_records *records, const tm_answer *answer);
void tm_answer_end_fields(tm_records *records, const tm_answer *answer);

/* A line of an index beside arrays: {"file":"cat.jpg","row":0}, row null where there is none. A
 * name that is no UTF-8 has its exact bytes in "file_b64" beside it, as in every record. */
void tm_answer_index(tm_buffer *out, const tm_answer *answer);

#endif
