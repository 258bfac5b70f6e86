/* SPDX-License-Identifier: Apache-2.0 */
/* Records on stdout; flushed record by record, so that a pipeline sees each answer when it is
 * there. */
#ifndef TM_CLI_RECORDS_H
#define TM_CLI_RECORDS_H

#include "cli/cli.h"
#include "output/record.h"

typedef struct tm_records {
    const tm_record_format *format; /* NULL: stdout holds something else */
    bool terminal;                  /* that is where they go */
    tm_buffer line;                 /* what waits to be written */
    size_t count;
} tm_records;

/* format: one of TM_RECORD_FORMATS, NULL: text on a terminal, else jsonl; any other: no records.
 * type: of each record. */
void tm_records_open(tm_records *records, const char *format, const tm_record_type *type);

/* The record is written with the next ones. */
void tm_records_add(tm_records *records, const tm_record *record);

/* Adds one, and writes what waits. TM_WRITE, TM_NO_MEMORY. */
tm_status tm_records_write(tm_records *records, const tm_record *record, tm_error *error);

/* Writes what waits and the end; frees. TM_WRITE, TM_NO_MEMORY. */
tm_status tm_records_close(tm_records *records, tm_error *error);

#endif
