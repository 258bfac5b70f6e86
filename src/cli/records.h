/* SPDX-License-Identifier: Apache-2.0 */
/* Records on stdout or in a file; flushed record by record, so that a pipeline sees each answer
 * when it is there. */
#ifndef TM_CLI_RECORDS_H
#define TM_CLI_RECORDS_H

#include <stdio.h>

#include "cli/cli.h"
#include "output/record.h"

typedef struct tm_records {
    const tm_record_format *format; /* NULL: stdout holds something else */
    FILE *to;
    const char *name; /* of the file; NULL: stdout */
    bool terminal;    /* that is where they go */
    tm_buffer line;   /* what waits to be written */
    size_t count;
} tm_records;

/* format: one of TM_RECORD_FORMATS, NULL: text on a terminal, else jsonl; any other: no records.
 * type: of each record. */
void tm_records_open(tm_records *records, const char *format, const tm_record_type *type);

/* Whether records of that format, NULL: of any that may be chosen, have room for what JSON alone
 * tells. */
bool tm_records_take_json(const char *format);

/* The same to a file that is the caller's, as jsonl. */
void tm_records_open_file(tm_records *records, FILE *to, const char *name);

/* The record is written with the next ones. */
void tm_records_add(tm_records *records, const tm_record *record);

/* Adds one, and writes what waits. TM_WRITE, TM_NO_MEMORY. */
tm_status tm_records_write(tm_records *records, const tm_record *record, tm_error *error);

/* Writes what waits and the end; frees. TM_WRITE, TM_NO_MEMORY. */
tm_status tm_records_close(tm_records *records, tm_error *error);

#endif
