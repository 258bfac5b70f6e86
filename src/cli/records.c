/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/records.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "cli/progress.h"

static const struct {
    const char *name;
    tm_records_kind kind;
    bool array;
    char separator;
} formats[] = {
    {"jsonl", TM_RECORDS_JSON, false, 0},    {"json", TM_RECORDS_JSON, true, 0},
    {"text", TM_RECORDS_TEXT, false, 0},     {"csv", TM_RECORDS_FIELDS, false, ','},
    {"tsv", TM_RECORDS_FIELDS, false, '\t'},
};

void tm_records_open(tm_records *records, const char *format, const char *columns)
{
    *records = (tm_records){.kind = TM_RECORDS_NONE};
    if (!format)
        format = tm_stdout_is_terminal() ? "text" : "jsonl";
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (strcmp(format, formats[i].name) == 0)
            *records = (tm_records){.kind = formats[i].kind,
                                    .array = formats[i].array,
                                    .separator = formats[i].separator,
                                    .escaped = formats[i].separator == '\t' ||
                                               (formats[i].separator && tm_stdout_is_terminal())};
    if (records->array)
        fputs("[\n", stdout);
    for (const char *c = columns; records->separator && *c; c++)
        putchar(*c == ',' ? records->separator : *c);
    if (records->separator)
        putchar('\n');
}

static void add_quoted(tm_buffer *line, const char *text)
{
    tm_buffer_putc(line, '"');
    for (const char *c = text; *c; c++) {
        if (*c == '"')
            tm_buffer_putc(line, '"');
        tm_buffer_putc(line, *c);
    }
    tm_buffer_putc(line, '"');
}

void tm_records_field(tm_records *records, const char *text)
{
    tm_buffer *line = &records->line, escaped = {0};
    if (records->begun)
        tm_buffer_putc(line, records->separator);
    records->begun = true;
    if (records->escaped) {
        tm_text_escaped(&escaped, text);
        text = tm_buffer_text(&escaped, NULL);
    }
    if (!text)
        line->failed = true;
    else if (records->separator == ',' && strpbrk(text, ",\"\r\n"))
        add_quoted(line, text);
    else
        tm_buffer_puts(line, text);
    tm_buffer_free(&escaped);
}

void tm_records_field_of(tm_records *records, tm_buffer *text)
{
    const char *whole = tm_buffer_text(text, NULL);
    if (whole)
        tm_records_field(records, whole);
    else
        records->line.failed = true;
    tm_buffer_free(text);
}

void tm_records_end_row(tm_records *records)
{
    tm_buffer_putc(&records->line, '\n');
    records->begun = false;
}

static tm_status write_failed(tm_error *error)
{
    return tm_fail(error, TM_WRITE, "cannot write to the standard output: %s", strerror(errno));
}

/* Nothing follows what was not written: a hole could pass for an answer. */
static bool put_line(const tm_records *records, const tm_buffer *line)
{
    return !ferror(stdout) && (!records->array || !records->count || fputs(",\n", stdout) != EOF) &&
           (!line->length || fwrite(line->data, 1, line->length, stdout) == line->length) &&
           (records->kind != TM_RECORDS_JSON || records->array || putchar('\n') != EOF) &&
           fflush(stdout) == 0;
}

tm_status tm_records_write(tm_records *records, tm_error *error)
{
    tm_buffer *line = &records->line, shown = {0};
    bool text = records->kind == TM_RECORDS_TEXT && line->length;
    if (text)
        tm_text_lines(&shown, line->data);
    tm_status status = TM_OK;
    if (line->failed || shown.failed)
        status = tm_fail(error, TM_NO_MEMORY, "no memory for a record");
    if (tm_stdout_is_terminal())
        tm_progress_end();
    if (!status && !put_line(records, text ? &shown : line))
        status = write_failed(error);
    records->count++;
    tm_buffer_free(&shown);
    tm_buffer_clear(line);
    return status;
}

tm_status tm_records_close(tm_records *records, tm_error *error)
{
    tm_buffer_free(&records->line);
    if (records->array && !ferror(stdout))
        fputs("\n]\n", stdout);
    return fflush(stdout) == 0 && !ferror(stdout) ? TM_OK : write_failed(error);
}
