/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/records.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool is_format(const tm_records *records, const char *format)
{
    return strcmp(records->format, format) == 0;
}

void tm_records_open(tm_records *records, const char *format, const char *columns)
{
    *records = (tm_records){.format = format ? format : tm_stdout_is_terminal() ? "text" : "jsonl"};
    if (is_format(records, "csv"))
        records->separator = ',';
    if (is_format(records, "tsv"))
        records->separator = '\t';
    if (is_format(records, "json"))
        fputs("[\n", stdout);
    for (const char *c = columns; records->separator && *c; c++)
        putchar(*c == ',' ? records->separator : *c);
    if (records->separator)
        putchar('\n');
}

bool tm_records_are_json(const tm_records *records)
{
    return is_format(records, "jsonl") || is_format(records, "json");
}

void tm_records_field(tm_records *records, const char *text)
{
    tm_buffer *line = &records->line;
    if (line->length && line->data[line->length - 1] != '\n')
        tm_buffer_putc(line, records->separator);
    bool quote = records->separator == ',' && strpbrk(text, ",\"\r\n");
    if (quote)
        tm_buffer_putc(line, '"');
    for (const char *c = text; *c; c++) {
        if (quote && *c == '"')
            tm_buffer_putc(line, '"');
        bool blank = records->separator == '\t' && strchr("\t\r\n", *c);
        tm_buffer_putc(line, blank ? ' ' : *c);
    }
    if (quote)
        tm_buffer_putc(line, '"');
}

tm_status tm_records_write(tm_records *records, tm_error *error)
{
    tm_buffer *line = &records->line;
    if (line->failed)
        return tm_fail(error, TM_NO_MEMORY, "no memory for a record");
    if (is_format(records, "json") && records->count)
        fputs(",\n", stdout);
    if (line->length)
        fwrite(line->data, 1, line->length, stdout);
    if (is_format(records, "jsonl"))
        putchar('\n');
    records->count++;
    tm_buffer_clear(line);
    if (fflush(stdout) != 0)
        return tm_fail(error, TM_WRITE, "cannot write to the standard output: %s", strerror(errno));
    return TM_OK;
}

tm_status tm_records_close(tm_records *records, tm_error *error)
{
    tm_buffer_free(&records->line);
    if (is_format(records, "json"))
        fputs("\n]\n", stdout);
    if (fflush(stdout) != 0)
        return tm_fail(error, TM_WRITE, "cannot write to the standard output: %s", strerror(errno));
    return TM_OK;
}
