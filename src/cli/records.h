/* SPDX-License-Identifier: Apache-2.0 */
/* Records on stdout: JSON Lines, one JSON array, text, CSV or TSV; flushed record by record, so
 * that a pipeline sees each answer when it is there. */
#ifndef TM_CLI_RECORDS_H
#define TM_CLI_RECORDS_H

#include "cli/cli.h"

#define TM_RECORD_FORMATS "jsonl|json|text|csv|tsv"

typedef enum tm_records_kind {
    TM_RECORDS_JSON, /* jsonl and json */
    TM_RECORDS_TEXT,
    TM_RECORDS_FIELDS, /* csv and tsv */
    TM_RECORDS_NONE,   /* stdout holds something else */
} tm_records_kind;

typedef struct tm_records {
    tm_records_kind kind;
    bool array;     /* json: all in one array */
    char separator; /* of csv and tsv */
    bool begun;     /* a field stands in the row */
    bool escaped;   /* csv on a terminal: nothing may steer it */
    tm_buffer line; /* the record under construction */
    size_t count;
} tm_records;

/* format: one of TM_RECORD_FORMATS, NULL: text on a terminal, else jsonl; any other: no records.
 * columns: csv's first line, separated by commas. */
void tm_records_open(tm_records *records, const char *format, const char *columns);

/* One field of a row of csv or tsv, with the separator before it unless it is the first: quoted as
 * RFC 4180 wants; in tsv, and in csv on a terminal, control characters are escaped as
 * tm_text_escaped does. */
void tm_records_field(tm_records *records, const char *text);

/* The same of a text that was put together; frees it. */
void tm_records_field_of(tm_records *records, tm_buffer *text);

void tm_records_end_row(tm_records *records);

/* Writes the line (a JSON object without newline, or whole lines of text or csv). TM_WRITE. */
tm_status tm_records_write(tm_records *records, tm_error *error);

/* Ends the array of json; frees. */
tm_status tm_records_close(tm_records *records, tm_error *error);

#endif
