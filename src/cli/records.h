/* SPDX-License-Identifier: Apache-2.0 */
/* Records on stdout: JSON Lines, one JSON array, text, CSV or TSV; flushed record by record, so
 * that a pipeline sees each answer when it is there. */
#ifndef TM_CLI_RECORDS_H
#define TM_CLI_RECORDS_H

#include "cli/cli.h"

#define TM_RECORD_FORMATS "jsonl|json|text|csv|tsv"

typedef struct tm_records {
    const char *format; /* one of TM_RECORD_FORMATS */
    char separator;     /* of csv and tsv, else 0 */
    tm_buffer line;     /* the record under construction */
    size_t count;
} tm_records;

/* format NULL: text on a terminal, else jsonl. columns: csv's first line, separated by commas. */
void tm_records_open(tm_records *records, const char *format, const char *columns);
bool tm_records_are_json(const tm_records *records);

/* One field of the line, quoted as RFC 4180 wants (tsv: tabs and newlines become spaces), with the
 * separator before it unless it is the first. */
void tm_records_field(tm_records *records, const char *text);

/* Writes the line (a JSON object without newline, or whole lines of text or csv). TM_WRITE. */
tm_status tm_records_write(tm_records *records, tm_error *error);

/* Ends the array of json; frees. */
tm_status tm_records_close(tm_records *records, tm_error *error);

#endif
